//! What the processes of a stage tell each other outside of what is under the killer: words on a board, and a text.
//!
//! ```text
//!   0  the operation's answer: 0 none yet, else 1 + how many messages      4  ended in order, as the partner was told
//!   1  messages sent for certain before the operation                      5  watchers that woke
//!   2  messages that the partner may deal with                             6  the partner is there
//!   3  deaths that the partner was told of                                 7  bytes of the text
//!   8  text: what is wrong, by whoever found it first                      136  numbers received, their count first
//! ```

use crate::actor::{Actor, Board, Ending};
use crate::step::tracee::{LIMIT, is_at_futex, mark};
use nix::unistd::Pid;
use ringway_shm::primitive::Ordering::{Acquire, Relaxed, Release};
use std::fmt::Display;
use std::rc::Rc;
use std::time::{Duration, Instant};

pub(crate) const ANSWER: usize = 0;
pub(crate) const SENT: usize = 1;
pub(crate) const MAY: usize = 2;
pub(crate) const DEATHS: usize = 3;
pub(crate) const CLOSED: usize = 4;
/// Watchers that found another word at the victim's life word.
pub(crate) const WOKEN: usize = 5;
pub(crate) const READY: usize = 6;
pub(crate) const RECOVERED: usize = 1023;
/// Nudges that came late.
pub(crate) const LATE: usize = 1022;
const TEXT_LEN: usize = 7;
const TEXT: usize = 8;
const NUMBERS: usize = 136;
const WORDS: usize = 1024;

/// A board, and who started what.
#[derive(Clone, Debug)]
pub(crate) struct Notes(Rc<Board>);

impl Notes {
    pub(crate) fn new() -> Result<Self, String> {
        Board::new(WORDS).map(|board| Self(Rc::new(board))).map_err(|error| format!("a board: {error}"))
    }

    pub(crate) fn get(&self, word: usize) -> u64 {
        // Acquire: what was noted before is there. Pairs with the Releases below.
        self.0[word].load(Acquire)
    }

    pub(crate) fn set(&self, word: usize, value: u64) {
        self.0[word].store(value, Release);
    }

    pub(crate) fn add(&self, word: usize, more: u64) {
        self.0[word].fetch_add(more, Release);
    }

    /// The operation has answered.
    pub(crate) fn answered(&self, count: u64) {
        self.set(ANSWER, 1 + count);
    }

    /// A verb between its marks, of which nothing is to be said but that it has answered.
    pub(crate) fn marked<R>(&self, verb: impl FnOnce() -> R) -> R {
        mark();
        let answer = verb();
        self.answered(0);
        mark();
        answer
    }

    /// What the operation answered, if it did.
    pub(crate) fn answer(&self) -> Option<u64> {
        self.get(ANSWER).checked_sub(1)
    }

    /// Notes a number that was received.
    pub(crate) fn received(&self, number: u64) {
        let count = self.0[NUMBERS].load(Relaxed);
        self.0[NUMBERS + 1 + count as usize].store(number, Relaxed);
        self.set(NUMBERS, count + 1);
    }

    /// All numbers that were received, in order.
    pub(crate) fn numbers(&self) -> Vec<u64> {
        let count = self.get(NUMBERS) as usize;
        (0..count).map(|at| self.0[NUMBERS + 1 + at].load(Relaxed)).collect()
    }

    /// Says what is wrong; the first one is heard. The answer is the exit status of one that found something wrong.
    pub(crate) fn wrong(&self, what: impl Display) -> i32 {
        if self.get(TEXT_LEN) == 0 {
            let text = what.to_string();
            let bytes = &text.as_bytes()[..text.len().min((NUMBERS - TEXT) * 8)];
            for (at, part) in bytes.chunks(8).enumerate() {
                let mut word = [0; 8];
                word[..part.len()].copy_from_slice(part);
                self.0[TEXT + at].store(u64::from_le_bytes(word), Relaxed);
            }
            self.set(TEXT_LEN, bytes.len() as u64);
        }
        1
    }

    /// What is wrong, if somebody said so.
    pub(crate) fn is_wrong(&self) -> Option<String> {
        let len = self.get(TEXT_LEN) as usize;
        if len == 0 {
            return None;
        }
        let words = (0..len.div_ceil(8)).flat_map(|at| self.0[TEXT + at].load(Relaxed).to_le_bytes());
        Some(String::from_utf8_lossy(&words.take(len).collect::<Vec<_>>()).into_owned())
    }

    /// Runs what may fail as an actor's whole life.
    pub(crate) fn run(&self, life: impl FnOnce() -> Result<(), String>) -> i32 {
        life().map_or_else(|what| self.wrong(what), |()| 0)
    }

    /// Starts an actor that may find something wrong.
    pub(crate) fn start(&self, life: impl FnOnce() -> Result<(), String>) -> Result<Actor, String> {
        Actor::start(|| self.run(life)).map_err(|error| format!("a process: {error}"))
    }

    /// Lets an actor live its life to the end, and hears what it found.
    pub(crate) fn let_live(
        &self,
        who: &str,
        life: impl FnOnce() -> Result<(), String>,
    ) -> Result<(), String> {
        self.ends_well(who, &mut self.start(life)?)
    }

    /// Waits for the end of an actor, which has to be a good one.
    pub(crate) fn ends_well(&self, who: &str, actor: &mut Actor) -> Result<(), String> {
        match actor.wait(LIMIT) {
            Some(Ending::Exited(0)) => Ok(()),
            Some(ending) => {
                Err(format!("{who}: {}", self.is_wrong().unwrap_or_else(|| format!("it {ending}"))))
            }
            None => Err(format!("{who}: stuck")),
        }
    }

    /// Waits until something is so.
    pub(crate) fn until(&self, what: &str, limit: Duration, is_so: impl Fn() -> bool) -> Result<(), String> {
        let began = Instant::now();
        while !is_so() {
            if let Some(wrong) = self.is_wrong() {
                return Err(wrong);
            }
            if began.elapsed() > limit {
                return Err(format!("it never came that {what}"));
            }
            std::thread::sleep(Duration::from_micros(30));
        }
        Ok(())
    }

    /// Waits until an actor sleeps at a word in the kernel.
    pub(crate) fn until_asleep(&self, who: &str, actor: &Actor) -> Result<(), String> {
        self.until(&format!("{who} sleeps"), LIMIT, || self.is_asleep(actor))
    }

    /// Does an actor sleep at a word in the kernel?
    pub(crate) fn is_asleep(&self, actor: &Actor) -> bool {
        is_at_futex(Pid::from_raw(actor.id().as_raw_nonzero().get()))
    }
}
