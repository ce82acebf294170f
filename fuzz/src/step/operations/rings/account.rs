//! What has to be right after a death: who was told, and the account of all messages.

use super::super::parties::is_done;
use super::{Act, BY_RECOVERER, MANY, RingStage};
use crate::step::scene::{CLOSED, DEATHS, MAY, RECOVERED, SENT, WATCHED};
use crate::step::sweep::Moment;
use crate::step::tracee::LIMIT;
use crate::subject::{Kind, Parts, Receives, Sends};
use std::time::Duration;

impl<K: Kind> RingStage<K> {
    /// Did a victim that died at this moment have a part for certain, or for certain none?
    fn had_part(&self, moment: Moment) -> Option<bool> {
        match () {
            () if self.plan.makes_part() => moment.is_over.then_some(true),
            () if self.plan.ends_part() => moment.is_over.then_some(false),
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
            Parts::Whole | Parts::Prefix if is_many && !is_producer => true,
            Parts::Whole => count == 0 || count == if is_many { MANY } else { 1 },
            Parts::Prefix => count <= if is_many { MANY } else { 1 },
        }
    }

    pub(super) fn after(&mut self, moment: Moment, recoverer: Option<Moment>) -> Result<(), String> {
        self.notes.set(MAY, u64::MAX);
        if self.plan.makes_part() && self.partner.is_some() {
            // It may have had no part; then nobody is told.
            let limit = if moment.is_over { LIMIT } else { Duration::from_millis(30) };
            let told = self.notes.until("the death is told", limit, || self.notes.get(DEATHS) > 0);
            if moment.is_over {
                told?;
            }
        } else if let Some(partner) = &mut self.partner {
            self.notes.ends_well("the partner", partner)?;
        }
        if let Some(watcher) = &mut self.watcher {
            self.notes.ends_well("the watcher", watcher)?;
            self.notes.get(WATCHED).checked_sub(1).ok_or("the watcher saw no end")?;
        }
        let (party, plan) = (&self.party, self.plan);
        let had_part = if recoverer.is_some() { None } else { self.had_part(moment) };
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
        self.deaths_add_up(moment)?;
        self.account(recoverer)
    }

    fn deaths_add_up(&self, moment: Moment) -> Result<(), String> {
        let (deaths, closed) = (self.notes.get(DEATHS), self.notes.get(CLOSED));
        let is_right = match self.had_part(moment) {
            _ if self.partner.is_none() => true,
            Some(true) => deaths == 1,
            Some(false) => deaths == 0 && closed == 1,
            None if self.plan.makes_part() => deaths <= 1,
            None => deaths + closed == 1,
        };
        if is_right { Ok(()) } else { Err(format!("told of {deaths} deaths, closed: {closed}")) }
    }

    /// Everything that was received is what was sent, in order, but for what the dead were just dealing with.
    fn account(&self, recoverer: Option<Moment>) -> Result<(), String> {
        let (sent, mut numbers) = (self.notes.get(SENT), self.notes.numbers());
        let wrong = |what: &str| Err(format!("{what}: {sent} sent before, then received {numbers:?}"));
        if self.plan.is_producer() {
            let is_recovered = numbers.last() == Some(&BY_RECOVERER);
            if recoverer.is_some_and(|moment| moment.is_over) && !is_recovered {
                return wrong("what the recoverer sent is missing");
            }
            numbers.pop_if(|last| *last == BY_RECOVERER && recoverer.is_some());
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
        let by_recoverer = self.notes.get(RECOVERED);
        let may = |taken: u64| first.checked_sub(taken).is_some_and(|dealt| self.may_have_dealt(dealt));
        let is_right = match recoverer {
            None => may(0),
            Some(moment) if moment.is_over => may(by_recoverer),
            Some(_) => may(0) || may(1),
        };
        if is_right { Ok(()) } else { wrong("not what the verb may take") }
    }
}
