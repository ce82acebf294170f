//! Every verb of every kind of ring, on either side, with nobody, one and two waiting for what it does.
//!
//! ```text
//!   victim     attaches, gets the ring into the state that the scene wants ── mark ── the verb ── mark ──▶ goes on, leaves
//!   partner    the other side, if somebody waits: asleep for messages, or for room; told of the death, once
//!   watcher    a third process, asleep at the victim's life word
//!   survivors  who comes afterwards: takes what is left, takes the victim's place, sends and receives
//! ```
//!
//! The account: what was committed before the verb, and what the verb may have committed or taken by the rules of
//! `docs/GUARANTEES.md`, and nothing else, arrives in order.
//!
//! The victim's life stands in `rings/victim.rs`, the account in `rings/account.rs`, and who the others are in `parties.rs`.

mod account;
mod victim;

use super::parties::{Party, is_done, not_wrong, text};
use crate::actor::Actor;
use crate::step::scene::{DEATHS, MAY, Notes, READY, RECOVERED, SENT, WOKEN};
use crate::step::sweep::{Moment, Operation, Stage};
use crate::step::tracee::{LIMIT, mark};
use crate::subject::{Kind, Lines, Mirrored, Padded, Receives, Sends, Side, Slots};
use core::marker::PhantomData;
use nix::unistd::Pid;
use ringway::Deadline;
use std::time::Duration;

/// Messages that a ring has room for.
const ROOM: u64 = 8;
/// Messages that are in it before a verb that finds some, and room.
const SOME: u64 = 4;
/// Messages that a verb is given that deals with several.
const MANY: u64 = 3;
/// What one that recovers sends.
const BY_RECOVERER: u64 = 1000;

/// What the victim does.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// The numbered verb of `SENDS`.
    Send(usize),
    /// The numbered verb of `RECEIVES`.
    Receive(usize),
    /// Several by the call that does not say how many.
    SendMany,
    /// One message by a slice of the ring itself.
    Window,
    View,
    AttachTx,
    AttachRx,
    DropTx,
    DropRx,
    AwaitConsumer,
    AwaitProducer,
    HasConsumer,
    HasProducer,
}

/// Is what the verb asks for there?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// It need not wait.
    There,
    /// It comes when the victim sleeps.
    Later,
    /// It is not, and the deadline has passed.
    Never,
}

#[derive(Clone, Copy, Debug)]
struct Plan {
    act: Act,
    found: Found,
    waiters: u32,
}

impl Plan {
    fn is_producer(self) -> bool {
        use Act::{AttachTx, AwaitConsumer, DropTx, HasConsumer, Send, SendMany, Window};
        matches!(self.act, Send(_) | SendMany | Window | AttachTx | DropTx | AwaitConsumer | HasConsumer)
    }

    /// Does the verb make the victim's part? Then the victim may have none yet when it dies.
    fn makes_part(self) -> bool {
        matches!(self.act, Act::AttachTx | Act::AttachRx)
    }

    /// Does the verb end the victim's part? Then the victim may have none any more.
    fn ends_part(self) -> bool {
        matches!(self.act, Act::DropTx | Act::DropRx)
    }

    fn has_partner(self) -> bool {
        self.waiters > 0 || self.found == Found::Later
    }

    /// Does the partner come only when the victim sleeps?
    fn has_late_partner(self) -> bool {
        matches!(self.act, Act::AwaitConsumer | Act::AwaitProducer) && self.found == Found::Later
    }

    fn deadline(self) -> Deadline {
        let limit = if self.found == Found::Never { Duration::ZERO } else { LIMIT };
        Deadline::after(limit)
    }
}

/// All operations of all kinds.
pub(crate) fn all() -> Vec<Operation> {
    [of::<Padded>(), of::<Mirrored>(), of::<Slots>(), of::<Lines>()].into_iter().flatten().collect()
}

fn of<K: Kind>() -> Vec<Operation> {
    let mut all = Vec::new();
    let mut add = |name: &str, act: Act, found: Found, waiters: u32| {
        let plan = Plan { act, found, waiters };
        let asked = match found {
            Found::There => "",
            Found::Later => ", waits",
            Found::Never => ", in vain",
        };
        let who = ["", ", one waiting", ", two waiting"][waiters as usize];
        let name = format!("{}: {name}{asked}{who}", K::NAME);
        let set = move || RingStage::<K>::set(plan).map(|stage| Box::new(stage) as Box<dyn Stage>);
        let has_recoverer = waiters == 0 && found == Found::There;
        all.push(Operation { name, has_recoverer, set: Box::new(set) });
    };
    for (number, verb) in <K::Tx as Sends>::SENDS.iter().enumerate() {
        scenes(verb.waits, verb.waits_for_ever(), |found, waiters| {
            add(verb.name, Act::Send(number), found, waiters)
        });
    }
    for (number, verb) in <K::Rx as Receives>::RECEIVES.iter().enumerate() {
        scenes(verb.waits, verb.waits_for_ever(), |found, waiters| {
            add(verb.name, Act::Receive(number), found, waiters)
        });
    }
    if K::HAS_MANY {
        scenes(true, true, |found, waiters| add("send_many", Act::SendMany, found, waiters));
    }
    if K::HAS_SLICES {
        scenes(false, false, |found, waiters| add("try_window, commit", Act::Window, found, waiters));
        scenes(false, false, |found, waiters| add("try_view, release", Act::View, found, waiters));
    }
    add("has_consumer", Act::HasConsumer, Found::There, 1);
    add("has_producer", Act::HasProducer, Found::There, 1);
    // Who makes its part has no life word yet that a second one could wait at.
    (0..2).for_each(|waiters| add("producer attach", Act::AttachTx, Found::There, waiters));
    (0..2).for_each(|waiters| add("consumer attach", Act::AttachRx, Found::There, waiters));
    (0..3).for_each(|waiters| add("producer drop", Act::DropTx, Found::There, waiters));
    (0..3).for_each(|waiters| add("consumer drop", Act::DropRx, Found::There, waiters));
    for (name, act) in [("await_consumer", Act::AwaitConsumer), ("await_producer", Act::AwaitProducer)] {
        add(name, act, Found::There, 1);
        add(name, act, Found::Later, 0);
        add(name, act, Found::Never, 0);
    }
    all
}

/// The scenes of a verb: with nobody, one and two waiting; where it may have to wait itself, so that it does; and in vain.
fn scenes(waits: bool, for_ever: bool, mut add: impl FnMut(Found, u32)) {
    (0..3).for_each(|waiters| add(Found::There, waiters));
    if waits {
        add(Found::Later, 0);
    }
    if !for_ever {
        add(Found::Never, 0);
    }
}

struct RingStage<K: Kind> {
    plan: Plan,
    party: Party<K>,
    notes: Notes,
    partner: Option<Actor>,
    watcher: Option<Actor>,
    victim: Option<Pid>,
    kind: PhantomData<K>,
}

impl<K: Kind> RingStage<K> {
    fn set(plan: Plan) -> Result<Self, String> {
        let notes = Notes::new()?;
        let party = Party::<K>::new(ROOM, notes.clone())?;
        let mut stage =
            Self { plan, party, notes, partner: None, watcher: None, victim: None, kind: PhantomData };
        let (party, notes) = (&stage.party, &stage.notes);
        notes.set(MAY, if plan.found == Found::Later { 0 } else { u64::MAX });
        let is_late = plan.has_late_partner();
        let goes_on = plan.makes_part();
        if plan.has_partner() && plan.is_producer() {
            stage.partner = Some(notes.start(|| party.consume(is_late, goes_on))?);
        } else if plan.has_partner() {
            let fills = plan.found == Found::There && !matches!(plan.act, Act::AwaitProducer);
            stage.partner = Some(notes.start(|| party.produce(is_late, fills, goes_on))?);
        } else if !plan.is_producer() && plan.found == Found::There {
            // Somebody who has left again.
            notes.let_live("the first producer", || {
                let mut tx: K::Tx = party.attach()?;
                (0..SOME).try_for_each(|number| is_done(&tx.try_send(number), "sending"))?;
                notes.set(SENT, SOME);
                Ok(())
            })?;
        }
        if stage.partner.is_some() && !is_late {
            notes.until("the partner is there", LIMIT, || notes.get(READY) > 0)?;
        }
        Ok(stage)
    }
}

impl<K: Kind> Stage for RingStage<K> {
    fn victim(&self) -> i32 {
        self.notes.run(|| self.play())
    }

    fn ready(&mut self, victim: Pid) -> Result<(), String> {
        self.victim = Some(victim);
        if self.plan.waiters == 2 {
            let party = &self.party;
            self.watcher = Some(self.notes.start(|| party.watch(victim))?);
        }
        if let Some(partner) = self.partner.as_ref().filter(|_| self.plan.found == Found::There) {
            self.notes.until_asleep("the partner", partner)?;
        }
        if let Some(watcher) = &self.watcher {
            self.notes.until_asleep("the watcher", watcher)?;
        }
        Ok(())
    }

    fn nudge(&mut self) -> Result<(), String> {
        // The first time it lets one message go; after a stop, all that follow.
        let may = self.notes.get(MAY);
        self.notes.set(MAY, if may == 0 { 1 } else { u64::MAX });
        Ok(())
    }

    fn after_death(&mut self, _: Moment) -> Result<(), String> {
        self.after(false)
    }

    fn while_stopped(&mut self) -> Result<(), String> {
        let (party, plan) = (&self.party, self.plan);
        let victim = self.victim.expect("it is at its mark");
        let has_part = !plan.makes_part() && !plan.ends_part();
        let is_alone = self.partner.is_none();
        self.notes.let_live("a visitor", || party.visit(victim, plan.is_producer(), has_part, is_alone))?;
        if self.notes.get(DEATHS) > 0 || self.notes.get(WOKEN) > 0 && has_part {
            return Err("somebody was told of its death".to_owned());
        }
        self.notes.set(MAY, u64::MAX);
        Ok(())
    }

    fn after_all(&mut self) -> Result<(), String> {
        if let Some(partner) = &mut self.partner {
            self.notes.ends_well("the partner", partner)?;
        }
        if let Some(watcher) = &mut self.watcher {
            self.notes.ends_well("the watcher", watcher)?;
        }
        let party = &self.party;
        self.notes.let_live("the survivor", || party.survive(false, Some(false)))?;
        if self.notes.get(DEATHS) > 0 {
            return Err("a death was told that was none".to_owned());
        }
        let (sent, numbers) = (self.notes.get(SENT), self.notes.numbers());
        let is_whole = numbers.iter().copied().eq(0..sent);
        if is_whole { Ok(()) } else { Err(format!("{sent} sent, received {numbers:?}")) }
    }

    fn recoverer(&self) -> i32 {
        let (party, notes, plan) = (&self.party, &self.notes, self.plan);
        notes.run(|| {
            let region = party.region()?;
            let mut numbers = Vec::with_capacity(256);
            mark();
            let done = if plan.is_producer() {
                let answer = K::Tx::attach(&region).map(|mut tx| tx.try_send(BY_RECOVERER));
                notes.set(RECOVERED, 2);
                answer.map_err(text).and_then(|answer| is_done(&answer, "the recoverer sends"))
            } else {
                let answer = K::Rx::attach(&region).map(|mut rx| rx.try_recv(&mut numbers));
                notes.set(RECOVERED, 1 + numbers.len() as u64);
                answer.map_err(text).and_then(|answer| not_wrong(&answer, "the recoverer receives"))
            };
            if let Err(wrong) = done {
                notes.wrong(wrong);
            }
            mark();
            Ok(())
        })
    }

    fn after_second_death(&mut self, _: Moment, _: Moment) -> Result<(), String> {
        self.after(true)
    }

    fn wrong(&self) -> Option<String> {
        self.notes.is_wrong()
    }
}
