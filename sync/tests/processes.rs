//! What becomes of each primitive when something happens to a process that holds it, waits for it, or has its handles.
//!
//! ```text
//!   this process: survivor                     another process: party (`scene::errand`)
//!   Scene<K>: one primitive under a name  ◀──  opens it, and does what it is told, line by line:
//!   K::take: waits, tries                      hold, give, try, take, recover, fork, exec, spawn, ...
//! ```
//!
//! What can be held is behind one face (`Kind`); nobody owns what a semaphore counts, so semaphores have tests of their own.

#![deny(unsafe_code)]

#[path = "processes/deaths.rs"]
mod deaths;
#[path = "processes/forks.rs"]
mod forks;
#[path = "processes/kinds.rs"]
mod kinds;
#[path = "processes/namespaces.rs"]
mod namespaces;
#[path = "../../shm/tests/party/mod.rs"]
mod party;
#[path = "processes/sandboxes.rs"]
mod sandboxes;
#[path = "processes/scene.rs"]
mod scene;
#[path = "processes/semaphores.rs"]
mod semaphores;
#[path = "processes/signals.rs"]
mod signals;
// What a process does to itself is done here by the same means.
#[allow(dead_code)]
#[path = "../../shm/tests/participants/system.rs"]
mod system;
#[path = "processes/threads.rs"]
mod threads;
