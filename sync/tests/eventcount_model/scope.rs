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
pub(crate) struct WaiterKind {
    pub(crate) refusal: Refusal,
    /// Whether it asks for fences when it sleeps again and again: it has one ringer at a time.
    pub(crate) asks: bool,
}

impl WaiterKind {
    /// May call membarrier, and always does.
    pub(crate) const ABLE: Self = Self { refusal: Refusal::Never, asks: false };
    /// Is refused membarrier, so that it needs fences.
    pub(crate) const REFUSED: Self = Self { refusal: Refusal::Always, asks: false };
    /// May call membarrier, but would rather have fences.
    pub(crate) const ASKING: Self = Self { refusal: Refusal::Never, asks: true };
    /// Would rather have fences, and may be refused membarrier at one call and not at the next.
    pub(crate) const FICKLE: Self = Self { refusal: Refusal::AtTimes, asks: true };
}

/// When a waiter is refused membarrier.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Refusal {
    Never,
    AtTimes,
    Always,
}

/// How a ringer makes the state odd.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    /// `fetch_add(1)`, then always a wake.
    Add,
    /// `compare_exchange(s, s + 1)`, and a wake only if it was this ringer that made it odd.
    Compare,
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
    /// Fences are asked for when the word was made even already.
    AskAfterRegistering,
    /// A waiter that has asked remembers what the word was before it made it even, so that any change counts as a ring.
    TrustAnyChange,
    /// A waiter that has asked trusts at once.
    TrustAtOnce,
    /// A waiter that trusts does not look whether fences are still wanted.
    NoReload,
    /// It looks before it makes the word even: also what a full fence left out before that look comes to, since a waiter's
    /// stores are locked operations here.
    ReloadBeforeRegistering,
    /// A ringer that takes back what is wanted goes light without a full fence.
    NoFenceAfterTakingBack,
    /// It does not look at the word once more.
    NoLastLook,
    /// A ringer takes back what is needed, too.
    TakeBackNeeded,
    /// A ringer that follows another begins light.
    SuccessorIsLight,
}

/// Who may be killed, once, at any step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kill {
    Nobody,
    OneWaiter,
    OneRinger,
    /// A new waiter takes the place of the dead one.
    OneWaiterWithSuccessor,
    /// A new ringer takes the place of the dead one (or of one that left, if it was between two rings). Sleeps that were
    /// begun before the death end: by the life word that the sleeper watches as well, or by their tick.
    OneRingerWithSuccessor,
}

/// One exploration.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) waiters: &'a [WaiterKind],
    pub(crate) ringers: &'a [RingerKind],
    /// Each item goes to one waiter; otherwise each waiter sees each item.
    pub(crate) queue: bool,
    pub(crate) change: Change,
    pub(crate) mutant: Mutant,
    pub(crate) kill: Kill,
    /// So many sleeps make a waiter ask for fences, if it is one that asks.
    pub(crate) sleeps_to_ask: u8,
    /// So many fences for nobody make a ringer take back that they are wanted.
    pub(crate) quiet_to_stop: u8,
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
            mutant: Mutant::None,
            kill: Kill::Nobody,
            sleeps_to_ask: 1,
            quiet_to_stop: 1,
            tick: false,
            state: 0,
        }
    }

    /// Whether some waiter may ask for fences.
    pub(crate) fn fences_may_be_asked_for(&self) -> bool {
        self.waiters.iter().any(|waiter| waiter.asks) || self.somebody_is_refused()
    }

    /// Whether some waiter may sleep in slices.
    pub(crate) fn somebody_is_refused(&self) -> bool {
        self.waiters.iter().any(|waiter| waiter.refusal != Refusal::Never)
    }
}
