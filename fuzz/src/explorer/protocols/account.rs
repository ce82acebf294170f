//! What must hold of messages, whoever was killed: none is lost, doubled, changed, invented or out of order.
//!
//! ```text
//!   try    noted before a message is sent: it may be in the ring from here on
//!   sent   noted when the call has returned: it is in the ring
//!   received
//! ```

use crate::explorer::scenario::End;

/// The account of a run.
#[derive(Debug)]
pub(crate) struct Account {
    tried: Vec<u64>,
    sent: Vec<u64>,
    received: Vec<u64>,
    /// Consumers that died, each of which may have taken this many messages with it.
    lost_max: usize,
}

/// The message that an incarnation sends as its n-th.
pub(crate) fn message(incarnation: u32, number: u64) -> u64 {
    u64::from(incarnation) << 8 | number
}

impl Account {
    /// That of a scenario whose consumer is its process number `consumer`, and takes up to `at_once` messages in a call.
    pub(crate) fn of(end: &End<'_>, consumer: usize, at_once: usize) -> Self {
        let mut tried = end.values("try");
        tried.dedup();
        let deaths = end.deaths(consumer);
        Self { tried, sent: end.values("sent"), received: end.values("received"), lost_max: deaths * at_once }
    }

    /// What was received is what was tried to be sent, in that order, and of what came before nothing is missing but what
    /// dead consumers had taken.
    pub(crate) fn is_in_order(&self) -> Result<(), String> {
        let mut rest = self.tried.iter();
        let mut missing = Vec::new();
        for received in &self.received {
            loop {
                let Some(tried) = rest.next() else {
                    return Err(format!("{received:#x} is out of order, or was never sent: {self:x?}"));
                };
                if tried == received {
                    break;
                }
                if self.sent.contains(tried) {
                    missing.push(*tried);
                }
            }
        }
        if missing.len() > self.lost_max {
            return Err(format!("{missing:x?} lost: {self:x?}"));
        }
        Ok(())
    }

    /// So many messages were ever put into the ring and taken out of it.
    pub(crate) fn balances(&self, put: u64, taken: u64, producers_died: bool) -> Result<(), String> {
        let (put, taken) = (put as usize, taken as usize);
        let unsure = usize::from(producers_died);
        let is_put = (self.sent.len()..=self.sent.len() + unsure * self.tried.len()).contains(&put);
        let is_taken = (self.received.len()..=self.received.len() + self.lost_max).contains(&taken);
        if is_put && is_taken && taken <= put {
            Ok(())
        } else {
            Err(format!("{put} put into the ring, {taken} taken out: {self:x?}"))
        }
    }

    /// Nothing that was sent is missing, but what dead consumers had taken.
    pub(crate) fn is_emptied(&self) -> Result<(), String> {
        let missing = self.sent.iter().filter(|sent| !self.received.contains(sent)).count();
        if missing <= self.lost_max { Ok(()) } else { Err(format!("{missing} left behind: {self:x?}")) }
    }

    /// Everything that was sent was received.
    pub(crate) fn is_drained(&self) -> Result<(), String> {
        if self.sent == self.received { Ok(()) } else { Err(format!("not drained: {self:x?}")) }
    }
}
