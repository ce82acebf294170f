//! A region with a survivor in it, who watches the others.

use crate::party::{self, DEADLINE, Party, Tidy, answer, until};
use crate::system;
use ringway_shm::primitive::{AtomicU32, Ordering, kernel};
use ringway_shm::{Access, Blueprint, Claim, ClaimError, Name, Owner, Permissions, Region, Standing, layout};
use std::collections::HashSet;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// The role that a party claims.
pub(crate) const ROLE: u32 = 3;

/// The bit that the kernel sets in the life word of the dead.
pub(crate) const DIED: u32 = 1 << 30;

/// How many rows a scene has where their number is no matter.
const ROWS: u32 = 7;

fn blueprint() -> Blueprint {
    Blueprint::new(0x7061_7274, 1).section(layout::FIRST_OWN, 2 * layout::PAGE).unwrap()
}

/// Opens the region of a name.
pub(crate) fn open(name: &Name) -> Arc<Region> {
    // The number of rows is no part of what is expected.
    Arc::new(Region::open(name.clone(), &blueprint().expected(), Access::default()).unwrap())
}

/// How a process that was sent begins: what it is to do, and the region.
pub(crate) fn sent() -> Option<(String, Arc<Region>)> {
    let errand = party::errand()?;
    system::end_in_time();
    let (how, name) = errand.split_once(' ').unwrap();
    Some((how.to_owned(), open(&Name::new(name).unwrap())))
}

/// Takes the role, and says as whom.
pub(crate) fn take_role(region: &Arc<Region>) -> Claim {
    let claim = region.claim(ROLE).unwrap();
    say(claim.owner());
    claim
}

/// Answers with an owner.
pub(crate) fn say(owner: Owner) {
    answer(&owner.to_bits().to_string());
}

/// The next line of the input; `None` at its end.
pub(crate) fn listen() -> Option<String> {
    let mut line = String::new();
    let len = std::io::stdin().read_line(&mut line).unwrap();
    (len > 0).then(|| line.trim_end().to_owned())
}

/// An owner that a party says.
pub(crate) fn hear_owner(party: &mut Party) -> Owner {
    let text = party.hear();
    let bits = text.parse().unwrap_or_else(|_| panic!("no owner: {text}"));
    Owner::from_bits(bits).unwrap()
}

/// A region under a name of its own, with this process attached to it.
pub(crate) struct Scene {
    pub(crate) region: Arc<Region>,
    pub(crate) tidy: Tidy,
}

impl Scene {
    pub(crate) fn new(label: &str) -> Self {
        Self::with_rows(label, ROWS)
    }

    pub(crate) fn with_rows(label: &str, rows: u32) -> Self {
        let tidy = Tidy::new(label);
        let blueprint = blueprint().rows(rows).unwrap();
        let region = Region::create(tidy.name(), &blueprint, Permissions::default()).unwrap();
        Self { region: Arc::new(region), tidy }
    }

    /// Sends a process to the hidden test `entry`, to do what `how` says.
    pub(crate) fn send(&self, entry: &str, how: &str) -> Party {
        Party::start(party::command(entry, &format!("{how} {}", self.tidy.0.text())))
    }

    /// Sends a process that takes the role.
    pub(crate) fn send_holder(&self, entry: &str, how: &str) -> (Party, Owner) {
        let mut party = self.send(entry, how);
        let owner = hear_owner(&mut party);
        (party, owner)
    }

    /// Sends a process that takes a row, and no role.
    pub(crate) fn send_attendant(&self) -> (Party, Owner) {
        self.send_holder("ends::errand", "attend")
    }

    /// Goes to sleep at an owner's life word, once alone and once beside another word.
    pub(crate) fn watch(&self, owner: Owner) -> Watch {
        let sleeper = |beside: bool| {
            let region = Arc::clone(&self.region);
            let number = Arc::new(AtomicU32::new(0));
            let told = Arc::clone(&number);
            let thread = std::thread::spawn(move || sleep_at_life(&region, owner, beside, &told));
            until("a sleeper", || is_asleep(number.load(Ordering::Acquire)));
            thread
        };
        Watch { sleepers: [sleeper(false), sleeper(true)] }
    }

    /// It lives, has its role, and nobody has been told otherwise.
    pub(crate) fn lives(&self, owner: Owner) {
        self.is_there(owner);
        assert_eq!(self.region.is_claimed(ROLE), Ok(true));
        assert_eq!(self.region.claim(ROLE).unwrap_err(), ClaimError::Taken);
        let life = self.region.life(owner).expect("a life word");
        assert_ne!(life.alive, 0);
        assert_eq!((life.word.load(Ordering::Acquire), life.alive & DIED), (life.alive, 0));
    }

    /// It lives, with or without a life word.
    pub(crate) fn is_there(&self, owner: Owner) {
        assert_eq!(self.region.standing(owner), Ok(Standing::Alive));
        assert_eq!(self.region.is_gone(owner), Ok(false));
        assert!(self.region.life(owner).is_some());
    }

    /// It is found gone, soon and for good.
    pub(crate) fn is_left_by(&self, owner: Owner) {
        until("the proof of a death", || {
            let standing = self.region.standing(owner).unwrap();
            assert!(
                standing != Standing::Alive || self.region.life(owner).is_none_or(|life| life.alive == 0)
            );
            standing == Standing::Gone
        });
        assert_eq!(self.region.is_gone(owner), Ok(true));
        let life = self.region.life(owner);
        assert!(life.is_none_or(|life| life.alive == 0), "{life:?}");
    }

    /// The role is free for the next, who is somebody else.
    pub(crate) fn role_is_free(&self, last: Owner) {
        let mut claim = None;
        until("a role of the dead", || {
            claim = match self.region.claim(ROLE) {
                Ok(claim) => Some(claim),
                Err(ClaimError::Taken) => None,
                Err(error) => panic!("{error}"),
            };
            claim.is_some()
        });
        assert_ne!(claim.unwrap().owner(), last);
        assert_eq!(self.region.standing(last), Ok(Standing::Gone));
    }

    /// Every row there is can be had at once, by a thread each; nobody else has one, or tries.
    pub(crate) fn all_rows_are_free(&self) {
        let rows = self.region.geometry().rows;
        let (end, ended) = channel::<()>();
        let ended = Arc::new(Mutex::new(ended));
        let (say, said) = channel();
        let threads: Vec<_> = (0..rows)
            .map(|_| {
                let (region, ended, say) = (Arc::clone(&self.region), Arc::clone(&ended), say.clone());
                std::thread::spawn(move || {
                    say.send(region.thread_participant().map(|me| me.owner())).unwrap();
                    let _ = ended.lock().unwrap().recv();
                })
            })
            .collect();
        let owners: HashSet<Owner> =
            (0..rows).map(|_| said.recv_timeout(DEADLINE).unwrap().unwrap()).collect();
        assert_eq!(owners.len(), rows as usize);
        assert_eq!(self.region.participants().unwrap().len(), rows as usize);
        drop(end);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }

    /// Everybody has been told of the death, it is proven, and the role is free.
    pub(crate) fn is_bereft(&self, owner: Owner, watch: Watch) {
        watch.hear_of_the_death();
        self.is_left_by(owner);
        self.role_is_free(owner);
    }
}

/// Two threads asleep at a life word.
pub(crate) struct Watch {
    sleepers: [JoinHandle<Option<u32>>; 2],
}

impl Watch {
    /// They wake, and find the word marked.
    pub(crate) fn hear_of_the_death(self) {
        for word in self.wakes() {
            assert_eq!(word & DIED, DIED, "woken, but not told: {word:#x}");
        }
    }

    /// They wake, and find that the owner has left.
    pub(crate) fn hear_of_the_leaving(self) {
        assert_eq!(self.wakes(), [0, 0]);
    }

    /// Nobody woke them so far.
    pub(crate) fn is_asleep(&self) -> bool {
        self.sleepers.iter().all(|sleeper| !sleeper.is_finished())
    }

    fn wakes(self) -> [u32; 2] {
        self.sleepers.map(|sleeper| sleeper.join().unwrap().expect("a wake before the deadline"))
    }
}

/// Sleeps until an owner's life word changes; the answer is what it changed to, `None` at the deadline.
fn sleep_at_life(region: &Region, owner: Owner, beside: bool, number: &AtomicU32) -> Option<u32> {
    let life = region.life(owner).expect("a live owner has a life word");
    let bell = AtomicU32::new(1);
    let until = kernel::now() + DEADLINE;
    // Release: this thread is here. What follows is the sleep.
    number.store(rustix::thread::gettid().as_raw_nonzero().get() as u32, Ordering::Release);
    loop {
        let word = life.word.load(Ordering::Acquire);
        if word != life.alive {
            // The kernel wakes one who sleeps at the word of a dead owner; the others are for that one to wake.
            kernel::wake(life.word);
            return Some(word);
        }
        let either = if beside {
            kernel::sleep_at_either((&bell, 1), (life.word, life.alive), Some(until))
        } else {
            None
        };
        match either.unwrap_or_else(|| kernel::sleep(life.word, life.alive, Some(until))) {
            kernel::Wake::Woken => {}
            kernel::Wake::TimedOut => return None,
        }
    }
}

/// Does a thread of this process sleep?
fn is_asleep(thread: u32) -> bool {
    thread != 0 && state(&format!("self/task/{thread}")) == Some('S')
}

/// The state of a process or thread, as `/proc` has it.
pub(crate) fn state(of: &str) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{of}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}
