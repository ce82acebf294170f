//! What one exploration is about: who takes part, which version of the protocol they follow, and what may go wrong.

/// The most ringers, and the most waiters, of one scope.
pub(crate) const SIDE_MAX: usize = 3;

/// One process that publishes and rings.
#[derive(Clone, Copy)]
pub(crate) struct RingerKind {
    /// How many items it publishes, each with a ring.
    pub(crate) items: u8,
    /// Whether a membarrier of somebody else reaches it.
    pub(crate) registered: bool,
    /// Whether R2 is a full fence from the beginning.
    pub(crate) fences: bool,
}

impl RingerKind {
    /// A ringer as it should be: reached by a membarrier, and light.
    pub(crate) const fn registered(items: u8) -> Self {
        Self { items, registered: true, fences: false }
    }

    /// One that could not register, and pays for a full fence at each ring.
    pub(crate) const fn fenced(items: u8) -> Self {
        Self { items, registered: false, fences: true }
    }

    /// One that could not register and does nothing about it: an error that the checker has to find.
    pub(crate) const fn careless(items: u8) -> Self {
        Self { items, registered: false, fences: false }
    }
}

/// One process that waits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum WaiterKind {
    /// May call membarrier.
    Able,
    /// Is refused membarrier, so it asks for fences by `fence_wanted`.
    Refused,
}

/// How a ringer makes the state odd.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    /// `fetch_add(1)`, then always a wake.
    Add,
    /// `compare_exchange(s, s + 1)`, and a wake only if it was this ringer that made it odd.
    Compare,
}

/// When a refused waiter believes that its request for fences has been heard, and sleeps without a tick.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Trust {
    /// The state is not what it was after the request, whoever changed it.
    AnyChange,
    /// The state has left the even ticket of the first wait after the request: only a ringer does that.
    OneRing,
    /// The shared count of ringers that do not fence has come down to nought.
    NoLightRinger,
}

/// One error in the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mutant {
    /// The protocol as it is.
    None,
    /// W3 left out.
    NoHeavyFence,
    /// W4 left out.
    NoSecondLook,
    /// W4 before W2.
    SecondLookBeforeRegistering,
    /// W4 between W2 and W3.
    SecondLookBeforeHeavyFence,
    /// W2 adds one to what it saw odd, whatever it is by then.
    RegisterByAdding,
    /// W4 found something, and the waiter makes the state odd again.
    CancelAfterSecondLook,
    /// W5 sleeps whatever the state is.
    SleepUnchecked,
    /// R3 before R1.
    LoadBeforePublish,
    /// R5 before R4.
    WakeBeforeChange,
    /// R5 wakes one sleeper.
    WakeOne,
    /// R4 left out.
    NoChange,
    /// R5 left out.
    NoWake,
}

/// Who may be killed, once, at any step.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kill {
    Nobody,
    OneWaiter,
    OneRinger,
}

/// One exploration.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) waiters: &'a [WaiterKind],
    pub(crate) ringers: &'a [RingerKind],
    /// Each item goes to one waiter; otherwise each waiter sees each item.
    pub(crate) queue: bool,
    pub(crate) change: Change,
    pub(crate) trust: Trust,
    pub(crate) mutant: Mutant,
    pub(crate) kill: Kill,
    /// Whether every sleep ends by itself. A refused waiter that does not trust yet has its tick in any case.
    pub(crate) tick: bool,
    /// The state at the beginning; nought in a new region.
    pub(crate) state: u8,
}

impl<'a> Scope<'a> {
    /// The protocol without errors, kills and ticks: each waiter sees each item.
    pub(crate) const fn new(waiters: &'a [WaiterKind], ringers: &'a [RingerKind], change: Change) -> Self {
        assert!(waiters.len() <= SIDE_MAX && ringers.len() <= SIDE_MAX);
        Self {
            waiters,
            ringers,
            queue: false,
            change,
            trust: Trust::NoLightRinger,
            mutant: Mutant::None,
            kill: Kill::Nobody,
            tick: false,
            state: 0,
        }
    }

    /// Whether some waiter may set `fence_wanted`.
    pub(crate) fn fences_may_be_asked_for(&self) -> bool {
        self.waiters.contains(&WaiterKind::Refused)
    }
}
