//! What a producer and a consumer do in a storm: any verb, any strategy, short deadlines, and each call noted around it.

use super::post::{Phase, Post};
use crate::lot::Lot;
use crate::subject::{Answer, Kind, Padded, Parts, Receives, Said, Sends, Side};
use ringway::{Deadline, WaitStrategy};
use std::time::{Duration, Instant};

/// How many messages one call is asked to deal with at most.
const MANY: u64 = 8;
/// How many it may come to deal with.
pub(super) const MOST: usize = 128;
const _: () = assert!(Padded::TIMES * MANY <= MOST as u64 && MOST < 256);

/// Where the producer's incarnation stands in a number.
const INCARNATION_AT: u32 = 40;

/// The number of a message: who sent it, and which of its messages it is.
fn number(incarnation: u64, serial: u64) -> u64 {
    incarnation << INCARNATION_AT | serial
}

/// One side, and what it knows of the other.
pub(super) struct Party<'a> {
    mine: Post<'a>,
    peer: Post<'a>,
    lot: Lot,
    /// Deaths of the other side before this one took its place.
    kills_before: u64,
}

impl<'a> Party<'a> {
    /// To be made before the side is.
    pub(super) fn new(mine: Post<'a>, peer: Post<'a>, lot: Lot) -> Self {
        Self { mine, peer, lot, kills_before: peer.kills() }
    }

    /// Notes that it has its place.
    pub(super) fn holds(&mut self, side: &mut impl Side) {
        let identity = side.region().geometry().identity;
        self.mine.set_region(u64::from_le_bytes(*identity.first_chunk().expect("sixteen bytes")));
        self.mine.enter(Phase::Holding);
        side.set_wait_strategy(self.strategy());
    }

    /// Gives its place back.
    pub(super) fn leaves(&self, side: impl Side) {
        self.mine.enter(Phase::Leaving);
        drop(side);
        self.mine.enter(Phase::Out);
    }

    fn strategy(&mut self) -> WaitStrategy {
        [WaitStrategy::Spin, WaitStrategy::SpinThenSleep, WaitStrategy::Sleep][self.lot.below(3)]
    }

    fn limit(&mut self) -> Duration {
        let micros = [0, 20, 300, 3000][self.lot.below(4)];
        Duration::from_micros(self.lot.below(micros + 1) as u64)
    }

    /// Something besides sending and receiving, now and then.
    fn look_around(&mut self, side: &mut impl Side) -> Result<(), String> {
        if self.lot.once_in(64) {
            side.set_wait_strategy(self.strategy());
        }
        if self.lot.once_in(64) {
            let before = self.peer.holder();
            let is_there = side.has_peer();
            if !is_there && before.is_some() && before == self.peer.holder() {
                return Err(format!(
                    "the other side is said gone, and incarnation {before:?} of it is there"
                ));
            }
        }
        if self.lot.once_in(256) {
            let limit = self.limit();
            if let Answer { said: Said::Wrong(what), .. } = side.await_peer(limit.into()) {
                return Err(format!("waiting for the other side: {what}"));
            }
        }
        Ok(())
    }

    /// Judges an answer that a call came to which could deal with so many, and notes the deaths that were told.
    fn judge(
        &self,
        verb: &str,
        answer: &Answer,
        count: u64,
        began: (Instant, Duration),
    ) -> Result<(), String> {
        if answer.count > count {
            return Err(format!("{verb}: {} messages of {count}", answer.count));
        }
        match &answer.said {
            Said::Wrong(what) => return Err(format!("{verb}: {what}")),
            Said::PeerDead => {
                let told = self.mine.is_told();
                // A new handle is told of the last death before it as well.
                let (before, kills) = (self.kills_before, self.peer.kills());
                if told > kills - before + u64::from(before > 0) {
                    return Err(format!(
                        "{verb}: death {told} was told, of {before} before and {kills} in all"
                    ));
                }
            }
            Said::Nothing if began.0.elapsed() < began.1 => {
                return Err(format!("{verb}: no time left after {:?} of {:?}", began.0.elapsed(), began.1));
            }
            Said::Nothing | Said::Done | Said::Closed => {}
        }
        Ok(())
    }
}

/// Sends until it is asked to leave.
pub(super) fn produce<K: Kind>(tx: &mut K::Tx, party: &mut Party<'_>) -> Result<(), String> {
    let incarnation = party.mine.incarnation();
    while !party.mine.is_to_leave() {
        let at = party.lot.below(K::Tx::SENDS.len());
        let verb = &K::Tx::SENDS[at];
        let count = if verb.is_many { 1 + party.lot.below(MANY as usize) as u64 } else { 1 };
        let possible = if verb.parts == Parts::None { 0 } else { count };
        let limit = if verb.waits { party.limit() } else { Duration::ZERO };
        let first = number(incarnation, party.mine.account().done);
        party.mine.begins(at, possible);
        let began = Instant::now();
        let answer = (verb.run)(tx, first, count, Deadline::from(limit));
        party.judge(verb.name, &answer, possible, (began, limit))?;
        party.mine.ends(answer.count);
        party.look_around(tx)?;
    }
    Ok(())
}

/// Receives until it is asked to leave, or as long as this says.
pub(super) fn consume<K: Kind>(
    rx: &mut K::Rx,
    party: &mut Party<'_>,
    mut goes_on: impl FnMut(&Said) -> bool,
) -> Result<(), String> {
    let mut numbers = Vec::new();
    while !party.mine.is_to_leave() {
        let at = party.lot.below(K::Rx::RECEIVES.len());
        let verb = &K::Rx::RECEIVES[at];
        let count = if verb.is_many { 1 + party.lot.below(MANY as usize) as u64 } else { 1 };
        let possible = match verb.parts {
            Parts::None => 0,
            _ if verb.is_many => count * K::TIMES,
            _ => count,
        };
        let limit = if verb.waits { party.limit() } else { Duration::ZERO };
        party.mine.begins(at, possible);
        let began = Instant::now();
        let answer = (verb.run)(rx, count, Deadline::from(limit), &mut numbers);
        party.judge(verb.name, &answer, possible, (began, limit))?;
        let mut has_room = true;
        for number in numbers.drain(..) {
            has_room = party.mine.received(number >> INCARNATION_AT, number & ((1 << INCARNATION_AT) - 1));
        }
        party.mine.ends(answer.count);
        party.look_around(rx)?;
        if !has_room || !goes_on(&answer.said) {
            break;
        }
    }
    Ok(())
}
