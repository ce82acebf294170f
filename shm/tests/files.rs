//! What lies at a path: kept across restarts of every party, refused when it is not what it was, and never mistaken for a
//! file of somebody else's.

#![deny(unsafe_code)]

#[path = "files/kept.rs"]
mod kept;
#[path = "files/mounts.rs"]
mod mounts;
mod party;
#[path = "files/strangers.rs"]
mod strangers;

use ringway_shm::{Access, Blueprint, Lifetime, OpenError, Permissions, Region, layout};
use std::path::Path;

/// A region that stays when all have left.
fn lasting() -> Blueprint {
    mortal().lifetime(Lifetime::UntilUnlinked)
}

/// A region that goes with its last party.
fn mortal() -> Blueprint {
    Blueprint::new(0x6669_6c65, 1).section(layout::FIRST_OWN, 2 * layout::PAGE).unwrap()
}

fn create(path: &Path, blueprint: &Blueprint) -> Region {
    Region::create_file(path, blueprint, Permissions::default()).unwrap()
}

fn open(path: &Path) -> Result<Region, OpenError> {
    open_as(path, Access::default())
}

fn open_as(path: &Path, access: Access) -> Result<Region, OpenError> {
    Region::open_file(path, &lasting().expected(), access)
}
