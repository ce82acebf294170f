//! A recorder behind the door's hooks: every step is let through and written down.

use core::fmt;
use ringway_shm::primitive::Ordering;
use ringway_shm::primitive::kernel::Call;
use ringway_shm::primitive::model::{Action, Copy, Hooks, Outcome, Place, Step, Verdict, install, locate};
use std::cell::RefCell;
use std::panic::Location;
use std::rc::Rc;

/// One step through the door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What it did.
    pub what: What,
    /// The source line that asked for it; none for a call to the kernel.
    pub site: Option<&'static Location<'static>>,
}

/// What a step did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// An atomic operation.
    Atomic {
        /// Where, or none outside every region.
        place: Option<Place>,
        /// Which.
        action: Action,
        /// With which ordering.
        order: Ordering,
        /// The value it returned.
        value: u64,
    },
    /// A fence.
    Fence(Ordering),
    /// A light fence, which the heavy fence of another process makes a full one.
    LightFence,
    /// A copy of payload bytes.
    Copy {
        /// Where the shared bytes are.
        place: Option<Place>,
        /// How many.
        len: usize,
        /// Into the region, or out of it?
        into_region: bool,
    },
    /// A round of a waiting loop.
    Spin,
    /// A call to the kernel, as text.
    Kernel(String),
}

#[derive(Debug, Default)]
struct Recorder(RefCell<Vec<Event>>);

impl Recorder {
    fn push(&self, what: What, site: Option<&'static Location<'static>>) {
        self.0.borrow_mut().push(Event { what, site });
    }
}

impl Hooks for Recorder {
    fn atomic(&self, step: &Step) -> Outcome {
        let outcome = step.perform();
        let (place, action, order) = (locate(step.address()), step.action(), step.order());
        self.push(What::Atomic { place, action, order, value: outcome.value }, Some(step.site()));
        outcome
    }

    fn fence(&self, order: Ordering, site: &'static Location<'static>) {
        self.push(What::Fence(order), Some(site));
    }

    fn light_fence(&self, site: &'static Location<'static>) {
        self.push(What::LightFence, Some(site));
    }

    fn copy(&self, copy: &Copy) {
        copy.perform();
        let (place, len, into_region) = (locate(copy.address()), copy.len(), copy.is_into_region());
        self.push(What::Copy { place, len, into_region }, Some(copy.site()));
    }

    fn spin(&self, site: &'static Location<'static>) {
        self.push(What::Spin, Some(site));
    }

    fn kernel(&self, call: &Call<'_>) -> Verdict {
        self.push(What::Kernel(format!("{call:?}")), None);
        Verdict::Real
    }
}

/// Runs `code` on this thread and returns what it returned, with every step that it took through the door.
///
/// # Examples
///
/// ```
/// use ringway::{Config, slots};
/// use std::sync::Arc;
///
/// let region = Arc::new(slots::anonymous::<u64>(&Config::spsc().capacity(8))?);
/// let mut tx = slots::Producer::<u64>::attach(&region)?;
/// let (sent, events) = ringway_fuzz::trace(|| tx.try_send(&7));
/// assert!(sent.is_ok());
/// assert_eq!(events.len(), 4, "the slot, the position, a light fence, a look at the door: {events:?}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn trace<R>(code: impl FnOnce() -> R) -> (R, Vec<Event>) {
    let recorder = Rc::new(Recorder::default());
    let installed = install(recorder.clone());
    let result = code();
    drop(installed);
    let events = recorder.0.take();
    (result, events)
}

impl fmt::Display for Event {
    /// One line: what, where, and the source line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |place: &Option<Place>| match place {
            Some(place) => format!("region {} + {:#06x}", place.region, place.offset),
            None => "private".to_owned(),
        };
        let (what, at, how) = match &self.what {
            What::Atomic { place: at, action, order, value } => match action {
                Action::Load => ("load", place(at), format!("{order:?} -> {value}")),
                Action::Store(value) => ("store", place(at), format!("{order:?} {value}")),
                other => ("change", place(at), format!("{order:?} {other:?} -> {value}")),
            },
            What::Fence(order) => ("fence", String::new(), format!("{order:?}")),
            What::LightFence => ("fence", String::new(), "light".to_owned()),
            What::Copy { place: at, len, into_region: true } => {
                ("copy in", place(at), format!("{len} bytes"))
            }
            What::Copy { place: at, len, .. } => ("copy out", place(at), format!("{len} bytes")),
            What::Spin => ("spin", String::new(), String::new()),
            What::Kernel(call) => ("kernel", String::new(), call.clone()),
        };
        write!(f, "{what:9} {at:18} {how:24}")?;
        match self.site {
            Some(site) => write!(f, " {}:{}", site.file(), site.line()),
            None => Ok(()),
        }
    }
}
