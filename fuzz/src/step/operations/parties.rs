//! Who else takes part beside the victim: whoever waits on the other side, watches, visits while it is stopped, or comes
//! after its death.

use crate::step::scene::{CLOSED, DEATHS, MAY, Notes, READY, SENT, WOKEN};
use crate::step::tracee::LIMIT;
use crate::subject::{Answer, Kind, Receives, Said, Sends, Side};
use core::fmt::Display;
use core::marker::PhantomData;
use nix::unistd::Pid;
use ringway::{AttachError, Deadline, OpenError, Region, WaitStrategy};
use ringway_shm::primitive::{Ordering, kernel};
use ringway_shm::{Owner, Standing};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

/// Messages that a partner sends at most, beyond what fits.
const MORE: u64 = 200;
/// The same of one whose peer may have no part: whoever comes after it receives them all.
const FEW: u64 = 6;

/// A ring, and how its parties behave.
pub(super) struct Party<K: Kind> {
    /// Of the region, without locks.
    descriptor: OwnedFd,
    notes: Notes,
    kind: PhantomData<K>,
}

pub(super) fn text(error: impl Display) -> String {
    error.to_string()
}

/// What must have been done.
pub(super) fn is_done(answer: &Answer, what: &str) -> Result<(), String> {
    if answer.said == Said::Done { Ok(()) } else { Err(format!("{what}: {:?}", answer.said)) }
}

/// What may come to nothing, or an end, but not to what must not be.
pub(super) fn not_wrong(answer: &Answer, what: &str) -> Result<(), String> {
    match &answer.said {
        Said::Wrong(wrong) => Err(format!("{what}: {wrong}")),
        _ => Ok(()),
    }
}

/// Sends until there is no room; says which number is the next.
pub(super) fn fill<T: Sends>(tx: &mut T, mut number: u64) -> Result<u64, String> {
    loop {
        match tx.try_send(number).said {
            Said::Done => number += 1,
            Said::Nothing => return Ok(number),
            said => return Err(format!("filling the ring: {said:?}")),
        }
    }
}

impl<K: Kind> Party<K> {
    pub(super) fn new(room: u64, notes: Notes) -> Result<Self, String> {
        let descriptor = K::anonymous(room).inheritable().map_err(text)?;
        Ok(Self { descriptor, notes, kind: PhantomData })
    }

    pub(super) fn region(&self) -> Result<Arc<Region>, String> {
        K::of_descriptor(self.descriptor.as_raw_fd()).map_err(text)
    }

    pub(super) fn attach<S: Side>(&self) -> Result<S, String> {
        S::attach(&self.region()?).map_err(text)
    }

    /// Waits until it may deal with one more message than these.
    fn may(&self, dealt: u64) {
        while self.notes.get(MAY) <= dealt {
            std::thread::sleep(Duration::from_micros(30));
        }
    }

    /// The other side of a producer: receives until that has left or died; if it goes on, until somebody has left.
    pub(super) fn consume(&self, is_late: bool, goes_on: bool) -> Result<(), String> {
        let notes = &self.notes;
        if is_late {
            self.may(0);
        }
        let mut rx: K::Rx = self.attach()?;
        rx.set_wait_strategy(WaitStrategy::Sleep);
        notes.set(READY, 1);
        let (mut numbers, mut dealt) = (Vec::new(), 0);
        loop {
            self.may(dealt);
            let answer = rx.recv_until(Deadline::after(LIMIT), &mut numbers);
            dealt += answer.count;
            match answer.said {
                Said::Done => {}
                Said::PeerDead => {
                    notes.add(DEATHS, 1);
                    let again = rx.try_recv(&mut numbers).said;
                    if again == Said::PeerDead {
                        return Err("a death is told twice".to_owned());
                    }
                    if !goes_on {
                        let is_behind = again == Said::Done;
                        let wrong = || Err("a message came behind the death".to_owned());
                        return if is_behind { wrong() } else { Ok(()) };
                    }
                }
                Said::Closed => {
                    notes.set(CLOSED, 1);
                    return Ok(());
                }
                said => return Err(format!("the partner receives: {said:?}")),
            }
            numbers.drain(..).for_each(|number| notes.received(number));
        }
    }

    /// The other side of a consumer: sends until that has left or died, or until it has sent more than the victim takes.
    pub(super) fn produce(&self, is_late: bool, fills: bool, goes_on: bool) -> Result<(), String> {
        let notes = &self.notes;
        if is_late {
            self.may(0);
        }
        let mut tx: K::Tx = self.attach()?;
        tx.set_wait_strategy(WaitStrategy::Sleep);
        let mut number = if fills { fill(&mut tx, 0)? } else { 0 };
        notes.set(SENT, number);
        notes.set(READY, 1);
        let (first, goal) = (number, number + if goes_on { FEW } else { MORE });
        while number < goal {
            self.may(number - first);
            match tx.send_until(number, Deadline::after(LIMIT)).said {
                Said::Done => {
                    number += 1;
                    notes.set(SENT, number);
                }
                Said::PeerDead => {
                    notes.add(DEATHS, 1);
                    if tx.try_send(number).said == Said::PeerDead {
                        return Err("a death is told twice".to_owned());
                    }
                    if !goes_on {
                        return Ok(());
                    }
                }
                Said::Closed => {
                    notes.set(CLOSED, 1);
                    return Ok(());
                }
                said => return Err(format!("the partner sends: {said:?}")),
            }
        }
        Ok(())
    }

    /// A third process, asleep at the victim's life word.
    pub(super) fn watch(&self, victim: Pid) -> Result<(), String> {
        watch(&*self.region()?, &self.notes, victim)
    }

    /// Receives everything that is there, or, if more is to come, until the other side has left; says how it ended.
    pub(super) fn receive_all(&self, rx: &mut K::Rx, is_to_wait: bool) -> Result<Said, String> {
        let mut numbers = Vec::new();
        loop {
            let answer = match is_to_wait {
                true => rx.recv_until(Deadline::after(LIMIT), &mut numbers),
                false => rx.try_recv(&mut numbers),
            };
            numbers.drain(..).for_each(|number| self.notes.received(number));
            match answer.said {
                Said::Done => {}
                Said::Wrong(wrong) => return Err(wrong),
                said => return Ok(said),
            }
        }
    }

    /// While the victim is stopped: it is alive, nobody takes its place, and what it has committed can be had.
    pub(super) fn visit(
        &self,
        victim: Pid,
        is_producer: bool,
        has_part: bool,
        is_alone: bool,
    ) -> Result<(), String> {
        let region = self.region()?;
        if has_part {
            let owner = owner_of(&region, victim)?.ok_or("a stopped victim has lost its row")?;
            if region.standing(owner) != Ok(Standing::Alive) {
                return Err(format!("a stopped victim is {:?}", region.standing(owner)));
            }
            let refused = match is_producer {
                true => K::Tx::attach(&region).err(),
                false => K::Rx::attach(&region).err(),
            };
            use AttachError::{ConsumerTaken, ProducerTaken};
            if !matches!(refused, Some(OpenError::Attach(ProducerTaken | ConsumerTaken))) {
                return Err(format!("its place was to be had: {refused:?}"));
            }
        }
        if is_alone && is_producer {
            let mut rx = K::Rx::attach(&region).map_err(text)?;
            let ended = self.receive_all(&mut rx, false)?;
            if ended == Said::PeerDead || (ended == Said::Closed && has_part) {
                return Err(format!("a visitor was told {ended:?}"));
            }
        }
        Ok(())
    }

    /// Who comes afterwards, to both sides: takes what is left, is told of the death if nobody was before, and then sends and
    /// receives as if nothing had happened. `is_to_be_told`: of the death of a producer, if that is known.
    pub(super) fn survive(&self, is_to_wait: bool, is_to_be_told: Option<bool>) -> Result<(), String> {
        let region = self.region()?;
        let mut rx = K::Rx::attach(&region).map_err(text)?;
        let ended = self.receive_all(&mut rx, is_to_wait)?;
        if is_to_be_told.is_some_and(|is_to_be| is_to_be != (ended == Said::PeerDead)) {
            return Err(format!("after the last message, a successor was told {ended:?}"));
        }
        if ended == Said::PeerDead {
            let received = self.notes.numbers().len();
            if self.receive_all(&mut rx, false)? == Said::PeerDead {
                return Err("a death is told twice".to_owned());
            }
            if self.notes.numbers().len() > received {
                return Err("a message came behind the death".to_owned());
            }
        }
        // One that leaves is told to have left a moment before its part is free.
        let began = kernel::now();
        let mut tx = loop {
            match K::Tx::attach(&region) {
                Err(OpenError::Attach(AttachError::ProducerTaken))
                    if is_to_wait && kernel::now() < began + LIMIT =>
                {
                    std::thread::sleep(Duration::from_micros(30));
                }
                answer => break answer.map_err(text)?,
            }
        };
        if !tx.has_peer() || !rx.has_peer() {
            return Err("the sides do not see each other".to_owned());
        }
        let mut numbers = Vec::new();
        for number in [500, 501] {
            is_done(&tx.try_send(number), "a successor sends")?;
            is_done(&rx.recv_until(Deadline::after(LIMIT), &mut numbers), "a successor receives")?;
        }
        drop(tx);
        let ended = rx.try_recv(&mut numbers).said;
        if numbers != [500, 501] || ended != Said::Closed {
            return Err(format!("the successors received {numbers:?}, and then {ended:?}"));
        }
        Ok(())
    }
}

/// Sleeps at a process's life word until that says something else, and then waits until the process is gone from its row.
pub(super) fn watch(region: &Region, notes: &Notes, victim: Pid) -> Result<(), String> {
    let owner = owner_of(region, victim)?.ok_or("the victim has no row")?;
    let Some(life) = region.life(owner) else { return Err("the victim has no life word".to_owned()) };
    let until = kernel::now() + LIMIT;
    // Acquire: as `Region::standing` has it, which is asked below.
    while life.word.load(Ordering::Acquire) == life.alive {
        if kernel::sleep(life.word, life.alive, Some(until)) == kernel::Wake::TimedOut {
            return Err("nobody woke the watcher".to_owned());
        }
    }
    notes.add(WOKEN, 1);
    // The kernel wakes one.
    kernel::wake(life.word);
    notes.until("the victim is gone", LIMIT, || region.standing(owner) == Ok(Standing::Gone))
}

/// Whose row says that it is this process's, and is not known to be gone.
pub(super) fn owner_of(region: &Region, process: Pid) -> Result<Option<Owner>, String> {
    let rows = region.participants().map_err(text)?;
    let row =
        rows.iter().find(|row| row.process == process.as_raw() as u32 && row.standing != Standing::Gone);
    Ok(row.map(|row| row.owner))
}
