//! A victim and what it has said: it keeps to it, and writes only what is its own.
//!
//! | a call may write | of the producer | of the consumer |
//! |---|---|---|
//! | control page | `tail`, `dropped` | `head` |
//! | the other side's door | one ring: an even counter becomes the next odd one; `fences` from 1 to 0 | the same |
//! | its own door | an odd counter becomes the next even one; `fences` from 0 to 1 or 2 | the same |
//! | data section | anything | nothing |
//! | rows | `core` of its own; bit 30 of a life word whose owner is gone | the same |
//!
//! Who takes a seat or leaves it writes the seat, and rings. A producer in the latency layout sets a `tail` right that is behind
//! what is committed, as it takes its seat. A victim that has said that the ring is corrupt writes nothing more
//! until it is dropped.

use super::Watch;
use super::input::Input;
use super::stage::{Kind, Stage};
use super::victim::{Call, Outcome, Side, Victim, attach};
use core::mem::{offset_of, size_of};
use ringway::Corruption;
use ringway_shm::layout::Row;

/// Where words of the control page stand.
pub(crate) mod control {
    use core::mem::offset_of;
    use ringway::layout::Control;

    pub(crate) const TAIL: usize = offset_of!(Control, producer.tail);
    pub(crate) const DROPPED: usize = offset_of!(Control, producer.dropped);
    pub(crate) const HEAD: usize = offset_of!(Control, consumer.head);
    pub(crate) const ARRIVED: usize = offset_of!(Control, arrived);
    pub(crate) const FREED: usize = offset_of!(Control, freed);
    pub(crate) const PRODUCER_SEAT: usize = offset_of!(Control, producer_seat);
    pub(crate) const CONSUMER_SEAT: usize = offset_of!(Control, consumer_seat);
}

use control::{ARRIVED, CONSUMER_SEAT, DROPPED, FREED, HEAD, PRODUCER_SEAT, TAIL};

/// From a door's counter to its `fences`.
const FENCES: usize = 4;
/// In a life word: its owner died.
const DIED: u32 = 1 << 30;

/// A handle and what it has said of corruption.
pub(crate) struct Watched<V> {
    victim: Option<V>,
    said: Option<Corruption>,
}

impl<V: Victim> Watched<V> {
    /// Takes the side's seat, if the positions allow it.
    pub(crate) fn new(stage: &mut Stage, watch: &mut dyn Watch) -> Self {
        watch.begins();
        let victim = attach(&stage.region);
        watch.ended("attach", stage.shape.capacity);
        if !stage.is_unchanged() {
            assert!(victim.is_some(), "a handle that was not made has written");
            stage.accept_words(Self::seat(stage), 1);
            accept_bell(stage, Self::doors(stage).1);
            if V::SIDE == Side::Producer && stage.shape.kind == Kind::Lines {
                stage.accept_words(stage.control + TAIL, 1);
            }
            stage.settle("attach");
        }
        Self { victim, said: None }
    }

    fn seat(stage: &Stage) -> usize {
        stage.control + if V::SIDE == Side::Producer { PRODUCER_SEAT } else { CONSUMER_SEAT }
    }

    /// Where it sleeps, and where it rings.
    fn doors(stage: &Stage) -> (usize, usize) {
        let (arrived, freed) = (stage.control + ARRIVED, stage.control + FREED);
        if V::SIDE == Side::Producer { (freed, arrived) } else { (arrived, freed) }
    }

    /// Is it of no more use?
    pub(crate) fn is_spent(&self) -> bool {
        self.victim.is_none() || self.said.is_some()
    }

    pub(crate) fn victim(&mut self) -> Option<&mut V> {
        self.victim.as_mut()
    }

    /// Leaves the seat, if it had one.
    pub(crate) fn leave(&mut self, stage: &mut Stage, watch: &mut dyn Watch) {
        if let Some(victim) = self.victim.take() {
            watch.begins();
            drop(victim);
            watch.ended("drop", 0);
            if !stage.is_unchanged() {
                stage.accept_words(Self::seat(stage), 1);
                accept_bell(stage, Self::doors(stage).1);
                stage.settle("drop");
            }
        }
        self.said = None;
    }

    /// One call of a verb that sends or receives, and a look at what it wrote.
    pub(crate) fn call(
        &mut self,
        stage: &mut Stage,
        input: &mut Input<'_>,
        may_wait: bool,
        watch: &mut dyn Watch,
    ) {
        let is_poisoned = self.said.is_some();
        let Some(victim) = &mut self.victim else { return };
        let mut room = core::mem::take(&mut stage.room);
        let mut call = Call { input, room: &mut room, is_poisoned, may_wait, name: "", handed: 0 };
        watch.begins();
        let outcome = victim.call(&mut call);
        let name = call.name;
        watch.ended(name, call.handed);
        stage.room = room;
        match (self.said, outcome) {
            (Some(said), Outcome::Corrupt(corruption)) => {
                assert_eq!(corruption, said, "{name}: said otherwise")
            }
            (Some(_), Outcome::TooLong) | (None, Outcome::Done | Outcome::TooLong) => {}
            (Some(said), Outcome::Done) => panic!("{name} served after {said}"),
            (None, Outcome::Corrupt(corruption)) => self.said = Some(corruption),
        }
        Self::check(stage, name, is_poisoned);
    }

    /// Waits for the other side, or asks after it: neither is served differently after corruption.
    pub(crate) fn ask(
        &mut self,
        stage: &mut Stage,
        input: &mut Input<'_>,
        may_wait: bool,
        watch: &mut dyn Watch,
    ) {
        let is_poisoned = self.said.is_some();
        let Some(victim) = &mut self.victim else { return };
        let mut call = Call { input, room: &mut [], is_poisoned, may_wait, name: "", handed: 0 };
        let waits = call.input.one_in(2);
        let deadline = call.deadline();
        watch.begins();
        if waits {
            let outcome = victim.await_other(deadline);
            watch.ended("await_other_until", 0);
            assert_eq!(outcome, Outcome::Done);
        } else {
            _ = victim.has_other();
            watch.ended("has_other", 0);
        }
        Self::check(stage, "a question after the other side", false);
    }

    /// Was all that changed its own?
    fn check(stage: &mut Stage, name: &str, is_poisoned: bool) {
        if stage.is_unchanged() {
            return;
        }
        assert!(!is_poisoned, "{name} wrote after corruption");
        let control = stage.control;
        let (door, bell) = Self::doors(stage);
        if V::SIDE == Side::Producer {
            stage.accept_words(control + TAIL, 1);
            stage.accept_words(control + DROPPED, 1);
            stage.accept(stage.data..stage.len());
        } else {
            stage.accept_words(control + HEAD, 1);
        }
        accept_bell(stage, bell);
        accept_door(stage, door);
        accept_rows(stage);
        stage.settle(name);
    }
}

/// One ring, by whoever rings there.
fn accept_bell(stage: &mut Stage, bell: usize) {
    let (was, is) = stage.halves(bell);
    if was % 2 == 0 && is == was.wrapping_add(1) {
        stage.accept(bell..bell + 4);
    }
    if stage.halves(bell + FENCES) == (1, 0) {
        stage.accept(bell + FENCES..bell + FENCES + 4);
    }
}

/// An announced sleep, by whoever sleeps there.
fn accept_door(stage: &mut Stage, door: usize) {
    let (was, is) = stage.halves(door);
    if was % 2 == 1 && is == was.wrapping_add(1) {
        stage.accept(door..door + 4);
    }
    let (was, is) = stage.halves(door + FENCES);
    if (was, is) == (0, 1) || is == 2 {
        stage.accept(door + FENCES..door + FENCES + 4);
    }
}

/// On which core the victim runs, and deaths that it has found.
fn accept_rows(stage: &mut Stage) {
    let ours = stage.participant.owner().row() as usize;
    let rows = stage.region.geometry().rows as usize;
    for row in 0..rows {
        let at = stage.rows + row * size_of::<Row>();
        if row == ours {
            let core = at + offset_of!(Row, core);
            stage.accept(core..core + 4);
        }
        let life = at + offset_of!(Row, life);
        let (was, is) = stage.halves(life);
        if row != ours && is == was | DIED {
            stage.accept(life..life + 4);
        }
    }
}

impl Stage {
    /// Takes so many words from a byte offset on for right.
    fn accept_words(&mut self, at: usize, count: usize) {
        self.accept(at..at + count * 8);
    }
}
