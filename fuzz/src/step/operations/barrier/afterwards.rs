//! What the parties of a barrier were told, beside what they had to be; and that those who come next find a barrier.

use super::Verb::*;
use super::stage::{BROKEN, BarrierStage, HOW, LAST, LATE_SEAT, MET, PASSED, PHASES, SEAT, TICKS};
use crate::actor::Actor;
use crate::step::operations::others::{LATEST, SHORT};
use crate::step::operations::parties::text;
use crate::step::sweep::Moment;
use crate::step::tracee::LIMIT;
use ringway_sync::{BarrierError, Deadline, OnDeath, WaitStrategy};
use std::time::Instant;

impl BarrierStage {
    /// What became of the phases, and what had to.
    pub(super) fn is_told_right(&self, killed: Option<Moment>) -> Result<(), String> {
        let [victim, late] = [SEAT, LATE_SEAT].map(|word| self.notes.get(word));
        for phase in 0..PHASES {
            let get = |word: usize| self.notes.get(word + phase);
            let (passed, broken, how, last) = (get(PASSED), get(BROKEN), get(HOW), get(LAST));
            if passed > 0 && broken > 0 {
                return Err(format!("phase {phase}: {passed} passed it, and for {broken} it was broken"));
            }
            if last > 1 {
                return Err(format!("phase {phase}: {last} were the last"));
            }
            if broken > 0 {
                self.is_broken_right(how, killed, [victim, late])?;
            }
        }
        let was_broken = self.notes.get(BROKEN) + self.notes.get(BROKEN + 1) > 0;
        let survivors = self.waiting.len() + usize::from(self.verb.has_late() && self.verb != Bereaved);
        // The barrier has to be broken where a party died before the last phase, or left without a word.
        let is_dead = killed.is_some_and(|moment| {
            !(self.verb == Join && !moment.is_over || self.verb == ArriveAndDrop && moment.at > 0)
        });
        let is_to_be =
            self.on_death == OnDeath::Break && (is_dead || self.verb == Bereaved || self.verb == Drop);
        if is_to_be && !was_broken && survivors > 0 {
            return Err("a party was gone, and nobody was told".to_owned());
        }
        Ok(())
    }

    fn is_broken_right(&self, how: u64, killed: Option<Moment>, seats: [u64; 2]) -> Result<(), String> {
        let (seat, died) = (how >> 1, how & 1 == 1);
        let wrong = || Err(format!("broken by party {}, which died: {died}", seat.wrapping_sub(1)));
        if self.on_death == OnDeath::Drop {
            return wrong();
        }
        let [victim, late] = seats;
        let is_victim = victim == seat || self.verb == Join;
        let may_be_dead = is_victim
            && died
            && killed.is_some()
            && !(matches!(self.verb, ArriveAndDrop | Drop) && killed.is_some_and(|moment| moment.is_over));
        let may_have_left =
            is_victim && !died && self.verb == Drop && killed.is_none_or(|moment| moment.at > 0);
        let is_late = self.verb == Bereaved && late == seat && died;
        if may_be_dead || may_have_left || is_late { Ok(()) } else { wrong() }
    }

    /// As many as the barrier is for join it, and pass a phase. Who finds a seat beside the dead is told of them, and joins again.
    pub(super) fn next_ones(&mut self) -> Result<(), String> {
        let next: Result<Vec<Actor>, String> = (0..self.parties())
            .map(|_| {
                self.notes.start(|| {
                    let (barrier, began) = (self.open()?, Instant::now());
                    self.notes.set(TICKS, barrier.repaired().into());
                    while began.elapsed() < LATEST {
                        let mut party = barrier.join_until(Deadline::after(LIMIT)).map_err(text)?;
                        party.set_wait_strategy(WaitStrategy::Sleep);
                        loop {
                            match party.wait_timeout(SHORT) {
                                Ok(_) => {
                                    self.notes.add(MET, 1);
                                    return party.arrive_and_drop().map_err(text);
                                }
                                Err(BarrierError::Broken(_)) => break,
                                // The other one has met a dead one, that had arrived or was dropped.
                                Err(BarrierError::TimedOut) if self.free > 0 && self.notes.get(MET) > 0 => {
                                    return Ok(());
                                }
                                Err(BarrierError::TimedOut) if began.elapsed() < LATEST => {}
                                Err(error) => return Err(text(error)),
                            }
                        }
                    }
                    Err("the barrier stays broken".to_owned())
                })
            })
            .collect();
        for next in &mut next? {
            self.notes.ends_well("one of the next", next)?;
        }
        Ok(())
    }
}
