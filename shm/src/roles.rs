//! Roles: what only one live handle of a region can have at a time, in whatever process.
//!
//! A role is a lock byte, held by the address space of whoever claimed it (hold.rs): it is free when the claim is dropped or
//! the last thread of a dead holder has left its memory, and nobody has to decide or repair anything. Who holds it has a row
//! (participants.rs), by which others are told of its end.

use crate::error::{ClaimError, Doing, SystemError};
use crate::hold::Hold;
use crate::layout::ROLE_LOCKS;
use crate::participants::{Owner, Participant};
use crate::primitive::kernel;
use crate::region::Region;
use std::sync::Arc;
use std::time::Duration;

/// How many roles a region has.
pub const ROLES_MAX: u32 = 64;

/// How long a role that is taken is tried again. A process that is just being started by `posix_spawn` has copies of all
/// descriptors of its parent until it executes, also of one through which its parent was just taking a lock; so a role
/// that was given back may look taken for a moment.
const STARTING: [Duration; 4] = [
    Duration::from_micros(200),
    Duration::from_micros(400),
    Duration::from_micros(800),
    Duration::from_micros(1600),
];

impl Region {
    /// Takes a role that only one live handle can have at a time, in whatever process.
    ///
    /// It is given back when the claim is dropped or its process dies. One that is taken is tried again for three
    /// milliseconds, since a process that is just being started may hold what another has given back.
    ///
    /// # Errors
    ///
    /// [`ClaimError::Taken`] when somebody has it.
    ///
    /// # Panics
    ///
    /// When `role` is not below [`ROLES_MAX`].
    ///
    /// # Examples
    ///
    /// ```
    /// use ringway_shm::{Blueprint, ClaimError, Region};
    /// use std::sync::Arc;
    ///
    /// let region = Arc::new(Region::anonymous(&Blueprint::new(1, 1))?);
    /// let claim = region.claim(3)?;
    /// assert_eq!(region.claim(3).unwrap_err(), ClaimError::Taken);
    /// drop(claim);
    /// region.claim(3)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn claim(self: &Arc<Self>, role: u32) -> Result<Claim, ClaimError> {
        assert!(role < ROLES_MAX, "role {role}: there are {ROLES_MAX}");
        let participant = self.participant()?;
        let mut hold = self.backing().hold(ROLE_LOCKS + u64::from(role), true).doing("claiming a role")?;
        for pause in STARTING {
            if hold.is_some() {
                break;
            }
            kernel::pause(pause);
            hold = self.backing().hold(ROLE_LOCKS + u64::from(role), true).doing("claiming a role")?;
        }
        Ok(Claim { _hold: hold.ok_or(ClaimError::Taken)?, participant, region: Arc::clone(self) })
    }

    /// Does anybody have this role, here or in another process?
    ///
    /// # Errors
    ///
    /// [`SystemError`] when the system does not answer.
    pub fn is_claimed(&self, role: u32) -> Result<bool, SystemError> {
        self.is_at_home()?;
        if role >= ROLES_MAX {
            return Ok(false);
        }
        self.backing().is_held(ROLE_LOCKS + u64::from(role)).doing("asking for a role")
    }
}

/// A role that this process holds; given back when dropped.
#[derive(Debug)]
pub struct Claim {
    // Given back first: who finds the role free finds its last holder's row still there, or gone for good.
    _hold: Hold,
    participant: Arc<Participant>,
    region: Arc<Region>,
}

impl Claim {
    /// The region it was claimed in.
    #[must_use]
    pub fn region(&self) -> &Arc<Region> {
        &self.region
    }

    /// The row of the process that holds it: ours.
    #[must_use]
    pub fn participant(&self) -> &Participant {
        &self.participant
    }

    /// The owner that words in the region name.
    #[must_use]
    pub fn owner(&self) -> Owner {
        self.participant.owner()
    }
}
