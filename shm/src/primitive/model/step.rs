//! What the hooks are shown of a thread's work on memory: an atomic operation or a copy, before it happens.
//!
//! Each can be performed by whoever is shown it, and by nobody later: it is lent for the time of the call.

#![allow(unsafe_code)] // because a step or a copy is performed on the address that the door was given.
#![allow(clippy::disallowed_types)] // because this is the door they stand behind.

use core::panic::Location;
use core::sync::atomic::Ordering;

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

/// One atomic operation that is about to happen. Only the door makes one, and it lends it to the hooks for
/// their call.
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
    pub(in crate::primitive) fn new(address: usize, width: u8, order: Ordering, action: Action) -> Self {
        Self { address, width, order, action, site: Location::caller() }
    }

    /// Address of the word in this process; [`locate`](super::locate) turns it into region and offset.
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
                // SAFETY: a `Step` is only made by the door, from a reference to a word of this width, and
                // handed to the hooks while that reference lives.
                let word = unsafe { <$core>::from_ptr(self.address as *mut $value) };
                match self.action {
                    Action::Load => Outcome { value: u64::from(word.load(self.order)), stored: false },
                    Action::Store(value) => {
                        word.store(value as $value, self.order);
                        Outcome { value, stored: true }
                    }
                    Action::Swap(v) => {
                        Outcome { value: u64::from(word.swap(v as $value, self.order)), stored: true }
                    }
                    Action::Add(v) => {
                        Outcome { value: u64::from(word.fetch_add(v as $value, self.order)), stored: true }
                    }
                    Action::Or(v) => {
                        Outcome { value: u64::from(word.fetch_or(v as $value, self.order)), stored: true }
                    }
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

/// One copy of payload bytes that is about to happen. Only the door makes one, and it lends it to the hooks
/// for their call.
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
    pub(in crate::primitive) fn into_region(source: *const u8, target: *mut u8, len: usize) -> Self {
        Self { source, target, len, into_region: true, site: Location::caller() }
    }

    #[track_caller]
    pub(in crate::primitive) fn out_of_region(source: *const u8, target: *mut u8, len: usize) -> Self {
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
        // SAFETY: a `Copy` is only made by the door, whose caller vouches for both ranges while the hooks
        // run, and cannot be kept beyond that.
        unsafe { crate::primitive::copy::opaque_copy::<true>(self.source, self.target, self.len) }
    }
}
