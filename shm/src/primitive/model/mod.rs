//! The door's hooks (feature `model`): a thread may install an observer that sees, and may stand in for,
//! every step.
//!
//! ```text
//!   step.rs     the atomic operations and copies that the hooks are shown
//!   kernel.rs   the kernel that hooks may bring along
//!   place.rs    a shared address as region and offset, since one byte may be mapped at several addresses
//! ```
//!
//! The explorer runs protocol code unchanged and decides at each step what happens: it answers loads with an
//! older value that the memory model allows, switches to another virtual process, kills one, fails a system
//! call, or plays the kernel. A hook that only watches calls `perform` on what it is given, or answers
//! [`Verdict::Real`].
//!
//! A hook may switch to another virtual process of the same thread, which comes through the door while the
//! first is still in its hook: the door holds no lock and no borrow while it calls one.

#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // because this is the door they stand behind.

mod kernel;
mod place;
mod step;

pub use kernel::{FileId, Kernel, Open};
pub use place::{MappedRange, Place, all_mapped, locate, mappings};
pub(crate) use place::{identified, identity, mapped, unmapped};
pub use step::{Action, Copy, Outcome, Step};

use super::kernel::Call;
use core::panic::Location;
use core::sync::atomic::Ordering;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// What the hooks say to a call to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Let the real kernel do it.
    Real,
    /// The call fails with this error number and the kernel never sees it.
    Fail(i32),
}

/// What a thread may install to see and steer every step that it takes through the door.
pub trait Hooks {
    /// Stands in for an atomic operation.
    fn atomic(&self, step: &Step) -> Outcome {
        step.perform()
    }

    /// Stands in for a fence.
    fn fence(&self, order: Ordering, site: &'static Location<'static>) {
        let _ = site;
        core::sync::atomic::fence(order);
    }

    /// Stands in for a light fence. The heavy one is a call to the kernel.
    fn light_fence(&self, site: &'static Location<'static>) {
        let _ = site;
        core::sync::atomic::compiler_fence(Ordering::SeqCst);
    }

    /// Stands in for a copy of payload bytes. A private target that it does not fill holds zeros.
    fn copy(&self, copy: &Copy) {
        copy.perform();
    }

    /// A waiting loop found nothing and goes round again.
    fn spin(&self, site: &'static Location<'static>) {
        let _ = site;
        core::hint::spin_loop();
    }

    /// The monotonic clock, if the hooks keep their own.
    fn now(&self) -> Option<Duration> {
        None
    }

    /// The core that the thread runs on, if the hooks decide that.
    fn core(&self) -> Option<u32> {
        None
    }

    /// A call to the kernel is about to happen, which no kernel of [`instead`](Self::instead) answers.
    fn kernel(&self, call: &Call<'_>) -> Verdict {
        let _ = call;
        Verdict::Real
    }

    /// The kernel that stands in for the real one, if the hooks bring one.
    fn instead(&self) -> Option<&dyn Kernel> {
        None
    }

    /// A slice of a region is handed out, to be read or written in place, `len` bytes at `address`. What is
    /// done with it is not shown.
    fn touch(&self, address: usize, len: usize, writes: bool, site: &'static Location<'static>) {
        let _ = (address, len, writes, site);
    }
}

thread_local! {
    static HOOKS: RefCell<Option<Rc<dyn Hooks>>> = const { RefCell::new(None) };
}

/// Takes the hooks away again when dropped.
#[derive(Debug)]
#[must_use = "the hooks are removed when this is dropped"]
pub struct Installed(());

impl Drop for Installed {
    fn drop(&mut self) {
        let _ = HOOKS.try_with(|hooks| hooks.replace(None));
    }
}

/// Installs hooks for the calling thread until the guard is dropped; they replace earlier ones.
///
/// # Examples
///
/// ```
/// use ringway_shm::primitive::{AtomicU64, Ordering, model};
/// use std::{cell::Cell, rc::Rc};
///
/// #[derive(Default)]
/// struct Count(Cell<u32>);
/// impl model::Hooks for Count {
///     fn atomic(&self, step: &model::Step) -> model::Outcome {
///         self.0.set(self.0.get() + 1);
///         step.perform()
///     }
/// }
///
/// let count = Rc::new(Count::default());
/// let installed = model::install(count.clone());
/// AtomicU64::new(7).store(8, Ordering::Release);
/// drop(installed);
/// AtomicU64::new(7).store(8, Ordering::Release);
/// assert_eq!(count.0.get(), 1);
/// ```
pub fn install(hooks: Rc<dyn Hooks>) -> Installed {
    let earlier = HOOKS.with(|slot| slot.replace(Some(hooks)));
    // Not while the slot is borrowed: what the earlier ones own may come through the door when it goes.
    drop(earlier);
    Installed(())
}

/// The calling thread's hooks.
#[inline]
pub(crate) fn installed() -> Option<Rc<dyn Hooks>> {
    HOOKS.try_with(|hooks| hooks.borrow().clone()).ok().flatten()
}

/// Has the calling thread hooks that bring a kernel?
///
/// # Examples
///
/// ```
/// assert!(!ringway_shm::primitive::model::has_kernel());
/// ```
#[must_use]
pub fn has_kernel() -> bool {
    installed().is_some_and(|hooks| hooks.instead().is_some())
}

/// Has the calling thread hooks?
pub(crate) fn is_installed() -> bool {
    installed().is_some()
}
