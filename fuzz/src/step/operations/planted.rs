//! Two words that have to be equal, changed one after the other: something to find, for whoever wants to see what a failure
//! looks like.

use crate::step::scene::Notes;
use crate::step::sweep::{Moment, Operation, Stage};
use crate::step::tracee::mark;
use nix::unistd::Pid;

/// The words.
const FIRST: usize = 1000;
const SECOND: usize = 1001;

/// It is done only if it is named.
pub(crate) fn operation() -> Operation {
    let set = || Ok(Box::new(Planted { notes: Notes::new()? }) as Box<dyn Stage>);
    Operation { name: "planted".to_owned(), has_recoverer: false, set: Box::new(set) }
}

struct Planted {
    notes: Notes,
}

impl Planted {
    fn are_equal(&self) -> Result<(), String> {
        let (first, second) = (self.notes.get(FIRST), self.notes.get(SECOND));
        if first == second { Ok(()) } else { Err(format!("{first} and {second} are not equal")) }
    }
}

impl Stage for Planted {
    fn victim(&self) -> i32 {
        mark();
        self.notes.set(FIRST, 7);
        self.notes.set(SECOND, 7);
        mark();
        0
    }

    fn ready(&mut self, _: Pid) -> Result<(), String> {
        Ok(())
    }

    fn nudge(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn after_death(&mut self, _: Moment) -> Result<(), String> {
        self.are_equal()
    }

    fn while_stopped(&mut self) -> Result<(), String> {
        self.are_equal()
    }

    fn after_all(&mut self) -> Result<(), String> {
        self.are_equal()
    }

    fn wrong(&self) -> Option<String> {
        self.notes.is_wrong()
    }
}
