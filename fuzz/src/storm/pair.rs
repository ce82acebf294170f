//! A ring without a name between a producer and a consumer, both of which come and go; the director has it mapped, and so can
//! read how many messages were committed and taken when somebody died.

use super::ledger::Ledger;
use super::post::{Phase, Post};
use super::scenario::{End, Group, Sum};
use super::side::{Party, consume, produce};
use crate::actor::{Actor, Ending};
use crate::lot::Lot;
use crate::subject::control::{CONSUMER, Control, PRODUCER, told};
use crate::subject::{Answer, Kind, Receives, Said, Sends, Side};
use ringway::{AttachError, Deadline, OpenError, Region};
use std::marker::PhantomData;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

const TX: usize = 0;
/// The post of whoever the group starts itself.
const OTHER: usize = 2;

/// Messages that the rings of one storm have room for, by turns.
const ROOM: [u64; 3] = [8, 2, 64];

pub(super) struct Pair<K> {
    /// The director's own: no party, but a look at the words.
    region: Arc<Region>,
    passed: OwnedFd,
    ledger: Ledger,
    kind: PhantomData<K>,
}

impl<K: Kind> Pair<K> {
    pub(super) fn group(number: usize) -> Result<Box<dyn Group>, String> {
        let region = K::anonymous(ROOM[number % ROOM.len()]);
        let passed = region.inheritable().map_err(|error| error.to_string())?;
        Ok(Box::new(Self { region, passed, ledger: Ledger::default(), kind: PhantomData }))
    }

    fn committed(&self) -> Option<u64> {
        K::committed(&self.region)
    }

    /// Messages that were taken, where positions count them.
    fn taken(&self) -> Option<u64> {
        self.committed().map(|_| Control::of(&self.region).head())
    }

    fn open(&self) -> Result<Arc<Region>, String> {
        K::of_descriptor(self.passed.as_raw_fd()).map_err(|error| format!("a ring does not open: {error}"))
    }
}

/// Takes a place that is free, or becomes so as soon as its last holder is all gone.
pub(super) fn attach<S: Side>(region: &Arc<Region>) -> Result<S, String> {
    let began = Instant::now();
    loop {
        match S::attach(region) {
            Ok(side) => return Ok(side),
            Err(OpenError::Attach(AttachError::ProducerTaken | AttachError::ConsumerTaken))
                if began.elapsed() < Duration::from_secs(2) => {}
            Err(error) => {
                return Err(format!(
                    "a place that is free cannot be taken for {:?}: {error}",
                    began.elapsed()
                ));
            }
        }
    }
}

impl<K: Kind> Group for Pair<K> {
    fn parties(&self) -> &'static [&'static str] {
        &["producer", "consumer"]
    }

    fn act(&self, party: usize, posts: &[Post<'_>], lot: Lot) -> Result<(), String> {
        let mut me = Party::new(posts[party], posts[1 - party], lot);
        let region = self.open()?;
        if party == TX {
            let mut tx = attach::<K::Tx>(&region)?;
            me.holds(&mut tx);
            let came = produce::<K>(&mut tx, &mut me);
            me.leaves(tx);
            came
        } else {
            let mut rx = attach::<K::Rx>(&region)?;
            me.holds(&mut rx);
            let came = consume::<K>(&mut rx, &mut me, |_| true);
            me.leaves(rx);
            came
        }
    }

    fn begins(&mut self, party: usize, posts: &[Post<'_>]) -> Result<(), String> {
        if party == TX {
            self.ledger.begins(posts[TX].incarnation(), self.committed());
        }
        Ok(())
    }

    fn stands_still(&mut self, party: usize, posts: &[Post<'_>], lot: &mut Lot) -> Result<(), String> {
        if posts[party].phase() != Phase::Holding {
            return Ok(());
        }
        let role = if party == TX { PRODUCER } else { CONSUMER };
        match self.region.is_claimed(role) {
            Ok(true) => {}
            Ok(false) => return Err("a stopped process has lost its role".to_owned()),
            Err(error) => return Err(format!("asking for a stopped process's role: {error}")),
        }
        if !lot.once_in(8) {
            return Ok(());
        }
        // Somebody else tries to take it, and is the director's own for as long as that takes.
        let mut robber = Actor::start(|| {
            let taken = |error: OpenError| {
                matches!(error, OpenError::Attach(AttachError::ProducerTaken | AttachError::ConsumerTaken))
            };
            let Ok(region) = self.open() else { return 4 };
            let is_refused = if party == TX {
                K::Tx::attach(&region).map_err(taken).err()
            } else {
                K::Rx::attach(&region).map_err(taken).err()
            };
            i32::from(is_refused != Some(true))
        })
        .map_err(|error| error.to_string())?;
        match robber.wait(Duration::from_secs(10)) {
            Some(Ending::Exited(0)) => Ok(()),
            Some(Ending::Exited(1)) => Err("the role of a stopped process was taken by another".to_owned()),
            ended => Err(format!("one that tried to take a stopped process's role: {ended:?}")),
        }
    }

    fn ended(&mut self, party: usize, posts: &[Post<'_>], _: End) -> Result<(), String> {
        let post = posts[party];
        if party == TX {
            let committed = self.committed();
            self.ledger.producer_ended(post.incarnation(), post.account(), committed)
        } else {
            let taken = self.taken();
            self.ledger.consumer_ended(&post.spans(), post.account(), taken)
        }
    }

    fn last(&self, posts: &[Post<'_>]) -> Result<(), String> {
        let region = self.open()?;
        let mut me = Party::new(posts[OTHER], posts[TX], Lot::new(1));
        let mut rx = attach::<K::Rx>(&region)?;
        me.holds(&mut rx);
        if rx.has_peer() {
            return Err("a producer is said to be there, and all are gone".to_owned());
        }
        consume::<K>(&mut rx, &mut me, |said| *said != Said::Closed)?;
        let mut numbers = Vec::new();
        let empty = rx.try_recv(&mut numbers);
        if empty.said != Said::Closed {
            return Err(format!("the ring was left by its producer and emptied, and says {empty:?}"));
        }
        let mut tx = attach::<K::Tx>(&region)?;
        let met =
            (tx.has_peer(), rx.has_peer(), tx.try_send(7), rx.recv_until(Deadline::NEVER, &mut numbers));
        let one = Answer { said: Said::Done, count: 1 };
        if met != (true, true, one.clone(), one) || numbers != [7] {
            return Err(format!("the emptied ring does not work: {met:?}, {numbers:?}"));
        }
        drop(tx);
        if rx.has_peer() {
            return Err("a producer that has left is said to be there".to_owned());
        }
        me.leaves(rx);
        Ok(())
    }

    fn close(&mut self, posts: &[Post<'_>]) -> Result<Sum, String> {
        let last = posts[OTHER];
        // The last one has taken a message of its own as well.
        let taken = self.taken().map(|taken| taken - 1);
        let committed = self.committed().map(|committed| committed - 1);
        self.ledger.consumer_ended(&last.spans(), last.account(), taken)?;
        if taken != committed {
            return Err(format!("the ring was emptied, and {taken:?} of {committed:?} were taken"));
        }
        let tally = self.ledger.close(true)?;
        Ok(Sum { messages: tally.received, lost: tally.lost, regions: 1, ..Sum::default() })
    }

    fn words(&self) -> String {
        told(&self.region)
    }

    fn verb(&self, party: usize, at: usize) -> &'static str {
        verb::<K>(party, at)
    }
}

/// The name of a verb of a producer (party 0) or a consumer.
pub(super) fn verb<K: Kind>(party: usize, at: usize) -> &'static str {
    let name = if party == TX {
        K::Tx::SENDS.get(at).map(|verb| verb.name)
    } else {
        K::Rx::RECEIVES.get(at).map(|verb| verb.name)
    };
    name.unwrap_or("?")
}
