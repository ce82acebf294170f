//! Queues: several producers send 8-byte messages to as many consumers, each as fast as it can.
//!
//! A message is the seal of its producer and of its number among that producer's messages. A consumer sees to it that the
//! numbers of each producer ascend. That each message came once and no other came is judged when all is over: as many were
//! received as were sent, with the same sum and the same sum of squares.
//!
//! When the time is over each producer sends one message more, its end, and each consumer leaves with the end it
//! receives. Since a queue keeps the order of each producer's messages, all of them have been received when all ends have.
//! A consumer that receives the ends of several at once tells the others, who receive none: they poll then.

use std::io;
use std::marker::PhantomData;
use std::os::fd::OwnedFd;

use crate::endpoint::{Queue, SlotConsumer, SlotProducer, ThreadQueue};
use crate::memory::message::{self, Fault};
use crate::plan::case::{Case, Manner};
use crate::plan::metric::Metric;
use crate::stage::crowd::{
    Member, Outcome, PAIRS, ProcessTeam, Tally, Team, ThreadTeam, Turn, for_each, least_share,
};
use crate::stage::measure::Seat;
use crate::stage::sample::Sample;
use crate::stage::wait::{Deadline, Halt};

/// All manners, for systems that have them all.
pub(crate) const MANNERS: [Manner; 3] = [Manner::Single, Manner::Batched, Manner::Blocking];

/// Messages of a batch at most.
const BATCH: usize = 32;

/// From which number on a message is an end.
const END: u64 = 1 << 56;

/// The bits of a message's number that say who sent it.
const PRODUCER_BITS: u32 = 3;
const PRODUCER_MASK: u64 = (1 << PRODUCER_BITS) - 1;

const _: () = assert!(PAIRS <= 1 << PRODUCER_BITS);

/// The producers and consumers of a queue.
pub(crate) struct Queued<Q>(PhantomData<Q>);

/// One of them.
pub(crate) enum Side<P, C> {
    Sends(Sending<P>),
    Receives(Receiving<C>),
}

impl<P, C> Side<P, C> {
    fn sending(end: P, case: Case) -> Self {
        Self::Sends(Sending { end, next: 0, is_batched: case.shape().batched })
    }

    fn receiving(end: C, case: Case) -> Self {
        let state = Received { next: [0; PAIRS], producers: producers(case), ..Received::default() };
        Self::Receives(Receiving { end, state, is_batched: case.shape().batched })
    }
}

/// How many producers there are.
fn producers(case: Case) -> usize {
    let Case::Queue { parties, .. } = case else { return 0 };
    usize::from(parties)
}

impl<Q: Queue> ProcessTeam for Queued<Q> {
    type Kept = (Q::Kept, Vec<OwnedFd>);
    type Member = Side<Q::Producer, Q::Consumer>;

    fn create(case: Case) -> io::Result<(Self::Kept, Vec<Vec<OwnedFd>>)> {
        let (kept, descriptors) = Q::create(case.shape())?;
        let passed = for_each(2 * producers(case), &descriptors)?;
        Ok(((kept, descriptors), passed))
    }

    fn join(case: Case, seat: &Seat, descriptors: Vec<OwnedFd>) -> io::Result<Self::Member> {
        if seat.index < producers(case) {
            Ok(Side::sending(Q::producer(case.shape(), descriptors)?, case))
        } else {
            Ok(Side::receiving(Q::consumer(case.shape(), descriptors)?, case))
        }
    }
}

impl<Q: ThreadQueue> ThreadTeam for Queued<Q> {
    type Member = Side<Q::Producer, Q::Consumer>;

    fn create(case: Case) -> Vec<Self::Member> {
        let (producers, consumers): (Vec<_>, Vec<_>) = Q::create(producers(case)).into_iter().unzip();
        let sending = producers.into_iter().map(|end| Side::sending(end, case));
        sending.chain(consumers.into_iter().map(|end| Side::receiving(end, case))).collect()
    }
}

impl<Q> Team for Queued<Q> {
    fn judge(case: Case, outcome: &Outcome<'_>) -> Result<Sample, String> {
        let (sending, receiving) = outcome.tallies.split_at(producers(case));
        let (sent, received) = (Tally::total(sending), Tally::total(receiving));
        if received.count != sent.count {
            return Err(format!("{} messages came of {} that were sent", received.count, sent.count));
        }
        if received != sent {
            return Err(format!("{} messages came, but not those that were sent", received.count));
        }
        let share = least_share(receiving.iter().map(|tally| tally.count));
        Ok(Sample::of(vec![(Metric::Rate, outcome.rate(received.count)), (Metric::Share, share)]))
    }
}

impl<P: SlotProducer, C: SlotConsumer> Member for Side<P, C> {
    fn run(&mut self, turn: &Turn<'_>) -> Result<Tally, Halt> {
        match self {
            Self::Sends(party) if party.is_batched => party.send_batches(turn),
            Self::Sends(party) => party.send_singly(turn),
            Self::Receives(party) if party.is_batched => party.receive_batches(turn),
            Self::Receives(party) => party.receive_singly(turn),
        }
    }
}

/// A producer.
pub(crate) struct Sending<P> {
    end: P,
    /// The number of its next message.
    next: u64,
    is_batched: bool,
}

impl<P: SlotProducer> Sending<P> {
    fn send_singly(&mut self, turn: &Turn<'_>) -> Result<Tally, Halt> {
        let mut tally = Tally::default();
        loop {
            let slot = slot(turn.index(), self.next);
            self.end.send(slot, turn.deadline)?;
            self.next += 1;
            tally.add(slot);
            if turn.is_over() {
                break;
            }
        }
        self.send_end(turn)?;
        Ok(tally)
    }

    fn send_batches(&mut self, turn: &Turn<'_>) -> Result<Tally, Halt> {
        let mut tally = Tally::default();
        let mut slots = [0; BATCH];
        loop {
            for target in &mut slots {
                *target = slot(turn.index(), self.next);
                self.next += 1;
                tally.add(*target);
            }
            self.end.send_batch(&slots, turn.deadline)?;
            if turn.is_over() {
                break;
            }
        }
        self.send_end(turn)?;
        Ok(tally)
    }

    fn send_end(&mut self, turn: &Turn<'_>) -> Result<(), Halt> {
        self.end.send(slot(turn.index(), END), turn.deadline)
    }
}

/// The message of that number.
#[inline(always)]
fn slot(producer: usize, number: u64) -> u64 {
    message::seal(number << PRODUCER_BITS | producer as u64)
}

/// A consumer.
pub(crate) struct Receiving<C> {
    end: C,
    state: Received,
    is_batched: bool,
}

/// What a consumer knows of the messages it received.
#[derive(Default)]
struct Received {
    /// The least number that the next message of each producer may have.
    next: [u64; PAIRS],
    producers: usize,
    /// Ends that it received in this run.
    ended: u64,
    tally: Tally,
}

impl Received {
    /// Takes note of a message.
    #[inline(always)]
    fn note(&mut self, slot: u64) -> Result<(), Halt> {
        let number = message::unseal(slot);
        let (producer, number) = ((number & PRODUCER_MASK) as usize, number >> PRODUCER_BITS);
        if producer >= self.producers || number > END {
            return Err(Fault::Content { expected: self.next[0] }.into());
        }
        if number == END {
            self.ended += 1;
            return Ok(());
        }
        if number < self.next[producer] {
            return Err(Fault::Order { expected: self.next[producer], found: number }.into());
        }
        self.next[producer] = number + 1;
        self.tally.add(slot);
        Ok(())
    }
}

impl<C: SlotConsumer> Receiving<C> {
    fn receive_singly(&mut self, turn: &Turn<'_>) -> Result<Tally, Halt> {
        let Self { end, state, .. } = self;
        state.receive_until_ended(turn, |state, deadline| state.note(end.receive(deadline)?))
    }

    fn receive_batches(&mut self, turn: &Turn<'_>) -> Result<Tally, Halt> {
        let Self { end, state, .. } = self;
        let mut slots = [0; BATCH];
        state.receive_until_ended(turn, |state, deadline| {
            let count = end.receive_batch(&mut slots, deadline)?;
            slots[..count].iter().try_for_each(|&slot| state.note(slot))
        })
    }
}

impl Received {
    #[inline(always)]
    fn receive_until_ended(
        &mut self,
        turn: &Turn<'_>,
        mut receive: impl FnMut(&mut Self, &Deadline<'_>) -> Result<(), Halt>,
    ) -> Result<Tally, Halt> {
        (self.ended, self.tally) = (0, Tally::default());
        let deadline = turn.until_drained()?;
        while self.ended == 0 {
            match receive(self, &deadline) {
                Err(halt) if turn.is_drained(halt) => return Ok(self.tally),
                received => received?,
            }
        }
        turn.tell_ended(self.ended, self.producers as u64);
        Ok(self.tally)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_and_a_foreign_message_are_noticed() {
        let mut received = Received { producers: 2, ..Received::default() };
        assert_eq!(received.note(slot(0, 0)), Ok(()));
        assert_eq!(received.note(slot(1, 4)), Ok(()));
        assert_eq!(received.note(slot(1, END)), Ok(()));
        assert_eq!((received.ended, received.tally.count), (1, 2));
        assert_eq!(received.note(slot(1, 4)), Err(Fault::Order { expected: 5, found: 4 }.into()));
        assert!(received.note(slot(2, 0)).is_err());
        assert!(received.note(0).is_err());
    }

    #[test]
    fn a_message_that_came_twice_does_not_stand_for_two_others() {
        let tally = |numbers: [u64; 3]| {
            let mut tally = Tally::default();
            numbers.iter().for_each(|&number| tally.add(slot(0, number)));
            tally
        };
        let (sent, received) = (tally([4, 6, 9]), tally([5, 5, 9]));
        assert!(sent.sum == received.sum && sent != received);
    }
}
