//! The systems that are measured beside each other.
//!
//! # How to add one
//!
//! One file here, and one line in [`all`]:
//!
//! 1. Implement [`Channel`] (two processes) or [`ThreadChannel`] (two threads of one process): how its two ends come
//!    to be.
//! 2. Implement for the ends what they can do: [`Caller`] for both, [`SlotProducer`] and [`SlotConsumer`],
//!    [`RecordProducer`] and [`RecordConsumer`], and [`Mourner`] for a near end that is told of its peer's death.
//! 3. Say which cases it takes part in, by the builder of [`System`]:
//!
//!    ```text
//!    pub(super) fn system() -> System {
//!        System::new("name").round_trips::<Trip>().slots::<Flow>().records::<Flow, 64>()
//!    }
//!    ```
//!
//! Round trips are made once with every wait polling (`round_trips`) and once with every wait sleeping in the kernel
//! (`wakeups`); `blocked` is one of the latter in which the answer takes long. How to wait is told to the channel by
//! [`Shape::waits`](crate::endpoint::Shape::waits). `deaths` kills the process that holds the far end.
//!
//! Cases of more than two parties have traits of their own in [`endpoint`](crate::endpoint) ([`Queue`](crate::endpoint::Queue), for one), and their
//! builder in [`parties`].
//!
//! [`System::again`] is the same system once more, for the noise floor: two rows that differ only by chance.

use std::io;
use std::os::fd::OwnedFd;

use crate::endpoint::{
    Caller, Channel, Mourner, RecordConsumer, RecordProducer, SlotConsumer, SlotProducer, ThreadChannel,
};
use crate::plan::case::Case;
use crate::stage::measure::{self, Job};
use crate::work::Work;
use crate::work::blocked;
use crate::work::death;
use crate::work::flows::{RecordBatches, Records, SlotBatches, Slots};
use crate::work::held;
use crate::work::open;
use crate::work::setup;
use crate::work::sleeping::SleepingTrips;
use crate::work::trips::MessageTrips;

mod cpp;
mod crates;
mod engines;
pub(crate) mod floor;
mod kernel;
pub(crate) mod limits;
mod locks;
mod mpmc;
#[cfg(any(
    feature = "aeron",
    feature = "iceoryx2",
    feature = "interprocess",
    feature = "ipc-channel",
    ringway_cpp = "message_queue"
))]
mod note;
mod pairs;
mod parties;
mod ringway;

/// All systems, in the order of the report: the floors first.
pub(crate) fn all() -> Vec<System> {
    let mut systems = floor::systems();
    systems.extend(ringway::systems());
    systems.extend(engines::systems());
    systems.extend(crates::systems());
    systems.push(crates::standard::system());
    systems.extend(cpp::systems());
    systems.extend(kernel::systems());
    systems.extend(limits::systems());
    systems.extend(pairs::all());
    systems.extend(mpmc::all());
    systems.extend(locks::all());
    let mut systems = merge(systems);
    for (name, group) in TWICE {
        take_again(&mut systems, name, group);
    }
    systems
}

/// Systems that are measured once more in a group, for the noise floor of those in which nothing of Ringway is.
const TWICE: [(&str, &str); 5] = [
    ("memcpy", "limits"),
    ("pipe", "mpmc"),
    ("futex mutex", "sync"),
    ("robust futex", "death"),
    ("futex", "blocked"),
];

/// Has a system measured once more in the cases of a group.
fn take_again(systems: &mut Vec<System>, name: &str, group: &str) {
    let Some(place) = systems.iter().position(|system| system.name == name) else { return };
    let mut again = systems[place].again();
    again.jobs.retain(|(case, _)| case.group() == group);
    again.at_rates = None;
    match systems.iter_mut().find(|system| system.name == again.name) {
        Some(earlier) => earlier.jobs.extend(again.jobs),
        None => systems.insert(place + 1, again),
    }
}

/// One system of each name: what takes part in cases of several kinds may be spread over several files.
fn merge(systems: Vec<System>) -> Vec<System> {
    let mut merged: Vec<System> = Vec::new();
    for system in systems {
        match merged.iter_mut().find(|earlier| earlier.name == system.name) {
            Some(earlier) => {
                earlier.jobs.extend(system.jobs);
                earlier.at_rates = earlier.at_rates.or(system.at_rates);
            }
            None => merged.push(system),
        }
    }
    merged
}

/// A system that is not measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Absent {
    /// Its name.
    pub name: &'static str,
    /// Why not.
    pub reason: String,
}

/// All systems that are not measured, with the reasons.
pub(crate) fn absent() -> Vec<Absent> {
    let mut absent = engines::absent();
    absent.extend(crates::absent());
    absent.extend(kernel::absent());
    absent.extend(limits::absent());
    for system in [pairs::absent(), mpmc::absent(), locks::absent()].concat() {
        if !absent.contains(&system) {
            absent.push(system);
        }
    }
    absent.extend(cpp::absent());
    absent
}

/// The rivals of a folder: each a module of its own behind a feature, or absent with the reason. In parentheses stands what
/// a rival needs that cargo does not bring.
macro_rules! rivals {
    ($($feature:literal $module:ident $(($needs:literal))?),* $(,)?) => {
        $(#[cfg(feature = $feature)] mod $module;)*

        /// Those that are built.
        pub(crate) fn systems() -> Vec<$crate::systems::System> {
            #[allow(unused_mut)] // because there may be none.
            let mut systems = Vec::new();
            $(#[cfg(feature = $feature)] systems.extend($module::systems());)*
            systems
        }

        /// Those that are not.
        pub(crate) fn absent() -> Vec<$crate::systems::Absent> {
            let named = [$(($feature, cfg!(feature = $feature), concat!("" $(, ", which needs ", $needs)?))),*];
            let left_out = named.into_iter().filter(|(_, is_built, _)| !is_built);
            left_out
                .map(|(name, _, needs)| $crate::systems::Absent {
                    name,
                    reason: format!("built without the feature `{name}`{needs}"),
                })
                .collect()
        }
    };
}
use rivals;

/// Whether there is a system of that name that takes part in `case`.
pub(crate) fn take_part(case: Case, name: &str) -> bool {
    all().iter().any(|system| system.name == name && system.job(case).is_some())
}

/// What the name of a system that is measured a second time ends with.
pub(crate) const AGAIN: &str = " (again)";

/// A system and what it takes part in.
#[derive(Clone, Debug)]
pub(crate) struct System {
    /// The name in tables and rows.
    pub name: String,
    /// What it takes part in.
    pub jobs: Vec<(Case, Job)>,
    /// How it takes part in the cases that have a given rate, of which there are as many as the user likes.
    at_rates: Option<Job>,
}

impl System {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), jobs: Vec::new(), at_rates: None }
    }

    /// The same system once more.
    fn again(&self) -> Self {
        Self { name: format!("{}{AGAIN}", self.name), jobs: self.jobs.clone(), at_rates: self.at_rates }
    }

    /// The job for `case`, if the system takes part in it.
    pub(crate) fn job(&self, case: Case) -> Option<Job> {
        if matches!(case, Case::Open { .. }) {
            return self.at_rates;
        }
        self.jobs.iter().find(|(taken, _)| *taken == case).map(|&(_, job)| job)
    }

    /// Takes part in `case` with the loops of `W`, between two processes.
    fn measure<C: Channel, W: Work<C::Near, C::Far>>(mut self, case: Case) -> Self {
        self.jobs.push((
            case,
            Job::Processes { lead: measure::lead_process::<C, W>, follow: measure::follow_process::<C, W> },
        ));
        self
    }

    /// Takes part in `case` with the loops of `W`, between two threads.
    fn measure_threads<C: ThreadChannel, W: Work<C::Near, C::Far>>(mut self, case: Case) -> Self {
        self.jobs.push((case, Job::Threads { lead: measure::lead_thread::<C, W> }));
        self
    }

    /// Takes part in the round trips.
    fn round_trips<C: Channel<Near: Caller, Far: Caller>>(self) -> Self {
        self.measure::<C, MessageTrips>(Case::RoundTrip)
    }

    /// Takes part in the round trips in which every wait sleeps, on two cores and on one.
    fn wakeups<C: Channel<Near: Caller, Far: Caller>>(self) -> Self {
        self.measure::<C, SleepingTrips>(Case::Wakeup { together: false })
            .measure::<C, SleepingTrips>(Case::Wakeup { together: true })
    }

    /// Is made, opened and used by the loops of `W`.
    fn setup<C: Channel, W: Work<C::Near, C::Far>>(mut self) -> Self {
        let job = Job::Processes { lead: setup::lead::<C, W>, follow: setup::follow::<C, W> };
        self.jobs.push((Case::Setup, job));
        self
    }

    /// Takes part in the deaths, on idle and on busy cores.
    fn deaths<C: Channel<Near: Mourner>>(mut self) -> Self {
        let job = Job::Processes { lead: death::lead::<C>, follow: held::follow::<C> };
        self.jobs.extend([false, true].map(|busy| (Case::Death { busy }, job)));
        self
    }

    /// Takes part in the waiting while nothing comes.
    fn blocked<C: Channel<Near: Caller, Far: Caller>>(mut self) -> Self {
        let job = Job::Processes { lead: blocked::lead::<C>, follow: blocked::follow::<C> };
        self.jobs.push((Case::Blocked, job));
        self
    }

    /// Takes part in the flows of 8-byte messages, one and many at a time.
    fn slots<C: Channel<Near: SlotProducer, Far: SlotConsumer>>(self) -> Self {
        self.measure::<C, Slots>(Case::Slots { length: 8, batched: false })
            .measure::<C, SlotBatches>(Case::Slots { length: 8, batched: true })
    }

    /// Takes part in the flows of slots of `LENGTH` bytes, one and many at a time.
    fn long_slots<C, const LENGTH: usize>(self) -> Self
    where
        C: Channel<Near: RecordProducer, Far: RecordConsumer>,
    {
        self.measure::<C, Records<LENGTH>>(Case::Slots { length: LENGTH, batched: false })
            .measure::<C, RecordBatches<LENGTH>>(Case::Slots { length: LENGTH, batched: true })
    }

    /// Takes part in the flows of records of `LENGTH` bytes, one and many at a time.
    fn records<C, const LENGTH: usize>(self) -> Self
    where
        C: Channel<Near: RecordProducer, Far: RecordConsumer>,
    {
        self.measure::<C, Records<LENGTH>>(Case::Records { length: LENGTH, batched: false })
            .measure::<C, RecordBatches<LENGTH>>(Case::Records { length: LENGTH, batched: true })
    }

    /// As [`records`](Self::records), but one at a time only: for what has no other way.
    #[allow(dead_code)] // because the systems that need it are optional.
    fn single_records<C, const LENGTH: usize>(self) -> Self
    where
        C: Channel<Near: RecordProducer, Far: RecordConsumer>,
    {
        self.measure::<C, Records<LENGTH>>(Case::Records { length: LENGTH, batched: false })
    }

    /// Takes part in the flows of records of every length.
    fn all_records<C>(self) -> Self
    where
        C: Channel<Near: RecordProducer, Far: RecordConsumer>,
    {
        self.records::<C, 64>()
            .records::<C, 1024>()
            .records::<C, 8192>()
            .records::<C, 65536>()
            .records::<C, { 1 << 20 }>()
    }

    /// Takes part in the messages at a given rate.
    fn open<C>(mut self) -> Self
    where
        C: Channel<Near: RecordProducer, Far: RecordConsumer>,
    {
        self.at_rates = Some(Job::Processes { lead: open::lead::<C>, follow: open::follow::<C> });
        self
    }

    /// As [`open`](Self::open), between two threads.
    fn thread_open<C>(mut self) -> Self
    where
        C: ThreadChannel<Near: RecordProducer, Far: RecordConsumer>,
    {
        self.at_rates = Some(Job::Threads { lead: open::lead_thread::<C> });
        self
    }

    /// As [`slots`](Self::slots), between two threads.
    fn thread_slots<C: ThreadChannel<Near: SlotProducer, Far: SlotConsumer>>(self) -> Self {
        self.measure_threads::<C, Slots>(Case::Slots { length: 8, batched: false })
            .measure_threads::<C, SlotBatches>(Case::Slots { length: 8, batched: true })
    }

    /// As [`long_slots`](Self::long_slots), between two threads.
    fn thread_long_slots<C, const LENGTH: usize>(self) -> Self
    where
        C: ThreadChannel<Near: RecordProducer, Far: RecordConsumer>,
    {
        self.measure_threads::<C, Records<LENGTH>>(Case::Slots { length: LENGTH, batched: false })
            .measure_threads::<C, RecordBatches<LENGTH>>(Case::Slots { length: LENGTH, batched: true })
    }
}

/// The one descriptor of a channel that has one.
fn sole(descriptors: Vec<OwnedFd>) -> io::Result<OwnedFd> {
    let [descriptor] = <[OwnedFd; 1]>::try_from(descriptors).map_err(|_| io::ErrorKind::InvalidInput)?;
    Ok(descriptor)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_name_stands_for_two_systems() {
        let systems = all();
        let names: HashSet<&str> = systems.iter().map(|system| system.name.as_str()).collect();
        assert_eq!(names.len(), systems.len());
    }

    #[test]
    fn a_system_measured_again_follows_its_first_row() {
        let names: Vec<String> = all().into_iter().map(|system| system.name).collect();
        for (index, name) in names.iter().enumerate() {
            if let Some(first) = name.strip_suffix(AGAIN) {
                assert_eq!(names[index - 1], first);
            }
        }
    }
}
