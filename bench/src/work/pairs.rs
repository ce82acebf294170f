//! Four pairs of parties on two cores, each pair with a channel of its own: flows of 64-byte messages, or round trips.
//!
//! ```text
//!   seat   0     1     2     3     4     5     6     7
//!   core   a     b     a     b     a     b     a     b
//!          near  far   far   near  near  far   far   near
//!          └─ pair 0   └─ pair 1   └─ pair 2   └─ pair 3
//! ```
//!
//! Each core has two near ends and two far ones, and the parties of a pair are on different cores. Each party waits as its
//! system does when nothing is chosen.
//!
//! A channel's near end is made by whoever uses it. The process that makes it hands the descriptors for the far end over
//! to the other one of its pair.
//!
//! The near party sends, and when the time is over one message more, the end, at which the far party leaves.

use std::io;
use std::marker::PhantomData;
use std::os::fd::OwnedFd;

use crate::endpoint::{Caller, Channel, RecordConsumer, RecordProducer, ThreadChannel};
use crate::memory::message;
use crate::plan::case::Case;
use crate::plan::metric::Metric;
use crate::stage::crowd::{Member, Outcome, PAIRS, ProcessTeam, Tally, Team, ThreadTeam, Turn, least_share};
use crate::stage::handover;
use crate::stage::measure::Seat;
use crate::stage::sample::Sample;
use crate::stage::times::Times;
use crate::stage::wait::Halt;

/// The number of the message that is the end.
const END: u64 = 1 << 56;

/// A message.
type Message = [u8; 64];

/// Pairs of parties that use channels `C` as `W` does.
pub(crate) struct Pairs<C, W>(PhantomData<(C, W)>);

/// The two loops of a pair.
pub(crate) trait PairWork<N, F> {
    /// Sends until the turn is over, and says how many. `first` is the number of the first message.
    fn near(near: &mut N, turn: &Turn<'_>, pair: usize, first: u64) -> Result<u64, Halt>;

    /// Receives until the end comes, and says how many.
    fn far(far: &mut F, turn: &Turn<'_>, first: u64) -> Result<u64, Halt>;
}

/// What comes of the loops.
pub(crate) trait Measured {
    /// What was measured, where each pair did as many things as `counts` says.
    fn measured(case: Case, counts: &[u64], outcome: &Outcome<'_>) -> Sample;
}

/// The seat of a pair's near end, and of its far one.
fn seats(pair: usize) -> (usize, usize) {
    let first = 2 * pair;
    if pair.is_multiple_of(2) { (first, first + 1) } else { (first + 1, first) }
}

/// Whether the near end has that seat.
fn is_near(index: usize) -> bool {
    seats(index / 2).0 == index
}

/// A party.
pub(crate) struct Party<N, F, W> {
    end: End<N, F>,
    /// Messages of earlier runs.
    done: u64,
    work: PhantomData<fn() -> W>,
}

enum End<N, F> {
    Near(N),
    Far(F),
}

impl<N, F, W> Party<N, F, W> {
    fn new(end: End<N, F>) -> Self {
        Self { end, done: 0, work: PhantomData }
    }
}

impl<C: Channel, W: PairWork<C::Near, C::Far> + Measured> ProcessTeam for Pairs<C, W> {
    type Kept = ();
    type Member = Party<C::Near, C::Far, W>;

    fn create(_: Case) -> io::Result<((), Vec<Vec<OwnedFd>>)> {
        let mut passed = Vec::new();
        for pair in 0..PAIRS {
            let [giver, taker] = handover::line()?;
            let sockets = if is_near(2 * pair) { [giver, taker] } else { [taker, giver] };
            passed.extend(sockets.map(|socket| vec![socket]));
        }
        Ok(((), passed))
    }

    fn join(case: Case, seat: &Seat, descriptors: Vec<OwnedFd>) -> io::Result<Self::Member> {
        let [socket] = <[OwnedFd; 1]>::try_from(descriptors).map_err(|_| io::ErrorKind::InvalidInput)?;
        if is_near(seat.index) {
            let (near, descriptors) = C::create(case.shape())?;
            handover::give(&socket, &descriptors)?;
            Ok(Party::new(End::Near(near)))
        } else {
            Ok(Party::new(End::Far(C::attach(case.shape(), handover::take(&socket)?)?)))
        }
    }
}

impl<C, W> ThreadTeam for Pairs<C, W>
where
    C: ThreadChannel<Near: Send + 'static, Far: 'static>,
    W: PairWork<C::Near, C::Far> + Measured + 'static,
{
    type Member = Party<C::Near, C::Far, W>;

    fn create(case: Case) -> Vec<Self::Member> {
        let pair = |pair| {
            let (near, far) = C::create(case.shape());
            let (near, far) = (Party::new(End::Near(near)), Party::new(End::Far(far)));
            if is_near(2 * pair) { [near, far] } else { [far, near] }
        };
        (0..PAIRS).flat_map(pair).collect()
    }
}

impl<N, F, W: PairWork<N, F>> Member for Party<N, F, W> {
    fn prepare(&mut self, turn: &Turn<'_>) {
        if is_near(turn.index()) {
            turn.touch_times(turn.index() / 2);
        }
    }

    fn run(&mut self, turn: &Turn<'_>) -> Result<Tally, Halt> {
        let count = match &mut self.end {
            End::Near(near) => W::near(near, turn, turn.index() / 2, self.done)?,
            End::Far(far) => W::far(far, turn, self.done)?,
        };
        self.done += count;
        Ok(Tally { count, ..Tally::default() })
    }
}

impl<C, W: Measured> Team for Pairs<C, W> {
    fn judge(case: Case, outcome: &Outcome<'_>) -> Result<Sample, String> {
        let mut counts = Vec::new();
        for pair in 0..PAIRS {
            let (near, far) = seats(pair);
            let (sent, received) = (outcome.tallies[near].count, outcome.tallies[far].count);
            if sent != received {
                return Err(format!("{received} messages came of {sent} that pair {pair} sent"));
            }
            counts.push(sent);
        }
        Ok(W::measured(case, &counts, outcome))
    }
}

/// Messages one way.
pub(crate) struct Flows;

impl<N: RecordProducer, F: RecordConsumer> PairWork<N, F> for Flows {
    fn near(near: &mut N, turn: &Turn<'_>, _: usize, first: u64) -> Result<u64, Halt> {
        let mut message = [0; 64];
        let mut sequence = first;
        loop {
            message::fill(&mut message, sequence);
            near.send(&message, turn.deadline)?;
            sequence += 1;
            if turn.is_over() {
                break;
            }
        }
        message::fill(&mut message, END);
        near.send(&message, turn.deadline)?;
        Ok(sequence - first)
    }

    fn far(far: &mut F, turn: &Turn<'_>, first: u64) -> Result<u64, Halt> {
        let mut message = [0; 64];
        for sequence in first.. {
            far.receive(&mut message, turn.deadline)?;
            if is_end(&message) {
                message::verify(&message, END)?;
                return Ok(sequence - first);
            }
            message::verify(&message, sequence)?;
        }
        Err(Halt::Late)
    }
}

impl Measured for Flows {
    fn measured(_: Case, counts: &[u64], outcome: &Outcome<'_>) -> Sample {
        let rate = outcome.rate(counts.iter().sum());
        Sample::of(vec![(Metric::Rate, rate), (Metric::Share, least_share(counts.iter().copied()))])
    }
}

/// Round trips, each timed by itself. Number `n` has the messages `2 * n` and `2 * n + 1`.
pub(crate) struct Trips;

impl<N: Caller, F: Caller> PairWork<N, F> for Trips {
    fn near(near: &mut N, turn: &Turn<'_>, pair: usize, first: u64) -> Result<u64, Halt> {
        let mut message = [0; 64];
        let mut trip = first;
        let mut start = turn.ticks();
        loop {
            message::fill(&mut message, 2 * trip);
            near.send(&message, turn.deadline)?;
            near.receive(&mut message, turn.deadline)?;
            message::verify(&message, 2 * trip + 1)?;
            let now = turn.ticks();
            turn.note_time(pair, trip - first, now.wrapping_sub(start));
            start = now;
            trip += 1;
            if turn.is_over() {
                break;
            }
        }
        message::fill(&mut message, END);
        near.send(&message, turn.deadline)?;
        Ok(trip - first)
    }

    fn far(far: &mut F, turn: &Turn<'_>, first: u64) -> Result<u64, Halt> {
        let mut message = [0; 64];
        for trip in first.. {
            far.receive(&mut message, turn.deadline)?;
            if is_end(&message) {
                message::verify(&message, END)?;
                return Ok(trip - first);
            }
            message::verify(&message, 2 * trip)?;
            message::fill(&mut message, 2 * trip + 1);
            far.send(&message, turn.deadline)?;
        }
        Err(Halt::Late)
    }
}

impl Measured for Trips {
    fn measured(case: Case, counts: &[u64], outcome: &Outcome<'_>) -> Sample {
        let times = counts.iter().enumerate().flat_map(|(pair, &count)| outcome.page.times(pair, count));
        Sample::timed(case, Times::new(times, outcome.clock.ns_per_tick()))
    }
}

/// Whether a message begins as the end does.
#[inline(always)]
fn is_end(message: &Message) -> bool {
    message.first_chunk().is_some_and(|word| u64::from_le_bytes(*word) == message::seal(END))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_core_has_two_near_ends_and_no_pair() {
        let on_first = (0..2 * PAIRS).step_by(2);
        assert_eq!(on_first.filter(|&index| is_near(index)).count(), PAIRS / 2);
        for pair in 0..PAIRS {
            let (near, far) = seats(pair);
            assert!(near / 2 == pair && far / 2 == pair && near % 2 != far % 2);
        }
    }

    #[test]
    fn only_the_end_begins_as_it_does() {
        let mut message = [0; 64];
        assert!(!is_end(&message));
        message::fill(&mut message, END);
        assert!(is_end(&message));
    }
}
