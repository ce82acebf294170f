//! How it stands with the processes: in the middle of a run, and at its end.

use crate::explorer::world::{Note, State, Status, file_id};
use crate::linear::{Call, End as CallEnd};
use ringway_shm::{Name, layout};
use std::cell::Cell;
use std::fmt::Debug;
use std::os::fd::AsFd;

/// How it stands with the processes at a moment in the middle of a run.
pub struct Moment<'a> {
    state: &'a State,
    /// Was any word looked at?
    pub(super) sees_words: Cell<bool>,
}

impl Debug for Moment<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Moment").finish_non_exhaustive()
    }
}

impl<'a> Moment<'a> {
    pub(crate) fn new(state: &'a State) -> Self {
        Self { state, sees_words: Cell::new(false) }
    }

    /// Everything that was noted under a label, in order.
    pub fn notes(&self, label: &str) -> impl Iterator<Item = Note> + use<'a> {
        let label = label.to_owned();
        self.state.notes.iter().filter(move |note| note.label == label).copied()
    }

    /// The values noted under a label, in order.
    #[must_use]
    pub fn values(&self, label: &str) -> Vec<u64> {
        self.notes(label).map(|note| note.value).collect()
    }

    /// Was nothing killed, stopped, made to fail, or written by a hostile party so far?
    #[must_use]
    pub fn is_undisturbed(&self) -> bool {
        !self.state.is_disturbed
    }

    /// How many processes were killed.
    #[must_use]
    pub fn killed(&self) -> usize {
        let is_dead = |status| matches!(status, Status::Killed | Status::Buried);
        self.state.processes.iter().filter(|process| is_dead(process.status)).count()
    }

    /// Was any incarnation of this process of the scenario killed?
    #[must_use]
    pub fn was_killed(&self, number: usize) -> bool {
        self.deaths(number) > 0
    }

    /// How many incarnations of this process of the scenario were killed.
    #[must_use]
    pub fn deaths(&self, number: usize) -> usize {
        let is_dead = |status| matches!(status, Status::Killed | Status::Buried);
        let died =
            self.state.processes.iter().filter(|process| process.body == number && is_dead(process.status));
        died.count()
    }

    /// Was any incarnation of this process of the scenario killed, or has the kernel begun to end it?
    #[must_use]
    pub fn is_doomed(&self, number: usize) -> bool {
        self.was_killed(number)
            || self.state.processes.iter().any(|process| process.body == number && process.is_marked)
    }

    /// Did a hostile party write?
    #[must_use]
    pub fn is_attacked(&self) -> bool {
        self.state.left.scribbles < self.state.bounds.scribbles
    }

    /// The number of an open file in this run; `None` of one that no process of the run made.
    #[must_use]
    pub fn file(&self, file: impl AsFd) -> Option<u64> {
        self.state.kernel.number(file_id(file))
    }

    /// The number of the file that a name leads to, in the virtual kernel.
    #[must_use]
    pub fn named(&self, name: &Name) -> Option<u64> {
        self.state.kernel.named_number(&name.path())
    }

    /// The newest value of a word of a scenario of [`Scenario::words`](crate::Scenario::words); 0 if nobody has touched it.
    #[must_use]
    pub fn word(&self, number: usize) -> u64 {
        let offset = layout::PAGE * 2 + number as u64 * 8;
        self.word_at(offset)
    }

    /// The newest value of the word at an offset of the scenario's region; 0 if nobody has touched it.
    #[must_use]
    pub fn word_at(&self, offset: u64) -> u64 {
        self.sees_words.set(true);
        let word = self.state.places.find(offset).filter(|&word| self.state.memory.is_used(word));
        word.map_or(0, |word| self.state.memory.peek(word, 0))
    }
}

/// A run that has come to its end.
#[derive(Debug)]
pub struct End<'a> {
    moment: Moment<'a>,
}

impl<'a> End<'a> {
    pub(crate) fn new(state: &'a State) -> Self {
        Self { moment: Moment::new(state) }
    }

    /// Every operation that was recorded of this kind.
    #[must_use]
    pub fn history<O: Clone + 'static, A: Clone + 'static>(&self) -> Vec<Call<O, A>> {
        // One that has not begun never happened.
        let recorded = self.moment.state.operations.iter().filter(|entry| entry.began != u64::MAX);
        let calls = recorded.filter_map(|entry| {
            let operation = entry.what.downcast_ref::<O>()?.clone();
            let ended = match (&entry.ended, entry.killed) {
                (Some((at, answer)), _) => {
                    CallEnd::Answered { at: *at, answer: answer.downcast_ref::<A>()?.clone() }
                }
                (None, Some(at)) => CallEnd::Killed { at },
                (None, None) => CallEnd::Running,
            };
            Some(Call { process: entry.process, operation, began: entry.began, ended })
        });
        calls.collect()
    }
}

impl<'a> std::ops::Deref for End<'a> {
    type Target = Moment<'a>;

    fn deref(&self) -> &Moment<'a> {
        &self.moment
    }
}
