//! The account of one ring: what each producer sent, what each consumer received, and whether the two agree.
//!
//! ```text
//!   producer 1   0 1 2 3 4 5 | 6 7          sent for certain | in the call in which it was killed
//!   producer 2   0 1 2
//!   consumer 1   1:0-3   killed in a call that takes up to 2
//!   consumer 2   1:5-7  2:0-3               1:3 and 1:4 went with the call of consumer 1, 1:7 was never sent
//! ```
//!
//! A message is known by its producer's incarnation and a number that counts from 0 in each. What is received is one list of
//! spans, in order. Between two spans messages may be missing which the consumers that were killed in between had under way,
//! and no others. Where the ring's positions count messages the account is exact: they say how many a producer had committed
//! when it died, and how many a consumer had taken.

use super::post::{Account, Span};
use std::collections::BTreeMap;

/// What became of a producer.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    /// Messages that were committed before its first, if the positions say it.
    base: Option<u64>,
    /// Messages that it sent for certain, and the end of those that it may have sent; none while it lives.
    range: Option<(u64, u64)>,
    /// The end of those that were received.
    received: u64,
}

/// What came of all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) received: u64,
    /// Messages that went with a consumer: exact where positions count messages, otherwise the least that explains it.
    pub(super) lost: u64,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    producers: BTreeMap<u64, Sent>,
    /// What comes next: incarnation and number.
    next: (u64, u64),
    /// How many messages may be missing before it.
    window: u64,
    /// How many messages were taken when the last consumer was gone, if the positions say it.
    taken: Option<u64>,
    tally: Tally,
}

impl Ledger {
    /// A producer starts; so many messages were committed before.
    pub(super) fn begins(&mut self, incarnation: u64, base: Option<u64>) {
        self.producers.insert(incarnation, Sent { base, ..Sent::default() });
    }

    /// A producer that lives is met here.
    pub(super) fn meets(&mut self, incarnation: u64) {
        self.producers.entry(incarnation).or_default();
    }

    /// A producer is gone; so many messages are committed now.
    pub(super) fn producer_ended(
        &mut self,
        incarnation: u64,
        account: Account,
        committed: Option<u64>,
    ) -> Result<(), String> {
        let sent = self.producers.entry(incarnation).or_default();
        let (mut certain, mut possible) = (account.done, account.done + account.under_way);
        if let (Some(base), Some(committed)) = (sent.base, committed) {
            let exact = committed.checked_sub(base).ok_or("positions went backwards")?;
            if exact < certain || exact > possible {
                return Err(format!(
                    "producer {incarnation} committed {exact} messages by the ring's positions, and by its calls {certain} \
                     to {possible}"
                ));
            }
            (certain, possible) = (exact, exact);
        }
        if sent.received > possible {
            let received = sent.received;
            return Err(format!(
                "producer {incarnation} sent {possible} messages at most, {received} were received"
            ));
        }
        // What was received was sent.
        sent.range = Some((certain.max(sent.received), possible));
        Ok(())
    }

    /// A consumer is gone, which received this, and had this under way; so many messages are taken now.
    pub(super) fn consumer_ended(
        &mut self,
        spans: &[Span],
        account: Account,
        taken: Option<u64>,
    ) -> Result<(), String> {
        let mut noted = 0;
        for span in spans {
            self.receive(*span)?;
            noted += span.end - span.first;
        }
        // What the call under way has noted already is not missing.
        self.window += account.under_way.saturating_sub(noted.saturating_sub(account.done));
        let Some(taken) = taken else { return Ok(()) };
        if let Some(position) = self.position(self.next) {
            let lost = taken.checked_sub(position);
            match lost {
                Some(lost) if lost <= self.window => {}
                Some(lost) => {
                    let window = self.window;
                    return Err(format!("{lost} messages went with a consumer that had {window} under way"));
                }
                None => return Err(format!("{position} messages were received, and {taken} taken")),
            }
        }
        self.taken = Some(taken);
        Ok(())
    }

    /// The position of a message, if positions count messages and it is known.
    fn position(&self, (incarnation, number): (u64, u64)) -> Option<u64> {
        if incarnation == 0 {
            return Some(0).filter(|_| self.producers.values().any(|sent| sent.base.is_some()));
        }
        Some(self.producers.get(&incarnation)?.base? + number)
    }

    /// Messages follow that were received.
    fn receive(&mut self, span: Span) -> Result<(), String> {
        let Span { incarnation, first, end } = span;
        if (incarnation, first) < self.next {
            let next = self.next;
            return Err(format!(
                "{incarnation}:{first} was received where {next:?} was next: doubled, or out of order"
            ));
        }
        let sent = self.producers.get(&incarnation);
        let sent = *sent.ok_or_else(|| format!("{incarnation}:{first} is of a producer that never was"))?;
        if let Some((_, possible)) = sent.range
            && end > possible
        {
            return Err(format!("{incarnation}:{} was received, and {possible} were sent at most", end - 1));
        }
        let missing = self.missing_before(incarnation, first);
        if missing > self.window {
            let (next, window) = (self.next, self.window);
            return Err(format!(
                "{missing} messages are missing between {next:?} and {incarnation}:{first}; killed consumers had \
                 {window} under way"
            ));
        }
        if let (Some(taken), Some(position)) = (self.taken.take(), self.position((incarnation, first)))
            && taken != position
        {
            return Err(format!(
                "a consumer that began behind {taken} messages received the one of position {position}"
            ));
        }
        self.tally.lost += missing;
        self.tally.received += end - first;
        (self.window, self.next) = (0, (incarnation, end));
        self.producers.entry(incarnation).or_default().received = end;
        Ok(())
    }

    /// The fewest messages that were sent from the next one on and before this one.
    fn missing_before(&self, incarnation: u64, first: u64) -> u64 {
        let (last, number) = self.next;
        if last == incarnation {
            return first - number;
        }
        let between = self.producers.range(last..incarnation);
        let missing = between.map(|(&earlier, sent)| {
            let certain = sent.range.map_or(0, |(certain, _)| certain);
            certain.saturating_sub(if earlier == last { number } else { 0 })
        });
        missing.sum::<u64>() + first
    }

    /// All are gone, and the ring was emptied: nothing may be missing any more.
    pub(super) fn close(&mut self, is_emptied: bool) -> Result<Tally, String> {
        if is_emptied {
            let missing = self.missing_before(u64::MAX, 0);
            if missing > self.window {
                let (next, window) = (self.next, self.window);
                return Err(format!(
                    "{missing} messages are missing from {next:?} on; killed consumers had {window} under way"
                ));
            }
            self.tally.lost += missing;
        }
        Ok(self.tally)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(done: u64, under_way: u64) -> Account {
        Account { done, under_way, verb: 0 }
    }

    fn span(incarnation: u64, first: u64, end: u64) -> Span {
        Span { incarnation, first, end }
    }

    /// Two producers, killed and not, of 6 (or 8) and 3 messages.
    fn two(positions: bool) -> Ledger {
        let mut ledger = Ledger::default();
        ledger.begins(1, positions.then_some(0));
        ledger.producer_ended(1, account(6, 2), positions.then_some(7)).unwrap();
        ledger.begins(2, positions.then_some(7));
        ledger.producer_ended(2, account(3, 0), positions.then_some(10)).unwrap();
        ledger
    }

    #[test]
    fn what_a_killed_consumer_had_under_way_may_be_missing_and_no_more() {
        for positions in [false, true] {
            let at = |position: u64| positions.then_some(position);
            let mut ledger = two(positions);
            ledger.consumer_ended(&[span(1, 0, 3)], account(3, 2), at(5)).unwrap();
            ledger.consumer_ended(&[span(1, 5, 7), span(2, 0, 3)], account(5, 0), at(10)).unwrap();
            assert_eq!(ledger.close(true), Ok(Tally { received: 8, lost: 2 }));

            let mut ledger = two(positions);
            let more = ledger
                .consumer_ended(&[span(1, 0, 3)], account(3, 2), at(6))
                .and_then(|()| ledger.consumer_ended(&[span(1, 6, 7)], account(1, 0), at(7)));
            assert!(more.is_err(), "three are missing");
        }
    }

    #[test]
    fn the_end_counts_too() {
        let mut ledger = two(false);
        ledger.consumer_ended(&[span(1, 0, 6), span(2, 0, 2)], account(8, 0), None).unwrap();
        assert!(ledger.close(true).unwrap_err().contains("1 messages are missing"));
    }

    #[test]
    fn what_is_doubled_invented_or_out_of_order_is_wrong() {
        let received = |spans: &[Span]| two(false).consumer_ended(spans, account(0, 0), None);
        assert!(received(&[span(1, 0, 4), span(1, 3, 6)]).unwrap_err().contains("doubled"));
        assert!(received(&[span(1, 0, 9)]).unwrap_err().contains("at most"));
        assert!(received(&[span(1, 0, 6), span(2, 0, 1), span(1, 6, 7)]).unwrap_err().contains("order"));
        assert!(received(&[span(1, 0, 6), span(3, 0, 1)]).unwrap_err().contains("never was"));
        assert_eq!(received(&[span(1, 0, 6), span(2, 0, 3)]), Ok(()));
    }

    #[test]
    fn positions_that_disagree_with_the_calls_are_wrong() {
        let mut ledger = Ledger::default();
        ledger.begins(1, Some(0));
        assert!(ledger.producer_ended(1, account(6, 2), Some(9)).is_err());
        assert!(ledger.producer_ended(1, account(6, 2), Some(5)).is_err());
        assert!(ledger.producer_ended(1, account(6, 2), Some(8)).is_ok());
        assert!(ledger.consumer_ended(&[span(1, 0, 3)], account(3, 1), Some(2)).is_err(), "taken backwards");
    }
}
