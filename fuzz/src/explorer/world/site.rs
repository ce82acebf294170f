//! Places of the source at which an ordering is asked for, and what stands there.

use ringway_shm::primitive::Ordering;
use std::panic::Location;

/// A place in the source at which an ordering is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Site {
    pub(crate) file: &'static str,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl Site {
    pub(crate) fn of(site: &'static Location<'static>) -> Self {
        Self { file: site.file(), line: site.line(), column: site.column() }
    }
}

/// What stands at a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Use {
    Load(Order),
    Store(Order),
    Change(Order),
    CompareExchange { success: Order, failure: Order },
    Fence(Order),
    LightFence,
    HeavyFence,
}

/// [`Ordering`], in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Order {
    Relaxed,
    Acquire,
    Release,
    AcqRel,
    SeqCst,
}

impl From<Ordering> for Order {
    fn from(order: Ordering) -> Self {
        match order {
            Ordering::Acquire => Self::Acquire,
            Ordering::Release => Self::Release,
            Ordering::AcqRel => Self::AcqRel,
            Ordering::SeqCst => Self::SeqCst,
            _ => Self::Relaxed,
        }
    }
}

impl From<Order> for Ordering {
    fn from(order: Order) -> Self {
        match order {
            Order::Relaxed => Self::Relaxed,
            Order::Acquire => Self::Acquire,
            Order::Release => Self::Release,
            Order::AcqRel => Self::AcqRel,
            Order::SeqCst => Self::SeqCst,
        }
    }
}

/// One ordering, weakened at one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Weakening {
    pub(crate) site: Site,
    pub(crate) was: Use,
    pub(crate) instead: Option<Use>,
}
