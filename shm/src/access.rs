//! Who may open a region, and how it is opened.

#[allow(unused_imports)] // because the docs below name it.
use crate::blueprint::Lifetime;
use std::time::Duration;

/// Who may open a new region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permissions {
    /// Permission bits of the file; the process's umask does not touch them.
    pub mode: u32,
    /// The group it belongs to; `None` leaves the creator's.
    pub group: Option<u32>,
}

impl Default for Permissions {
    /// The owner alone reads and writes.
    fn default() -> Self {
        Self { mode: 0o600, group: None }
    }
}

/// How to open a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Access {
    /// Map it for reading only. A party that cannot write cannot take the name away either: if it is the last to leave a
    /// region of [`Lifetime::LastParty`], the name stays until the next opener or sweep meets it.
    pub read_only: bool,
    /// Open it though it belongs to another user (root's regions included).
    pub foreign_owner: bool,
    /// How long to wait for it to be created; zero does not wait.
    pub wait: Duration,
    /// Open the file though it was created before the machine's last boot.
    ///
    /// What lies in it is what had reached the disk when the machine stopped. Nobody knows in which order its pages got
    /// there, so it is as if a stranger had written it. Set this where everything found in the region is checked, or where
    /// the machine is known to have stopped in order.
    ///
    /// It is a matter of files only: a region with a name does not survive a reboot, and one that says it did is refused.
    pub after_reboot: bool,
}
