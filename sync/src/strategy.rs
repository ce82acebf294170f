//! How a side waits: the choice of its user.

/// How a call that has to wait passes its time.
///
/// On the machines measured, a message that comes while a side spins is there after two transfers of a cache line, some
/// 50 to 400 ns; to sleep and be woken on another core takes 40 to 55 us, on the same core 4 us. What spinning costs is the
/// core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WaitStrategy {
    /// Spins, and after some tens of microseconds yields the core between looks. Never sleeps: for parties that have a core
    /// to themselves.
    Spin,
    /// Spins as long as that has paid lately, then sleeps. Not at all on a machine with one core, nor for a peer that
    /// last ran on this core; shortly where others want the core.
    #[default]
    SpinThenSleep,
    /// Sleeps at once: for parties that share their cores, and waits that are long.
    Sleep,
}
