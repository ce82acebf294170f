//! A primitive under a name, with a survivor, and processes that do with it what they are told.

use crate::kinds::{Kind, OfBreaking, OfDropping, OfMutex, OfPermits, OfSpinLock, Said};
use crate::party::{self, DEADLINE, Party, Tidy, answer, until};
use crate::{namespaces, sandboxes, system};
use ringway_shm::primitive::{AtomicU32, Ordering};
use ringway_shm::{Access, Name};
use ringway_sync::{CreateError, Setup};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// How long to look at what must not happen.
pub(crate) const SHORT: Duration = Duration::from_millis(60);

/// The next line of the input; `None` at its end.
pub(crate) fn listen() -> Option<String> {
    let mut line = String::new();
    let len = std::io::stdin().read_line(&mut line).unwrap();
    (len > 0).then(|| line.trim_end().to_owned())
}

pub(crate) fn say(said: Said) {
    answer(&format!("{said:?}"));
}

/// What another process has been told.
pub(crate) fn heard(party: &mut Party) -> Said {
    let text = party.hear();
    let all = [Said::Got, Said::Died, Said::Nothing, Said::Broken, Said::Forked, Said::Else];
    all.into_iter().find(|said| format!("{said:?}") == text).unwrap_or_else(|| panic!("{text}"))
}

/// The state of a process or thread, as `/proc` has it.
pub(crate) fn state(of: &str) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{of}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

/// Opens a primitive, and does what it is told: `KIND NAME PREPARATION`.
#[test]
fn errand() {
    let Some(errand) = party::errand() else { return };
    system::end_in_time();
    let [kind, name, preparation] = errand.split(' ').collect::<Vec<_>>()[..] else { panic!("{errand}") };
    let name = Name::new(name).unwrap();
    match kind {
        OfMutex::NAME => begin::<OfMutex>(&name, preparation),
        OfSpinLock::NAME => begin::<OfSpinLock>(&name, preparation),
        OfPermits::NAME => begin::<OfPermits>(&name, preparation),
        OfBreaking::NAME => begin::<OfBreaking>(&name, preparation),
        OfDropping::NAME => begin::<OfDropping>(&name, preparation),
        other => panic!("{other}"),
    }
}

fn begin<K: Kind>(name: &Name, preparation: &str) {
    match preparation.split_once(':') {
        None if preparation == "namespace" => namespaces::within(|| serve::<K>(name)),
        None => serve::<K>(name),
        Some((sandbox, errno)) => {
            let is_set = sandboxes::enter(sandbox, errno.parse().unwrap());
            answer(if is_set { "filtered" } else { "no filter" });
            serve::<K>(name);
        }
    }
}

pub(crate) fn open<K: Kind>(name: &Name) -> K::Handle {
    Setup::new().open(name.clone(), Access::default()).unwrap()
}

/// Does what the lines of the input say.
fn serve<K: Kind>(name: &Name) {
    let handle = open::<K>(name);
    let (mut held, mut waiter) = (None, None);
    while let Some(line) = listen() {
        match &*line {
            "hold" => {
                held = Some(K::hold(&handle));
                answer("held");
            }
            "give" => {
                K::give(held.as_mut().unwrap());
                answer("given");
            }
            "try" => say(K::take(waiter.get_or_insert_with(|| K::waiter(&handle)), None)),
            "take" => {
                let waiter = waiter.get_or_insert_with(|| K::waiter(&handle));
                answer("takes");
                say(K::take(waiter, Some(DEADLINE)));
            }
            "recover" => {
                let (said, now_held) = K::recover(&handle);
                held = Some(now_held);
                say(said);
            }
            "count" => {
                K::count(&handle);
                answer("counted");
            }
            "thread" => {
                std::thread::scope(|scope| {
                    scope.spawn(|| std::mem::forget(K::hold(&handle))).join().unwrap();
                });
                answer("ended");
            }
            "fork" => {
                let child = system::fork(|| {
                    answer(&std::process::id().to_string());
                    let handle = open::<K>(name);
                    let mut waiter = K::waiter(&handle);
                    answer("takes");
                    say(K::take(&mut waiter, Some(DEADLINE)));
                });
                answer(&format!("reaped {}", system::reap(child)));
            }
            "exec" => panic!("exec: {}", Command::new("sleep").arg("100").exec()),
            "spawn" => {
                // It ends with this process, which has the other end of its input.
                let child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
                answer(&child.id().to_string());
                std::mem::forget(child);
            }
            other => panic!("{other}"),
        }
    }
}

/// A primitive under a name of its own, with this process attached to it.
pub(crate) struct Scene<K: Kind> {
    pub(crate) handle: K::Handle,
    tidy: Tidy,
}

impl<K: Kind> Scene<K> {
    pub(crate) fn new() -> Self {
        let tidy = Tidy::new("sync");
        let handle = Setup::new().create_with(tidy.name(), |handle| {
            K::set_up(handle);
            Ok::<_, CreateError>(())
        });
        Self { handle: handle.unwrap(), tidy }
    }

    /// Sends a process.
    pub(crate) fn send(&self) -> Party {
        self.send_prepared("plain")
    }

    pub(crate) fn send_prepared(&self, preparation: &str) -> Party {
        let errand = format!("{} {} {preparation}", K::NAME, self.tidy.0.text());
        Party::start(party::command("scene::errand", &errand))
    }

    /// Sends a process that holds it.
    pub(crate) fn send_holder(&self) -> Party {
        let mut party = self.send();
        assert_eq!(party.ask("hold"), "held");
        party
    }

    /// Sends a process that waits, and sleeps by now.
    pub(crate) fn send_sleeper(&self) -> Party {
        let mut party = self.send();
        assert_eq!(party.ask("take"), "takes");
        let process = party.id().as_raw_nonzero().to_string();
        until("a sleeper", || state(&process) == Some('S'));
        party
    }

    /// What somebody who comes by is told, within the time.
    pub(crate) fn told(&self, timeout: Option<Duration>) -> Said {
        K::take(&mut K::waiter(&self.handle), timeout)
    }

    /// A thread of this process that waits, and sleeps by now.
    pub(crate) fn sleeper(&self) -> Asleep<K> {
        Asleep::begin(K::waiter(&self.handle), || ())
    }
}

/// A thread that waits.
pub(crate) struct Asleep<K: Kind>(JoinHandle<(Said, K::Waiter)>);

impl<K: Kind> Asleep<K> {
    /// Begins to wait, behind what `prepare` does, which it keeps until it was told.
    pub(crate) fn begin<P>(mut waiter: K::Waiter, prepare: impl FnOnce() -> P + Send + 'static) -> Self {
        let number = Arc::new(AtomicU32::new(0));
        let told = Arc::clone(&number);
        let thread = std::thread::spawn(move || {
            let _prepared = prepare();
            // Release: this thread is here. What follows is the wait.
            told.store(rustix::thread::gettid().as_raw_nonzero().get() as u32, Ordering::Release);
            (K::take(&mut waiter, Some(DEADLINE)), waiter)
        });
        until("a sleeper", || {
            let thread = number.load(Ordering::Acquire);
            thread != 0 && state(&format!("self/task/{thread}")) == Some('S')
        });
        Self(thread)
    }

    pub(crate) fn is_waiting(&self) -> bool {
        !self.0.is_finished()
    }

    /// What it is told.
    pub(crate) fn told(self) -> Said {
        self.join().0
    }

    pub(crate) fn join(self) -> (Said, K::Waiter) {
        self.0.join().unwrap()
    }
}
