//! What has to be right after a death: who was told, and the account of all messages.

use super::super::parties::is_done;
use super::{Act, BY_RECOVERER, MANY, RingStage};
use crate::step::scene::{CLOSED, DEATHS, MAY, RECOVERED, SENT};
use crate::step::tracee::LIMIT;
use crate::subject::{Kind, Parts, Receives, Sends};
use std::time::Duration;

impl<K: Kind> RingStage<K> {
    /// Did a victim that died have a part for certain, or for certain none?
    fn had_part(&self) -> Option<bool> {
        let has_answered = self.notes.answer().is_some();
        match () {
            () if self.plan.makes_part() => has_answered.then_some(true),
            () if self.plan.ends_part() => has_answered.then_some(false),
            () => Some(true),
        }
    }

    /// How many messages the verb may have dealt with when the victim died.
    fn may_have_dealt(&self, count: u64) -> bool {
        if let Some(answer) = self.notes.answer() {
            return count == answer;
        }
        let (parts, is_many, is_producer) = match self.plan.act {
            Act::Send(verb) => {
                let verb = &<K::Tx as Sends>::SENDS[verb];
                (verb.parts, verb.is_many, true)
            }
            Act::Receive(verb) => {
                let verb = &<K::Rx as Receives>::RECEIVES[verb];
                (verb.parts, verb.is_many, false)
            }
            Act::SendMany => (Parts::Prefix, true, true),
            Act::Window => (Parts::Whole, false, true),
            Act::View => (Parts::Whole, false, false),
            _ => (Parts::None, false, false),
        };
        match parts {
            Parts::None => count == 0,
            // How many are there, and fit into what they are received into, is no matter of the verb.
            Parts::Whole | Parts::Prefix if is_many && !is_producer => count <= MANY * K::TIMES,
            Parts::Whole => count == 0 || count == if is_many { MANY } else { 1 },
            Parts::Prefix => count <= if is_many { MANY } else { 1 },
        }
    }

    pub(super) fn after(&mut self, has_recoverer: bool) -> Result<(), String> {
        self.notes.set(MAY, u64::MAX);
        if self.plan.makes_part() && self.partner.is_some() {
            // It may have had no part; then nobody is told.
            let is_due = self.notes.answer().is_some() && !has_recoverer;
            let limit = if is_due { LIMIT } else { Duration::from_millis(30) };
            let told = self.notes.until("the death is told", limit, || self.notes.get(DEATHS) > 0);
            if is_due {
                told?;
            }
        } else if let Some(partner) = &mut self.partner {
            self.notes.ends_well("the partner", partner)?;
        }
        if let Some(watcher) = &mut self.watcher {
            self.notes.ends_well("the watcher", watcher)?;
        }
        let (party, plan) = (&self.party, self.plan);
        let had_part = if has_recoverer { None } else { self.had_part() };
        let waits_on = self.plan.makes_part() && self.partner.is_some();
        if plan.is_producer() && waits_on {
            self.notes.let_live("the successor", || {
                let mut tx: K::Tx = party.attach()?;
                is_done(&tx.try_send(0), "the successor sends")
            })?;
            self.notes.set(SENT, 1);
            self.notes.ends_well("the partner", self.partner.as_mut().expect("it waits on"))?;
        }
        let is_to_be_told = had_part.filter(|_| plan.is_producer() && self.partner.is_none());
        self.notes
            .let_live("the survivor", || party.survive(waits_on && !plan.is_producer(), is_to_be_told))?;
        if let Some(partner) = self.partner.as_mut().filter(|_| waits_on) {
            self.notes.ends_well("the partner", partner)?;
        }
        self.deaths_add_up()?;
        self.account(has_recoverer)
    }

    fn deaths_add_up(&self) -> Result<(), String> {
        let (deaths, closed) = (self.notes.get(DEATHS), self.notes.get(CLOSED));
        let is_right = match self.had_part() {
            _ if self.partner.is_none() => true,
            Some(true) => deaths == 1,
            Some(false) => deaths == 0 && closed == 1,
            None if self.plan.makes_part() => deaths <= 1,
            None => deaths + closed == 1,
        };
        if is_right { Ok(()) } else { Err(format!("told of {deaths} deaths, closed: {closed}")) }
    }

    /// Everything that was received is what was sent, in order, but for what the dead were just dealing with.
    fn account(&self, has_recoverer: bool) -> Result<(), String> {
        let (sent, mut numbers) = (self.notes.get(SENT), self.notes.numbers());
        // What the recoverer did for certain: 1 + how many messages, once it has answered.
        let recovered = self.notes.get(RECOVERED).checked_sub(1);
        let wrong = |what: &str| Err(format!("{what}: {sent} sent before, then received {numbers:?}"));
        if self.plan.is_producer() {
            let is_recovered = numbers.last() == Some(&BY_RECOVERER);
            if recovered.is_some() && !is_recovered {
                return wrong("what the recoverer sent is missing");
            }
            numbers.pop_if(|last| *last == BY_RECOVERER && has_recoverer);
            let wrong = |what: &str| Err(format!("{what}: {sent} sent before, then received {numbers:?}"));
            if numbers.iter().copied().ne(0..numbers.len() as u64) {
                return wrong("out of order, doubled or lost");
            }
            let Some(more) = (numbers.len() as u64).checked_sub(sent) else { return wrong("lost") };
            return if self.may_have_dealt(more) { Ok(()) } else { wrong("not what the verb may leave") };
        }
        let first = numbers.first().copied().unwrap_or(sent);
        if numbers.iter().copied().ne(first..sent) {
            return wrong("out of order, doubled or lost");
        }
        let may = |taken: u64| first.checked_sub(taken).is_some_and(|dealt| self.may_have_dealt(dealt));
        let is_right = match recovered {
            Some(taken) => may(taken),
            None => may(0) || has_recoverer && may(1),
        };
        if is_right { Ok(()) } else { wrong("not what the verb may take") }
    }
}
