//! The victim's life: it attaches, gets the ring into the state that the scene wants, does the verb between two marks, and, if
//! it is not killed, goes on as any party does.

use super::super::parties::{fill, is_done, not_wrong, text};
use super::{Act, Found, MANY, RingStage, SOME};
use crate::step::scene::SENT;
use crate::step::tracee::{LIMIT, mark};
use crate::subject::{Answer, Kind, Parts, Receives, Said, Sends, Side};
use ringway::{Deadline, WaitStrategy};

impl<K: Kind> RingStage<K> {
    pub(super) fn play(&self) -> Result<(), String> {
        let (plan, party) = (self.plan, &self.party);
        match plan.act {
            Act::Send(verb) => self.play_send(verb),
            Act::Receive(verb) => self.play_receive(verb),
            Act::SendMany => self.play_send_many(),
            Act::Window => self.play_window(),
            Act::View => self.play_view(),
            Act::HasConsumer => {
                let mut tx: K::Tx = party.attach()?;
                self.play_has_peer(&tx)?;
                self.go_on_sending(&mut tx, 0)
            }
            Act::HasProducer => {
                let mut rx: K::Rx = party.attach()?;
                self.play_has_peer(&rx)?;
                self.go_on_receiving(&mut rx)
            }
            Act::AttachTx => {
                let region = party.region()?;
                mark();
                let tx = K::Tx::attach(&region);
                self.notes.answered(0);
                mark();
                self.go_on_sending(&mut tx.map_err(text)?, 0)
            }
            Act::AttachRx => {
                let region = party.region()?;
                mark();
                let rx = K::Rx::attach(&region);
                self.notes.answered(0);
                mark();
                self.go_on_receiving(&mut rx.map_err(text)?)
            }
            Act::DropTx => {
                let tx: K::Tx = party.attach()?;
                mark();
                drop(tx);
                self.notes.answered(0);
                mark();
                Ok(())
            }
            Act::DropRx => {
                let rx: K::Rx = party.attach()?;
                mark();
                drop(rx);
                self.notes.answered(0);
                mark();
                Ok(())
            }
            Act::AwaitConsumer => {
                let mut tx: K::Tx = party.attach()?;
                self.play_await(&mut tx)?;
                self.go_on_sending(&mut tx, 0)
            }
            Act::AwaitProducer => {
                let mut rx: K::Rx = party.attach()?;
                self.play_await(&mut rx)?;
                self.go_on_receiving(&mut rx)
            }
        }
    }

    fn play_send(&self, verb: usize) -> Result<(), String> {
        let verb = &<K::Tx as Sends>::SENDS[verb];
        let (mut tx, first) = self.ready_to_send()?;
        let until = self.plan.deadline();
        mark();
        let answer = (verb.run)(&mut tx, first, MANY, until);
        self.notes.answered(answer.count);
        mark();
        self.has_sent(&answer, verb.name, verb.parts, verb.is_many)?;
        self.go_on_sending(&mut tx, first + answer.count)
    }

    fn play_send_many(&self) -> Result<(), String> {
        let (mut tx, first) = self.ready_to_send()?;
        mark();
        let answer = tx.send_many(first, MANY);
        self.notes.answered(answer.as_ref().map_or(0, |answer| answer.count));
        mark();
        let answer = answer.ok_or("the kind has no such call")?;
        self.has_sent(&answer, "send_many", Parts::Prefix, true)?;
        self.go_on_sending(&mut tx, first + answer.count)
    }

    fn play_window(&self) -> Result<(), String> {
        let (tx, first) = self.ready_to_send()?;
        mark();
        let sent = tx.send_in_place(first);
        self.notes.answered(sent.as_ref().map_or(0, |(_, answer)| answer.count));
        mark();
        let (mut tx, answer) = sent.ok_or("the kind has no slices")?;
        self.has_sent(&answer, "try_window", Parts::Whole, false)?;
        self.go_on_sending(&mut tx, first + answer.count)
    }

    /// A producer of a ring in the state that the scene wants, and the number that it sends next.
    fn ready_to_send(&self) -> Result<(K::Tx, u64), String> {
        let mut tx: K::Tx = self.party.attach()?;
        tx.set_wait_strategy(WaitStrategy::Sleep);
        let mut first = 0;
        if self.plan.found != Found::There {
            first = fill(&mut tx, first)?;
        } else if self.partner.is_none() {
            (0..SOME).try_for_each(|number| is_done(&tx.try_send(number), "sending"))?;
            first = SOME;
        }
        self.notes.set(SENT, first);
        Ok((tx, first))
    }

    /// Was as much sent as there was room for?
    fn has_sent(&self, answer: &Answer, name: &str, parts: Parts, is_many: bool) -> Result<(), String> {
        not_wrong(answer, name)?;
        let expected = match (self.plan.found, parts) {
            (Found::Never, _) | (_, Parts::None) => 0,
            (Found::There, _) if is_many => MANY,
            // One that waits for room sends what there was room for in time, or what the name says.
            (Found::Later, _) if is_many => answer.count.clamp(1, MANY),
            _ => 1,
        };
        // While it was stopped, others may have made room.
        let is_expected = answer.count == expected || self.plan.found == Found::Never && answer.count <= MANY;
        let (sent, said) = (answer.count, &answer.said);
        if is_expected { Ok(()) } else { Err(format!("{name} sent {sent} of {expected}: {said:?}")) }
    }

    fn play_receive(&self, verb: usize) -> Result<(), String> {
        let verb = &<K::Rx as Receives>::RECEIVES[verb];
        let mut rx: K::Rx = self.party.attach()?;
        rx.set_wait_strategy(WaitStrategy::Sleep);
        let mut numbers = Vec::with_capacity(256);
        let until = self.plan.deadline();
        mark();
        let answer = (verb.run)(&mut rx, MANY, until, &mut numbers);
        self.notes.answered(answer.count);
        mark();
        self.has_received(&answer, verb.name, verb.parts, verb.is_many, &numbers)?;
        self.go_on_receiving(&mut rx)
    }

    fn play_view(&self) -> Result<(), String> {
        let rx: K::Rx = self.party.attach()?;
        let mut numbers = Vec::with_capacity(256);
        mark();
        let received = rx.recv_in_place(&mut numbers);
        self.notes.answered(received.as_ref().map_or(0, |(_, answer)| answer.count));
        mark();
        let (mut rx, answer) = received.ok_or("the kind has no slices")?;
        self.has_received(&answer, "try_view", Parts::Whole, false, &numbers)?;
        self.go_on_receiving(&mut rx)
    }

    /// Was received what there was? Then it is noted.
    fn has_received(
        &self,
        answer: &Answer,
        name: &str,
        parts: Parts,
        is_many: bool,
        numbers: &[u64],
    ) -> Result<(), String> {
        not_wrong(answer, name)?;
        let is_expected = match (self.plan.found, parts) {
            (Found::Never, _) | (_, Parts::None) => answer.count == 0,
            _ if is_many => answer.count > 0,
            _ => answer.count == 1,
        };
        if !is_expected || numbers.len() as u64 != answer.count {
            return Err(format!("{name} received {numbers:?}: {answer:?}"));
        }
        numbers.iter().for_each(|&number| self.notes.received(number));
        Ok(())
    }

    fn play_has_peer<S: Side>(&self, side: &S) -> Result<(), String> {
        mark();
        let has_peer = side.has_peer();
        self.notes.answered(0);
        mark();
        if has_peer { Ok(()) } else { Err("the partner is not seen".to_owned()) }
    }

    fn play_await<S: Side>(&self, side: &mut S) -> Result<(), String> {
        side.set_wait_strategy(WaitStrategy::Sleep);
        let until = self.plan.deadline();
        mark();
        let answer = side.await_peer(until);
        self.notes.answered(0);
        mark();
        let expected = if self.plan.found == Found::Never { Said::Nothing } else { Said::Done };
        if answer.said == expected { Ok(()) } else { Err(format!("awaiting the other side: {answer:?}")) }
    }

    /// What a victim does that is not killed: it sends one more, and leaves.
    fn go_on_sending(&self, tx: &mut K::Tx, next: u64) -> Result<(), String> {
        is_done(&tx.send_until(next, Deadline::after(LIMIT)), "sending after the stop")?;
        self.notes.set(SENT, next + 1);
        Ok(())
    }

    /// What a victim does that is not killed: it receives what there is and will be, and leaves.
    fn go_on_receiving(&self, rx: &mut K::Rx) -> Result<(), String> {
        let ended = self.party.receive_all(rx, self.partner.is_some())?;
        if ended == Said::PeerDead { Err("told of a death that was none".to_owned()) } else { Ok(()) }
    }
}
