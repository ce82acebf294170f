//! Semaphores among processes that die: nobody owns what they count, so nothing of it comes back, and nothing is lost that
//! nobody had.

use crate::party::{self, DEADLINE, Party, Tidy, answer, until};
use crate::scene::{SHORT, listen, state};
use crate::{sandboxes, system};
use ringway_shm::Name;
use ringway_sync::{AcquireError, BinarySemaphore, CreateError, Semaphore, Setup, Shared};
use rustix::process::Signal;

#[derive(Shared)]
struct Both {
    jobs: Semaphore,
    signal: BinarySemaphore,
}

/// Opens both and does what it is told.
#[test]
fn errand() {
    let Some(errand) = party::errand() else { return };
    system::end_in_time();
    let (name, sandbox) = errand.split_once(' ').unwrap();
    if let Some((sandbox, errno)) = sandbox.split_once(':') {
        let is_set = sandboxes::enter(sandbox, errno.parse().unwrap());
        answer(if is_set { "filtered" } else { "no filter" });
    }
    let both = Both::open(Name::new(name).unwrap()).unwrap();
    while let Some(line) = listen() {
        match line.split_once(' ').unwrap_or((&line, "")) {
            ("take", which) => {
                answer("takes");
                let taken = match which {
                    "job" => both.jobs.try_acquire_for(DEADLINE),
                    _ => both.signal.try_acquire_for(DEADLINE),
                };
                answer(&format!("{taken:?}"));
            }
            ("echo", rounds) => {
                for _ in 0..rounds.parse().unwrap() {
                    both.signal.try_acquire_for(DEADLINE).unwrap();
                    both.jobs.release(1).unwrap();
                }
                answer("echoed");
            }
            ("release", count) => {
                both.jobs.release(count.parse().unwrap()).unwrap();
                both.signal.release().unwrap();
                answer("released");
            }
            (other, _) => panic!("{other}"),
        }
    }
}

struct Scene {
    both: Both,
    tidy: Tidy,
}

impl Scene {
    fn new() -> Self {
        let tidy = Tidy::new("sync-semaphore");
        let both = Setup::new().create_with(tidy.name(), |_: &Both| Ok::<_, CreateError>(()));
        Self { both: both.unwrap(), tidy }
    }

    fn send(&self, sandbox: &str) -> Party {
        let errand = format!("{} {sandbox}", self.tidy.0.text());
        Party::start(party::command("semaphores::errand", &errand))
    }

    fn send_sleeper(&self, which: &str) -> Party {
        let mut party = self.send("");
        assert_eq!(party.ask(&format!("take {which}")), "takes");
        let process = party.id().as_raw_nonzero().to_string();
        until("a sleeper", || state(&process) == Some('S'));
        party
    }
}

#[test]
fn a_sleeper_that_is_killed_takes_no_permit_along() {
    let scene = Scene::new();
    let mut sleepers = [(); 3].map(|()| scene.send_sleeper("job"));
    sleepers[0].kill();
    scene.both.jobs.release(2).unwrap();
    assert_eq!(sleepers[1].hear(), "Ok(())");
    assert_eq!(sleepers[2].hear(), "Ok(())");
    assert_eq!((scene.both.jobs.count(), scene.both.jobs.repaired()), (0, 0));

    let mut sleepers = [(); 2].map(|()| scene.send_sleeper("signal"));
    sleepers[0].kill();
    scene.both.signal.release().unwrap();
    assert_eq!(sleepers[1].hear(), "Ok(())");
    assert!(!scene.both.signal.is_released());
}

#[test]
fn a_sleeper_that_is_killed_when_it_has_been_woken_takes_no_permit_along() {
    let scene = Scene::new();
    for which in ["job", "signal"] {
        let mut sleepers = [(); 2].map(|()| scene.send_sleeper(which));
        // Stopped, it is woken and cannot take anything.
        sleepers[0].signal(Signal::STOP);
        let process = sleepers[0].id().as_raw_nonzero().to_string();
        until("a stop", || state(&process) == Some('T'));
        scene.both.jobs.release(u32::from(which == "job")).unwrap();
        if which == "signal" {
            scene.both.signal.release().unwrap();
        }
        sleepers[0].kill();
        // The wake-up was for one; its tick gets the other one.
        assert_eq!(sleepers[1].hear(), "Ok(())");
    }
}

#[test]
fn a_permit_that_was_taken_by_the_dead_is_gone_and_all_else_goes_on() {
    let scene = Scene::new();
    scene.both.jobs.release(2).unwrap();
    let mut taker = scene.send("");
    taker.tell("take job");
    assert_eq!((taker.hear(), taker.hear()), ("takes".into(), "Ok(())".into()));
    taker.kill();
    assert_eq!(scene.both.jobs.count(), 1);
    scene.both.jobs.acquire().unwrap();
    assert_eq!(scene.both.jobs.try_acquire_for(SHORT), Err(AcquireError::TimedOut));
    // Anybody may make up for it.
    let mut other = scene.send("");
    assert_eq!(other.ask("release 1"), "released");
    scene.both.jobs.try_acquire_for(DEADLINE).unwrap();
    scene.both.signal.try_acquire_for(DEADLINE).unwrap();
    // What it released stays when it dies.
    assert_eq!(other.ask("release 4"), "released");
    other.kill();
    assert_eq!((scene.both.jobs.count(), scene.both.signal.is_released()), (4, true));
}

#[test]
fn signals_go_to_and_fro_in_every_sandbox() {
    const ROUNDS: u32 = 500;
    for sandbox in sandboxes::all() {
        let scene = Scene::new();
        let mut party = scene.send(&sandbox);
        if party.hear() == "no filter" {
            return party::skipped("signals_go_to_and_fro_in_every_sandbox", "no filters of system calls");
        }
        party.tell(&format!("echo {ROUNDS}"));
        for _ in 0..ROUNDS {
            scene.both.signal.release().unwrap();
            scene.both.jobs.try_acquire_for(DEADLINE).unwrap();
        }
        assert_eq!(party.hear(), "echoed");
        assert_eq!((scene.both.jobs.count(), scene.both.jobs.repaired()), (0, 0), "{sandbox}");
        // And its death is nobody's matter.
        assert_eq!(party.ask("release 1"), "released");
        party.kill();
        scene.both.jobs.try_acquire_for(DEADLINE).unwrap();
    }
}
