//! The moment at which a wait gives up.

use ringway_shm::primitive::kernel;
use std::time::{Duration, Instant};

/// A moment on the monotonic clock, or never.
///
/// # Examples
///
/// ```
/// use ringway_sync::Deadline;
/// use std::time::{Duration, Instant};
///
/// assert!(Deadline::after(Duration::ZERO).has_passed());
/// assert!(!Deadline::NEVER.has_passed());
/// assert!(!Deadline::from(Instant::now() + Duration::from_secs(60)).has_passed());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(Option<Duration>);

impl Deadline {
    /// Wait as long as it takes.
    pub const NEVER: Self = Self(None);

    /// This long from now; one too far for the clock is never.
    #[must_use]
    pub fn after(timeout: Duration) -> Self {
        Self(kernel::now().checked_add(timeout))
    }

    /// Is the moment here?
    #[must_use]
    pub fn has_passed(&self) -> bool {
        self.0.is_some_and(|moment| kernel::now() >= moment)
    }

    /// How long it is until then: zero when the moment has passed, `None` when it never comes.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringway_sync::Deadline;
    /// use std::time::Duration;
    ///
    /// assert_eq!(Deadline::NEVER.remaining(), None);
    /// assert!(Deadline::after(Duration::from_secs(9)).remaining() > Some(Duration::from_secs(8)));
    /// ```
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        self.0.map(|moment| moment.saturating_sub(kernel::now()))
    }

    /// The one that comes first.
    pub(crate) fn min(self, other: Self) -> Self {
        match (self.0, other.0) {
            (Some(one), Some(two)) => Self(Some(one.min(two))),
            (one, two) => Self(one.or(two)),
        }
    }

    /// Is the moment here, if the clock shows `now`?
    pub(crate) fn has_passed_at(&self, now: Duration) -> bool {
        self.0.is_some_and(|moment| now >= moment)
    }

    /// The moment, or `now + at_most` if that comes first.
    pub(crate) fn or_after(&self, now: Duration, at_most: Duration) -> Duration {
        let then = now.saturating_add(at_most);
        self.0.map_or(then, |moment| moment.min(then))
    }
}

impl From<Duration> for Deadline {
    fn from(timeout: Duration) -> Self {
        Self::after(timeout)
    }
}

impl From<Instant> for Deadline {
    fn from(moment: Instant) -> Self {
        Self::after(moment.saturating_duration_since(Instant::now()))
    }
}
