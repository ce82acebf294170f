//! A hang that was planted, so that it can be seen that the watchdog finds one: a consumer that waits for a producer who lives
//! and never sends.

use super::post::{Phase, Post};
use super::scenario::{End, Group, Sum};
use crate::lot::Lot;
use crate::subject::control::told;
use crate::subject::{Kind, Receives, Slots};
use ringway::{Deadline, Region};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

pub(super) struct Hang {
    region: Arc<Region>,
    passed: OwnedFd,
}

impl Hang {
    pub(super) fn group() -> Result<Box<dyn Group>, String> {
        let region = Slots::anonymous(8);
        let passed = region.inheritable().map_err(|error| error.to_string())?;
        Ok(Box::new(Self { region, passed }))
    }
}

impl Group for Hang {
    fn parties(&self) -> &'static [&'static str] {
        &["producer", "consumer"]
    }

    fn act(&self, party: usize, posts: &[Post<'_>], _: Lot) -> Result<(), String> {
        let region = Slots::of_descriptor(self.passed.as_raw_fd()).map_err(|error| error.to_string())?;
        let mut mine = Vec::new();
        if party == 0 {
            let tx = super::pair::attach::<<Slots as Kind>::Tx>(&region)?;
            posts[0].enter(Phase::Holding);
            while !posts[0].is_to_leave() {
                posts[0].beat();
                std::thread::sleep(Duration::from_millis(1));
            }
            drop(tx);
        } else {
            let mut rx = super::pair::attach::<<Slots as Kind>::Rx>(&region)?;
            rx.set_wait_strategy(ringway::WaitStrategy::Sleep);
            posts[1].enter(Phase::Holding);
            posts[1].begins(2, 1);
            _ = Receives::recv_until(&mut rx, Deadline::NEVER, &mut mine);
        }
        posts[party].enter(Phase::Out);
        Ok(())
    }

    fn ended(&mut self, _: usize, _: &[Post<'_>], _: End) -> Result<(), String> {
        Ok(())
    }

    fn last(&self, _: &[Post<'_>]) -> Result<(), String> {
        Ok(())
    }

    fn close(&mut self, _: &[Post<'_>]) -> Result<Sum, String> {
        Ok(Sum::default())
    }

    fn words(&self) -> String {
        told(&self.region)
    }

    fn verb(&self, party: usize, at: usize) -> &'static str {
        super::pair::verb::<Slots>(party, at)
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn is_left_alone(&self) -> bool {
        true
    }
}
