//! The roles and rows of a region: claimed and given back by many, at random, and never had by two.
//!
//! Whoever has claimed a role writes its mark in the role's word. What it finds there is the mark of one that gave the role
//! back, or of one that the director has killed. Of the others each asks how it stands with them: who is alive and has a row is
//! never said to be gone, and who is gone is never said to be alive.

use super::post::{Phase, Post};
use super::scenario::{End, Group, Sum, mark, met};
use crate::actor::Board;
use crate::lot::Lot;
use crate::subject::control::participants_told;
use ringway_shm::primitive::Ordering;
use ringway_shm::{Blueprint, Claim, ClaimError, Owner, Region, Standing};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many processes.
const PARTIES: &[&str] = &["ann", "bob", "cid", "dot"];
/// How many roles they fight for.
const ROLES: usize = 3;
/// Mark of a role that was given back.
const NOBODY: u64 = 0;

pub(super) struct Places {
    region: Arc<Region>,
    passed: OwnedFd,
    /// The mark of each role.
    marks: Board,
}

fn blueprint() -> Blueprint {
    Blueprint::new(0x5703, 1)
}

/// Text of an error.
fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl Places {
    pub(super) fn group(_: usize) -> Result<Box<dyn Group>, String> {
        let region = Arc::new(Region::anonymous(&blueprint()).map_err(text)?);
        let passed = region.inheritable().map_err(text)?;
        Ok(Box::new(Self { region, passed, marks: Board::new(ROLES).map_err(text)? }))
    }

    fn open(&self) -> Result<Arc<Region>, String> {
        Ok(Arc::new(Region::inherited(self.passed.as_raw_fd(), &blueprint().expected()).map_err(text)?))
    }

    /// Marks a role that was claimed.
    fn take(&self, role: usize, mine: u64, posts: &[Post<'_>]) -> Result<(), String> {
        met(&self.marks[role], mine, posts).map_err(|who| format!("role {role} was had by {who} as well"))
    }

    /// Gives it back.
    fn give(&self, claim: Claim, role: usize, mine: u64) -> Result<(), String> {
        let found = self.marks[role].swap(NOBODY, Ordering::AcqRel);
        drop(claim);
        if found == mine {
            Ok(())
        } else {
            Err(format!("role {role} was taken by {found:x}, while {mine:x} had it"))
        }
    }

    /// Asks how it stands with another.
    fn ask(region: &Region, other: Post<'_>) -> Result<(), String> {
        let (before, incarnation, owner) = (other.holder(), other.incarnation(), other.owner());
        let Some(owner) = Owner::from_bits(owner) else { return Ok(()) };
        let standing = region.standing(owner).map_err(text)?;
        let is_same = other.incarnation() == incarnation && other.owner() == owner.to_bits();
        if before == Some(incarnation) && before == other.holder() && is_same && standing != Standing::Alive {
            return Err(format!("{owner:?} is alive, and said to be {standing:?}"));
        }
        Ok(())
    }

    /// Asks after one that was seen gone.
    fn ask_after(region: &Region, owner: Owner) -> Result<(), String> {
        let began = Instant::now();
        loop {
            match region.standing(owner).map_err(text)? {
                Standing::Gone => return Ok(()),
                Standing::Dying if began.elapsed() < Duration::from_secs(2) => {}
                standing => return Err(format!("{owner:?} is gone, and said to be {standing:?}")),
            }
        }
    }
}

impl Group for Places {
    fn parties(&self) -> &'static [&'static str] {
        PARTIES
    }

    fn act(&self, party: usize, posts: &[Post<'_>], mut lot: Lot) -> Result<(), String> {
        let me = posts[party];
        let mine = mark(party, me.incarnation());
        let region = self.open()?;
        let row = region.participant().map_err(text)?;
        me.set_owner(row.owner().to_bits());
        me.enter(Phase::Holding);
        let mut had: [Option<Claim>; ROLES] = Default::default();
        while !me.is_to_leave() {
            me.begins(0, 0);
            let role = lot.below(ROLES);
            match had[role].take() {
                Some(claim) => self.give(claim, role, mine)?,
                None => match region.claim(role as u32) {
                    Ok(claim) => {
                        self.take(role, mine, posts)?;
                        had[role] = Some(claim);
                    }
                    Err(ClaimError::Taken) => {}
                    Err(error) => return Err(text(error)),
                },
            }
            me.ends(1);
            let other = posts[lot.below(PARTIES.len())];
            // Gone before its words are the next one's: read in this order.
            let (incarnation, owner) = (other.incarnation(), other.owner());
            if other.is_reaped(incarnation) && other.incarnation() == incarnation {
                Owner::from_bits(owner).map_or(Ok(()), |owner| Self::ask_after(&region, owner))?;
            } else {
                Self::ask(&region, other)?;
            }
            if lot.once_in(16) {
                let thread = region.thread_participant().map_err(text)?;
                if region.standing(thread.owner()).map_err(text)? != Standing::Alive {
                    return Err("this thread is not said to be alive".to_owned());
                }
            }
        }
        me.enter(Phase::Leaving);
        for (role, claim) in had.into_iter().enumerate() {
            claim.map_or(Ok(()), |claim| self.give(claim, role, mine))?;
        }
        drop(row);
        me.enter(Phase::Out);
        Ok(())
    }

    fn stands_still(&mut self, party: usize, posts: &[Post<'_>], _: &mut Lot) -> Result<(), String> {
        Self::ask(&self.region, posts[party])?;
        let mine = mark(party, posts[party].incarnation());
        for role in (0..ROLES).filter(|&role| self.marks[role].load(Ordering::Acquire) == mine) {
            if !self.region.is_claimed(role as u32).map_err(text)? {
                return Err(format!("{} is stopped and has lost role {role}", PARTIES[party]));
            }
        }
        Ok(())
    }

    fn ended(&mut self, party: usize, posts: &[Post<'_>], _: End) -> Result<(), String> {
        let owner = Owner::from_bits(posts[party].owner());
        owner.map_or(Ok(()), |owner| Self::ask_after(&self.region, owner))
    }

    fn last(&self, _: &[Post<'_>]) -> Result<(), String> {
        let region = self.open()?;
        let here = region.participants().map_err(text)?;
        if let Some(row) = here.iter().find(|row| row.standing != Standing::Gone) {
            return Err(format!("all are gone, and {row:?} is there"));
        }
        for role in 0..ROLES as u32 {
            if region.is_claimed(role).map_err(text)? {
                return Err(format!("all are gone, and role {role} is claimed"));
            }
            drop(region.claim(role).map_err(text)?);
        }
        Ok(())
    }

    fn close(&mut self, _: &[Post<'_>]) -> Result<Sum, String> {
        Ok(Sum { regions: 1, ..Sum::default() })
    }

    fn words(&self) -> String {
        let marks: Vec<u64> = self.marks.iter().map(|mark| mark.load(Ordering::Acquire)).collect();
        format!("    marks {marks:x?}\n{}", participants_told(&self.region))
    }

    fn verb(&self, _: usize, _: usize) -> &'static str {
        "claim, or give back"
    }
}
