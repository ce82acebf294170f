//! The door's hooks (feature `model`): a thread may install an observer that sees, and may stand in for, every step.
//!
//! The explorer runs protocol code unchanged and decides at each step what happens: it answers loads with an older
//! value that the memory model allows, switches to another virtual process, kills one, fails a system call. A hook that
//! only watches calls `perform` on what it is given, or answers [`Verdict::Real`].
//!
//! A shared address is named as region and offset ([`locate`]), since one byte may be mapped at several addresses.

#![allow(unsafe_code)] // because a step or a copy is performed on the address that the door was given.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // because this is the door they stand behind.

use super::kernel::Call;
use core::panic::Location;
use core::sync::atomic::Ordering;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What an atomic operation does to its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Reads the word.
    Load,
    /// Writes the value.
    Store(u64),
    /// Writes the value, returns the old one.
    Swap(u64),
    /// Adds, wrapping at the word's width, returns the old value.
    Add(u64),
    /// Sets bits, returns the old value.
    Or(u64),
    /// Keeps bits, returns the old value.
    And(u64),
    /// Writes `new` if the word is `current`.
    CompareExchange {
        /// The value that must stand there.
        current: u64,
        /// The value to write.
        new: u64,
        /// The ordering when it does not stand there.
        failure: Ordering,
        /// May it fail though `current` stands there?
        weak: bool,
    },
}

/// What an atomic operation returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The value read: of a read-modify-write, the one before it.
    pub value: u64,
    /// Did a compare-exchange store? True for every other writing action.
    pub stored: bool,
}

/// One atomic operation that is about to happen. Only the door makes one, and it lends it to the hooks for their call.
#[derive(Debug)]
pub struct Step {
    address: usize,
    width: u8,
    order: Ordering,
    action: Action,
    site: &'static Location<'static>,
}

impl Step {
    #[track_caller]
    pub(super) fn new(address: usize, width: u8, order: Ordering, action: Action) -> Self {
        Self { address, width, order, action, site: Location::caller() }
    }

    /// Address of the word in this process; [`locate`] turns it into region and offset.
    #[must_use]
    pub fn address(&self) -> usize {
        self.address
    }

    /// Width of the word in bytes: 4 or 8.
    #[must_use]
    pub fn width(&self) -> u8 {
        self.width
    }

    /// The ordering asked for (of a compare-exchange: on success).
    #[must_use]
    pub fn order(&self) -> Ordering {
        self.order
    }

    /// What it does.
    #[must_use]
    pub fn action(&self) -> Action {
        self.action
    }

    /// The source line of the operation.
    #[must_use]
    pub fn site(&self) -> &'static Location<'static> {
        self.site
    }

    /// Performs the operation on the real word and returns what it returned.
    #[must_use]
    pub fn perform(&self) -> Outcome {
        use core::sync::atomic::{AtomicU32, AtomicU64};
        macro_rules! on {
            ($core:ty, $value:ty) => {{
                // SAFETY: a `Step` is only made by the door, from a reference to a word of this width, and handed to
                // the hooks while that reference lives.
                let word = unsafe { <$core>::from_ptr(self.address as *mut $value) };
                match self.action {
                    Action::Load => Outcome { value: u64::from(word.load(self.order)), stored: false },
                    Action::Store(value) => {
                        word.store(value as $value, self.order);
                        Outcome { value, stored: true }
                    }
                    Action::Swap(v) => Outcome { value: u64::from(word.swap(v as $value, self.order)), stored: true },
                    Action::Add(v) => {
                        Outcome { value: u64::from(word.fetch_add(v as $value, self.order)), stored: true }
                    }
                    Action::Or(v) => Outcome { value: u64::from(word.fetch_or(v as $value, self.order)), stored: true },
                    Action::And(v) => {
                        Outcome { value: u64::from(word.fetch_and(v as $value, self.order)), stored: true }
                    }
                    Action::CompareExchange { current, new, failure, .. } => {
                        match word.compare_exchange(current as $value, new as $value, self.order, failure) {
                            Ok(value) => Outcome { value: u64::from(value), stored: true },
                            Err(value) => Outcome { value: u64::from(value), stored: false },
                        }
                    }
                }
            }};
        }
        if self.width == 4 { on!(AtomicU32, u32) } else { on!(AtomicU64, u64) }
    }
}

/// One copy of payload bytes that is about to happen. Only the door makes one, and it lends it to the hooks for their
/// call.
#[derive(Debug)]
pub struct Copy {
    source: *const u8,
    target: *mut u8,
    len: usize,
    into_region: bool,
    site: &'static Location<'static>,
}

impl Copy {
    #[track_caller]
    pub(super) fn into_region(source: *const u8, target: *mut u8, len: usize) -> Self {
        Self { source, target, len, into_region: true, site: Location::caller() }
    }

    #[track_caller]
    pub(super) fn out_of_region(source: *const u8, target: *mut u8, len: usize) -> Self {
        Self { source, target, len, into_region: false, site: Location::caller() }
    }

    /// Address of the first shared byte.
    #[must_use]
    pub fn address(&self) -> usize {
        if self.into_region { self.target as usize } else { self.source as usize }
    }

    /// How many bytes.
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // because no copy of nothing is shown.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True when the target lies in the region, false when the source does.
    #[must_use]
    pub fn is_into_region(&self) -> bool {
        self.into_region
    }

    /// The source line of the copy.
    #[must_use]
    pub fn site(&self) -> &'static Location<'static> {
        self.site
    }

    /// Performs the copy.
    pub fn perform(&self) {
        // SAFETY: a `Copy` is only made by the door, whose caller vouches for both ranges while the hooks run, and cannot
        // be kept beyond that.
        unsafe { super::copy::opaque_copy::<true>(self.source, self.target, self.len) }
    }
}

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

    /// A call to the kernel is about to happen.
    fn kernel(&self, call: &Call<'_>) -> Verdict {
        let _ = call;
        Verdict::Real
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
        HOOKS.with(|hooks| hooks.borrow_mut().take());
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
    HOOKS.with(|slot| *slot.borrow_mut() = Some(hooks));
    Installed(())
}

/// The calling thread's hooks.
#[inline]
pub(super) fn installed() -> Option<Rc<dyn Hooks>> {
    HOOKS.try_with(|hooks| hooks.borrow().clone()).ok().flatten()
}

/// Has the calling thread hooks?
pub(crate) fn is_installed() -> bool {
    installed().is_some()
}

/// Where a shared byte is, whatever address it is mapped at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The region's number in this process, in order of mapping.
    pub region: u64,
    /// Byte offset in the region.
    pub offset: u64,
}

#[derive(Clone, Copy)]
struct Mapped {
    start: usize,
    len: usize,
    place: Place,
}

static MAPPED: Mutex<Vec<Mapped>> = Mutex::new(Vec::new());
static REGIONS: core::sync::atomic::AtomicU64 = core::sync::atomic::AtomicU64::new(0);

/// A number for a region that is being mapped.
pub(crate) fn next_region() -> u64 {
    REGIONS.fetch_add(1, Ordering::Relaxed)
}

/// Tells the door that `len` bytes at `start` show a region from `place` on.
pub(crate) fn mapped(start: usize, len: usize, place: Place) {
    MAPPED.lock().unwrap_or_else(PoisonError::into_inner).push(Mapped { start, len, place });
}

/// Tells the door that the mapping at `start` goes away.
pub(crate) fn unmapped(start: usize) {
    MAPPED.lock().unwrap_or_else(PoisonError::into_inner).retain(|m| m.start != start);
}

/// The region and offset behind an address, or `None` for private memory.
#[must_use]
pub fn locate(address: usize) -> Option<Place> {
    let mapped = MAPPED.lock().unwrap_or_else(PoisonError::into_inner);
    mapped
        .iter()
        .find(|m| address.wrapping_sub(m.start) < m.len)
        .map(|m| Place { region: m.place.region, offset: m.place.offset + (address - m.start) as u64 })
}
