//! A ring by name: parties open or create it, come and go, and the last one out takes the name away. When both were killed it
//! is a leftover, and the next one makes a new ring.
//!
//! ```text
//!   ring 1   producer 1 ──────X          X killed, - left
//!            consumer 1    ───────X
//!   ring 2       producer 2         ────────-          nobody held ring 1: its name led to a leftover
//!                consumer 2            ──────────X
//! ```
//!
//! There is an account of each ring. What is left in one goes with it, so nothing is said of the end of the account; whatever
//! was received was received in order, once, and without gaps but those of killed consumers.

use super::ledger::Ledger;
use super::pair::verb;
use super::post::Post;
use super::scenario::{End, Group, Sum};
use super::side::{Party, consume, produce};
use crate::lot::Lot;
use crate::subject::control::told;
use crate::subject::{Kind, Side};
use ringway::{AttachError, CreateError, Name};
use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::time::{Duration, Instant};

const TX: usize = 0;
const OTHER: usize = 2;

/// Messages that the ring has room for.
const ROOM: u64 = 16;

pub(super) struct Names<K> {
    name: String,
    /// By the identity of the ring.
    ledgers: BTreeMap<u64, Ledger>,
    /// Rings that nobody could hold when a party was started: that one has to have another.
    gone: [BTreeSet<u64>; 3],
    kind: PhantomData<K>,
}

impl<K: Kind> Names<K> {
    pub(super) fn group(number: usize) -> Result<Box<dyn Group>, String> {
        let name = format!("storm-{}-{}-{number}", std::process::id(), K::NAME);
        let (ledgers, gone) = (BTreeMap::new(), Default::default());
        Ok(Box::new(Self { name, ledgers, gone, kind: PhantomData }))
    }

    /// Opens or creates, and takes a place that is free, or becomes so as soon as its last holder is all gone.
    fn take<S: Side>(&self) -> Result<S, String> {
        let began = Instant::now();
        loop {
            match S::open_or_create(&self.name, &K::config(ROOM)) {
                Ok(side) => return Ok(side),
                Err(CreateError::Attach(AttachError::ProducerTaken | AttachError::ConsumerTaken))
                    if began.elapsed() < Duration::from_secs(2) => {}
                Err(error) => return Err(format!("{} for {:?}: {error}", self.name, began.elapsed())),
            }
        }
    }

    fn has_name(&self) -> bool {
        Name::new(&self.name).is_ok_and(|name| name.path().exists())
    }

    /// The two that hold the name now hold one ring.
    fn is_one(posts: &[Post<'_>]) -> Result<(), String> {
        let [tx, rx] = [posts[0], posts[1]];
        let before = tx.holder();
        let both = rx.holder().map(|_| (tx.region(), rx.region()));
        match both {
            Some((one, other)) if before.is_some() && before == tx.holder() && one != other => {
                Err(format!("the name led to two rings at once: {one:x} and {other:x}"))
            }
            _ => Ok(()),
        }
    }

    /// A party that is gone had a ring that nobody could hold when it began.
    fn is_new(&self, party: usize, post: Post<'_>) -> Result<(), String> {
        if self.gone[party].contains(&post.region()) {
            return Err(format!("ring {:x} was opened, a leftover", post.region()));
        }
        Ok(())
    }
}

impl<K: Kind> Group for Names<K> {
    fn parties(&self) -> &'static [&'static str] {
        &["producer", "consumer"]
    }

    fn act(&self, party: usize, posts: &[Post<'_>], lot: Lot) -> Result<(), String> {
        let mut me = Party::new(posts[party], posts[1 - party], lot);
        if party == TX {
            let mut tx = self.take::<K::Tx>()?;
            me.holds(&mut tx);
            let came = produce::<K>(&mut tx, &mut me);
            me.leaves(tx);
            came
        } else {
            let mut rx = self.take::<K::Rx>()?;
            me.holds(&mut rx);
            let came = consume::<K>(&mut rx, &mut me, |_| true);
            me.leaves(rx);
            came
        }
    }

    fn begins(&mut self, party: usize, posts: &[Post<'_>]) -> Result<(), String> {
        let peer = posts[1 - party];
        let is_alone = peer.incarnation() == 0 || peer.is_reaped(peer.incarnation());
        self.gone[party].clear();
        if is_alone {
            self.gone[party].extend(self.ledgers.keys());
        }
        Ok(())
    }

    fn stands_still(&mut self, _: usize, posts: &[Post<'_>], _: &mut Lot) -> Result<(), String> {
        Self::is_one(posts)
    }

    fn ended(&mut self, party: usize, posts: &[Post<'_>], _: End) -> Result<(), String> {
        let post = posts[party];
        if post.region() == 0 {
            // It never had one.
            return Ok(());
        }
        self.is_new(party, post)?;
        let ledger = self.ledgers.entry(post.region()).or_default();
        if party == TX {
            return ledger.producer_ended(post.incarnation(), post.account(), None);
        }
        let tx = posts[TX];
        if tx.region() == post.region() && !tx.is_reaped(tx.incarnation()) {
            ledger.meets(tx.incarnation());
        }
        ledger.consumer_ended(&post.spans(), post.account(), None)
    }

    fn last(&self, posts: &[Post<'_>]) -> Result<(), String> {
        if self.has_name() {
            return Err(format!("all have left {} in order, and it is there", self.name));
        }
        let mut me = Party::new(posts[OTHER], posts[TX], Lot::new(1));
        let mut tx = self.take::<K::Tx>()?;
        me.holds(&mut tx);
        if tx.has_peer() || !self.has_name() {
            return Err("a new ring has a consumer, or no name".to_owned());
        }
        me.leaves(tx);
        if self.has_name() {
            Err(format!("the last one has left {}, and it is there", self.name))
        } else {
            Ok(())
        }
    }

    fn close(&mut self, posts: &[Post<'_>]) -> Result<Sum, String> {
        self.gone[OTHER].extend(self.ledgers.keys());
        self.is_new(OTHER, posts[OTHER])?;
        let mut sum = Sum::default();
        for ledger in self.ledgers.values_mut() {
            let tally = ledger.close(false)?;
            sum.messages += tally.received;
            sum.lost += tally.lost;
            sum.regions += 1;
        }
        Ok(sum)
    }

    fn words(&self) -> String {
        K::of_name(&self.name)
            .map_or_else(|error| format!("    {}: {error}\n", self.name), |region| told(&region))
    }

    fn verb(&self, party: usize, at: usize) -> &'static str {
        verb::<K>(party, at)
    }
}

impl<K> Drop for Names<K> {
    fn drop(&mut self) {
        // Where all has gone well there is none; whoever fails takes it away with what lies under it.
        if let Ok(name) = Name::new(&self.name) {
            _ = ringway_shm::unlink(&name);
        }
    }
}
