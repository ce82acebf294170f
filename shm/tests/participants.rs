//! Every way in which a participant ends, and the ways in which it seems to and does not, among real processes.
//!
//! ```text
//!   this process: survivor                      another process: party
//!   Scene: a region under a name  ◀──opens───   takes part, claims `ROLE`, answers its owner
//!   Watch: asleep at the life word              dies, or goes on
//!   told   ─ woken, and the word marked
//!   proven ─ standing Gone, is_gone, the role free
//! ```

#![deny(unsafe_code)]

#[path = "participants/descriptors.rs"]
mod descriptors;
#[path = "participants/ends.rs"]
mod ends;
#[path = "participants/forks.rs"]
mod forks;
#[path = "participants/many.rs"]
mod many;
#[path = "participants/mutex.rs"]
mod mutex;
#[path = "participants/namespaces.rs"]
mod namespaces;
mod party;
#[path = "participants/sandboxes.rs"]
mod sandboxes;
#[path = "participants/scene.rs"]
mod scene;
#[path = "participants/scribbles.rs"]
mod scribbles;
#[path = "participants/system.rs"]
mod system;
#[path = "participants/table.rs"]
mod table;
#[path = "participants/threads.rs"]
mod threads;
