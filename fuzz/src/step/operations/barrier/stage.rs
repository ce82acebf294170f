//! What the parties of a barrier live through: the victim, those who sleep, the late one, and a successor.

use super::Verb::{self, *};
use crate::actor::Actor;
use crate::step::operations::others::{LATEST, SHORT};
use crate::step::operations::parties::text;
use crate::step::scene::{LATE, Notes};
use crate::step::sweep::{Moment, Stage};
use crate::step::tracee::{LIMIT, mark};
use crate::subject::locks::{anonymous, inherit};
use nix::unistd::Pid;
use ringway_sync::{Barrier, BarrierError, Deadline, JoinError, OnDeath, Party, Passed, WaitStrategy};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// Phases that everybody passes.
pub(super) const PHASES: usize = 2;

/// Words of the board: the victim's seat and that of the late one, both with one added.
pub(super) const SEAT: usize = 1000;
pub(super) const LATE_SEAT: usize = 1001;
/// The late one is there, and may go on.
const IS_LATE: usize = 1002;
const GO: usize = 1003;
/// Parties that have come to their end.
const DONE: usize = 1004;
pub(super) const TICKS: usize = 1005;
/// Of those who came afterwards, who passed a phase.
pub(super) const MET: usize = 1006;
/// For each phase: who passed it, who was told that it is broken, and by which word; who was the last.
pub(super) const PASSED: usize = 1010;
pub(super) const BROKEN: usize = 1012;
pub(super) const HOW: usize = 1014;
pub(super) const LAST: usize = 1016;

pub(super) struct BarrierStage {
    pub(super) verb: Verb,
    pub(super) on_death: OnDeath,
    others: usize,
    /// Seats that nobody takes before the victim dies.
    pub(super) free: usize,
    descriptor: OwnedFd,
    pub(super) notes: Notes,
    pub(super) late: Option<Actor>,
    pub(super) waiting: Vec<Actor>,
}

impl BarrierStage {
    pub(super) fn set(verb: Verb, on_death: OnDeath, others: usize, free: usize) -> Result<Self, String> {
        let (descriptor, notes) = (anonymous::<Barrier>(12)?, Notes::new()?);
        let (late, waiting) = (None, Vec::new());
        let mut stage = Self { verb, on_death, others, free, descriptor, notes, late, waiting };
        if verb == BeginAnew {
            stage.notes.let_live("who breaks it", || {
                let barrier = stage.open()?;
                let parties: Result<Vec<Party>, String> =
                    (0..stage.parties()).map(|_| barrier.join().map_err(text)).collect();
                drop(parties?);
                Ok(())
            })?;
        }
        if verb.has_late() {
            stage.late = Some(stage.notes.start(|| stage.come_late())?);
            stage.notes.until("one is late", LIMIT, || stage.notes.get(IS_LATE) > 0)?;
        }
        Ok(stage)
    }

    pub(super) fn parties(&self) -> usize {
        1 + self.others + usize::from(self.verb.has_late()) + self.free
    }

    pub(super) fn open(&self) -> Result<Barrier, String> {
        let barrier: Barrier = inherit(&self.descriptor)?;
        barrier.expect_with(self.parties() as u32, self.on_death).map_err(text)?;
        Ok(barrier)
    }

    fn join(&self) -> Result<Party, String> {
        self.open()?.join_until(Deadline::after(LIMIT)).map_err(text)
    }

    fn come_late(&self) -> Result<(), String> {
        let party = self.join()?;
        self.notes.set(LATE_SEAT, u64::from(party.seat()) + 1);
        self.notes.set(IS_LATE, 1);
        self.notes.until("the late one arrives", LIMIT, || self.notes.get(GO) > 0)?;
        self.pass(party, 0, LIMIT)
    }

    /// Notes what became of a phase. True: the party goes on.
    fn tell(&self, phase: usize, answer: Result<Passed, BarrierError>) -> Result<bool, String> {
        match answer {
            Ok(passed) => {
                self.notes.add(PASSED + phase, 1);
                self.notes.add(LAST + phase, passed.is_last.into());
                Ok(true)
            }
            Err(BarrierError::Broken(broken)) => {
                self.notes.add(BROKEN + phase, 1);
                let how = u64::from(broken.seat + 1) << 1 | u64::from(broken.died);
                let before = self.notes.get(HOW + phase);
                self.notes.set(HOW + phase, how);
                if before != 0 && before != how {
                    return Err(format!("a phase was broken in two ways: {broken:?}"));
                }
                Ok(false)
            }
            Err(error) => Err(format!("phase {phase}: {error}")),
        }
    }

    /// Passes the phases from this one on, and leaves. Whoever finds nobody else gives up after a while.
    fn pass(&self, mut party: Party, from: usize, patience: Duration) -> Result<(), String> {
        party.set_wait_strategy(WaitStrategy::Sleep);
        for phase in from..PHASES {
            if !self.tell(phase, party.wait_timeout(patience))? {
                self.notes.add(DONE, 1);
                drop(party);
                return Ok(());
            }
        }
        self.notes.add(DONE, 1);
        match party.arrive_and_drop() {
            // Somebody has died or left behind the last phase.
            Ok(()) | Err(BarrierError::Broken(_)) => Ok(()),
            Err(error) => Err(format!("leaving: {error}")),
        }
    }

    fn play(&self) -> Result<(), String> {
        let (late, soon) = (Deadline::after(LIMIT), Deadline::after(SHORT));
        if matches!(self.verb, Join | BeginAnew) {
            let barrier = self.open()?;
            let party = self.notes.marked(|| barrier.join()).map_err(text)?;
            // Where a seat is free, nobody comes to take it.
            return if self.free > 0 { Ok(()) } else { self.pass(party, 0, LIMIT) };
        }
        let mut party = self.join()?;
        self.notes.set(SEAT, u64::from(party.seat()) + 1);
        party.set_wait_strategy(WaitStrategy::Sleep);
        if self.verb == Wait {
            party.arrive().map_err(text)?;
        }
        match self.verb {
            Arrive | ArriveLast => self.notes.marked(|| party.arrive()).map_err(text)?,
            Wait | ArriveAndWait | Bereaved => {
                let answer = self.notes.marked(|| party.wait_until(late));
                return if self.tell(0, answer)? { self.pass(party, 1, LIMIT) } else { Ok(()) };
            }
            TryInVain => {
                let answer = self.notes.marked(|| party.try_wait());
                if answer != Err(BarrierError::WouldBlock) {
                    return Err(format!("one is missing: {answer:?}"));
                }
            }
            WaitInVain => {
                let answer = self.notes.marked(|| party.wait_until(soon));
                if answer != Err(BarrierError::TimedOut) {
                    return Err(format!("one is missing: {answer:?}"));
                }
            }
            ArriveAndDrop => return self.notes.marked(|| party.arrive_and_drop()).map_err(text),
            _ => {
                self.notes.marked(|| drop(party));
                return Ok(());
            }
        }
        // The late one arrives when the verb is over.
        self.notes.set(GO, 1);
        if self.free > 0 { Ok(()) } else { self.pass(party, 0, LIMIT) }
    }

    /// Comes for the victim's seat, if that one did not take it, until the others have all come to their end.
    fn succeed(&self) -> Result<(), String> {
        let (barrier, began) = (self.open()?, Instant::now());
        while self.notes.get(DONE) < self.others as u64 {
            match barrier.join() {
                Ok(party) if self.notes.get(DONE) == 0 => {
                    // Of a barrier that somebody else broke a moment ago nobody is left to be met.
                    return self.pass(party, 0, LATEST);
                }
                Ok(_) => return Ok(()),
                Err(JoinError::Full { .. } | JoinError::Broken(_)) if began.elapsed() < LATEST => {}
                Err(error) => return Err(format!("a successor: {error}")),
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        Ok(())
    }

    /// Has everybody come to an end. `killed`: the victim, where.
    fn after(&mut self, killed: Option<Moment>) -> Result<(), String> {
        let began = Instant::now();
        self.nudge()?;
        self.notes.set(GO, 1);
        let mut successor = None;
        if killed.is_some() && self.verb == Join && self.free == 0 {
            successor = Some(self.notes.start(|| self.succeed())?);
        }
        for waiting in &mut self.waiting {
            self.notes.ends_well("one that waits", waiting)?;
        }
        if let Some(late) = self.late.as_mut().filter(|_| self.verb != Bereaved) {
            self.notes.ends_well("the late one", late)?;
        }
        if let Some(successor) = &mut successor {
            self.notes.ends_well("a successor", successor)?;
        }
        if began.elapsed() > LATEST {
            return Err(format!("who waited went on after {:?}", began.elapsed()));
        }
        self.is_told_right(killed)?;
        self.next_ones()?;
        // The kernel wakes one of those who sleep at the life word of a dead one, and that one the others, unless it is killed. A
        // stopped one's wake-ups stand still as it does. Beside one that has just joined nobody sleeps before it was roused.
        let may = killed.is_none_or(|moment| self.verb == Join && !moment.is_over) || self.verb == Bereaved;
        let ticks = self.notes.get(TICKS);
        let has_more = ticks > self.notes.get(LATE) + if may { self.others as u64 } else { 0 };
        if has_more { Err(format!("{ticks} were woken by their own time")) } else { Ok(()) }
    }

    /// While the victim is stopped nobody is told that it died, and nobody sits on its seat.
    fn visit(&self) -> Result<(), String> {
        // Of the late one's death everybody may be told.
        let may_be_broken = matches!(self.verb, Drop | Bereaved);
        if self.notes.get(BROKEN) + self.notes.get(BROKEN + 1) > 0 && !may_be_broken {
            return Err("somebody was told that the barrier is broken".to_owned());
        }
        if matches!(self.verb, Join | BeginAnew | ArriveAndDrop) || may_be_broken || self.free > 0 {
            return Ok(());
        }
        match self.open()?.join() {
            Err(JoinError::Full { .. }) => Ok(()),
            answer => Err(format!("a seat was to be had: {answer:?}")),
        }
    }
}

impl Stage for BarrierStage {
    fn victim(&self) -> i32 {
        self.notes.run(|| self.play())
    }

    fn ready(&mut self, _: Pid) -> Result<(), String> {
        for _ in 0..self.others {
            let waiting = self.notes.start(|| self.pass(self.join()?, 0, LIMIT))?;
            self.notes.until_asleep("one that waits", &waiting)?;
            self.waiting.push(waiting);
        }
        Ok(())
    }

    fn nudge(&mut self) -> Result<(), String> {
        match (self.verb, &mut self.late) {
            (Bereaved, Some(late)) => _ = late.kill(),
            (Wait | ArriveAndWait, _) => self.notes.set(GO, 1),
            _ => {}
        }
        Ok(())
    }

    fn nudged_late(&mut self) {
        self.notes.add(LATE, 1);
    }

    fn after_death(&mut self, moment: Moment) -> Result<(), String> {
        self.after(Some(moment))
    }

    fn while_stopped(&mut self) -> Result<(), String> {
        self.notes.let_live("a visitor", || self.visit())
    }

    fn after_all(&mut self) -> Result<(), String> {
        self.after(None)
    }

    fn recoverer(&self) -> i32 {
        self.notes.run(|| {
            let barrier = self.open()?;
            let (late, soon) = (Deadline::after(LIMIT), SHORT);
            mark();
            let mut party = barrier.join_until(late).map_err(text)?;
            // Alone, or told of the death, or in a phase that the dead one had arrived in.
            let _ = party.wait_timeout(soon);
            drop(party);
            mark();
            Ok(())
        })
    }

    fn after_second_death(&mut self, _: Moment, _: Moment) -> Result<(), String> {
        self.next_ones()
    }

    fn wrong(&self) -> Option<String> {
        self.notes.is_wrong()
    }

    fn ticks(&self) -> u64 {
        self.notes.get(TICKS)
    }
}
