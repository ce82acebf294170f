//! The barrier: joined, arrived at, waited for, left, dropped, broken by the dead and begun anew, with nobody, one and two
//! others asleep at it; where the dead break it, and where they are dropped.
//!
//! ```text
//!   victim     ── mark ── the verb ── mark ──▶ passes as many phases as the others, leaves
//!   others     asleep at the first phase; pass two, or are told who broke it, and leave
//!   late       a party that arrives, or dies, once the victim sleeps
//!   after      all were told the same of each phase, and of the right seat; then as many as the barrier is for join and pass
//! ```

use super::parties::text;
use crate::actor::Actor;
use crate::step::scene::Notes;
use crate::step::sweep::{Moment, Operation, Stage};
use crate::step::tracee::{LIMIT, mark};
use crate::subject::locks::{anonymous, inherit};
use nix::unistd::Pid;
use ringway_sync::{Barrier, BarrierError, Deadline, JoinError, OnDeath, Party, Passed, WaitStrategy};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// What the victim does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    /// There is a seat.
    Join,
    /// There is a barrier that is broken, and in which nobody is any more.
    BeginAnew,
    /// Others are missing.
    Arrive,
    /// Nobody else is.
    ArriveLast,
    /// It has arrived before.
    Wait,
    ArriveAndWait,
    TryInVain,
    WaitInVain,
    /// Who is missing dies.
    Bereaved,
    ArriveAndDrop,
    Drop,
}

use Verb::*;

const VERBS: [(&str, Verb); 11] = [
    ("join", Join),
    ("join, and begin anew", BeginAnew),
    ("arrive", Arrive),
    ("arrive, the last", ArriveLast),
    ("wait", Wait),
    ("arrive_and_wait", ArriveAndWait),
    ("try_wait in vain", TryInVain),
    ("wait_timeout in vain", WaitInVain),
    ("arrive_and_wait, and one dies", Bereaved),
    ("arrive_and_drop", ArriveAndDrop),
    ("drop party", Drop),
];

impl Verb {
    /// Is a party missing that is not the victim?
    fn has_late(self) -> bool {
        matches!(self, Arrive | Wait | ArriveAndWait | TryInVain | WaitInVain | Bereaved)
    }

    /// Can a process that comes after a death find a seat at the side of the dead?
    fn may_be_recovered(self) -> bool {
        matches!(self, Join | BeginAnew | ArriveLast | ArriveAndDrop | Drop)
    }
}

/// Phases that everybody passes.
const PHASES: usize = 2;

/// Words of the board: the victim's seat and that of the late one, both with one added.
const SEAT: usize = 1000;
const LATE_SEAT: usize = 1001;
/// The late one is there, and may go on.
const IS_LATE: usize = 1002;
const GO: usize = 1003;
/// Parties that have come to their end.
const DONE: usize = 1004;
const TICKS: usize = 1005;
/// Of those who came afterwards, who passed a phase.
const MET: usize = 1006;
/// For each phase: who passed it, who was told that it is broken, and by which word; who was the last.
const PASSED: usize = 1010;
const BROKEN: usize = 1012;
const HOW: usize = 1014;
const LAST: usize = 1016;

/// A wait in vain.
const SHORT: Duration = Duration::from_millis(20);
/// Everybody goes on by then, though the machine may have other things to do.
const LATEST: Duration = Duration::from_secs(5);

pub(crate) fn all() -> Vec<Operation> {
    let mut all = Vec::new();
    for (name, verb) in VERBS {
        for (mode, on_death) in [("", OnDeath::Break), (", drops", OnDeath::Drop)] {
            for (others, who) in ["", ", one waiting", ", two waiting"].into_iter().enumerate() {
                if others > 0 && verb == BeginAnew {
                    continue;
                }
                let set = move || {
                    let stage = BarrierStage::set(verb, on_death, others, 0)?;
                    Ok(Box::new(stage) as Box<dyn Stage>)
                };
                let name = format!("barrier: {name}{mode}{who}");
                all.push(Operation { name, has_recoverer: false, set: Box::new(set) });
            }
            if verb.may_be_recovered() {
                let set = move || {
                    let stage = BarrierStage::set(verb, on_death, 0, 1)?;
                    Ok(Box::new(stage) as Box<dyn Stage>)
                };
                let name = format!("barrier: {name}{mode}, a seat is free");
                all.push(Operation { name, has_recoverer: true, set: Box::new(set) });
            }
        }
    }
    all
}

struct BarrierStage {
    verb: Verb,
    on_death: OnDeath,
    others: usize,
    /// Seats that nobody takes before the victim dies.
    free: usize,
    descriptor: OwnedFd,
    notes: Notes,
    late: Option<Actor>,
    waiting: Vec<Actor>,
}

impl BarrierStage {
    fn set(verb: Verb, on_death: OnDeath, others: usize, free: usize) -> Result<Self, String> {
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

    fn parties(&self) -> usize {
        1 + self.others + usize::from(self.verb.has_late()) + self.free
    }

    fn open(&self) -> Result<Barrier, String> {
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

    /// The verb between its marks.
    fn marked<R>(&self, verb: impl FnOnce() -> R) -> R {
        mark();
        let answer = verb();
        self.notes.answered(0);
        mark();
        answer
    }

    fn play(&self) -> Result<(), String> {
        let (late, soon) = (Deadline::after(LIMIT), Deadline::after(SHORT));
        if matches!(self.verb, Join | BeginAnew) {
            let barrier = self.open()?;
            let party = self.marked(|| barrier.join()).map_err(text)?;
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
            Arrive | ArriveLast => self.marked(|| party.arrive()).map_err(text)?,
            Wait | ArriveAndWait | Bereaved => {
                let answer = self.marked(|| party.wait_until(late));
                return if self.tell(0, answer)? { self.pass(party, 1, LIMIT) } else { Ok(()) };
            }
            TryInVain => {
                let answer = self.marked(|| party.try_wait());
                if answer != Err(BarrierError::WouldBlock) {
                    return Err(format!("one is missing: {answer:?}"));
                }
            }
            WaitInVain => {
                let answer = self.marked(|| party.wait_until(soon));
                if answer != Err(BarrierError::TimedOut) {
                    return Err(format!("one is missing: {answer:?}"));
                }
            }
            ArriveAndDrop => return self.marked(|| party.arrive_and_drop()).map_err(text),
            _ => {
                self.marked(|| drop(party));
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
        let has_more = ticks > if may { self.others as u64 } else { 0 };
        if has_more { Err(format!("{ticks} were woken by their own time")) } else { Ok(()) }
    }

    /// What became of the phases, and what had to.
    fn is_told_right(&self, killed: Option<Moment>) -> Result<(), String> {
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
    fn next_ones(&mut self) -> Result<(), String> {
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
