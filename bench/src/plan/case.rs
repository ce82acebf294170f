//! What is measured: the cases, in the order of the report, and the figures each yields.

use crate::endpoint::{Shape, Waits};
use crate::plan::metric::Metric;
use crate::stage::place::Placement;

/// A kind of traffic, or another thing that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Case {
    /// What the machine itself can do.
    Limit(Limit),
    /// Fixed slots of `length` bytes, one way, between one producer and one consumer.
    Slots { length: usize, batched: bool },
    /// 64 bytes there and 64 bytes back, one at a time.
    RoundTrip,
    /// 64 bytes one way, `per_second` times a second, timed from the moment at which each was due to be sent.
    Open { per_second: u32 },
    /// Messages of `length` bytes, one way.
    Records { length: usize, batched: bool },
    /// As `RoundTrip`, but every wait sleeps in the kernel; `together` on one core, else on two.
    Wakeup { together: bool },
    /// Four pairs of processes on two cores: flows of 64 B messages, or round trips of them.
    Crowd { trips: bool },
    /// Messages of 8 bytes from several producers to several consumers.
    Queue { parties: u8, manner: Manner },
    /// A way to wait for one another.
    Sync(Primitive),
    /// A channel is made, opened and used once.
    Setup,
    /// A peer is killed: from just before the signal until a process that waits for the peer runs and knows.
    /// `busy` when another process burns time on each core meanwhile.
    Death { busy: bool },
    /// A party waits while nothing comes.
    Blocked,
}

/// Something that the machine can do, and that nothing built on it does in less time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Limit {
    /// A round trip between two cores: of a cache line, or, if both parties sleep, of a wake-up.
    Trip { sleeps: bool },
    /// An operation of the processor or a call to the kernel, by one thread that nobody disturbs.
    Alone,
    /// The same while another core does it to the same line.
    Contended,
    /// Bytes that one core copies from one place to another.
    Copy { length: usize },
}

/// How a queue is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Manner {
    /// One message a call; who finds the queue full or empty tries again.
    Single,
    /// Up to 32 messages a call.
    Batched,
    /// One message a call, which waits for room or for a message.
    Blocking,
}

/// A way to wait for one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Primitive {
    /// A mutex that so many parties lock and unlock as fast as they can.
    Mutex { parties: u8 },
    /// A spinlock, by one party.
    Spin,
    /// A semaphore that one party posts and waits for.
    Semaphore,
    /// A barrier of two parties.
    Barrier,
    /// The holder of a lock is killed: until the next one has it.
    OwnerDeath,
}

/// The groups, in the order of the report, and what each is about.
pub(crate) const GROUPS: [(&str, &str); 11] = [
    ("limits", "what the machine itself can do: no channel does better"),
    ("spsc", "fixed slots from one producer to one consumer, as fast as they can"),
    ("latency", "64 bytes there and back, and 64 bytes one way at a given rate; every wait polls"),
    ("flow", "messages of several lengths from one process to another, as fast as they can"),
    ("wakeup", "64 bytes there and back, where every wait sleeps in the kernel"),
    ("oversubscribed", "four pairs of processes on two cores"),
    ("mpmc", "8-byte messages from several producers to several consumers"),
    ("sync", "locks, semaphores and barriers"),
    ("setup", "to make, to open and to keep a channel"),
    ("death", "a peer is killed, and somebody waits for it"),
    ("blocked", "nothing comes, and somebody waits for it"),
];

/// The lengths of slots.
const SLOTS: [usize; 3] = [8, 64, 1024];

/// The lengths of records.
const RECORDS: [usize; 5] = [64, 1024, 8192, 65536, 1 << 20];

/// Messages a second of the cases that have a given rate, unless the user gives others.
pub(crate) const RATES: [u32; 3] = [10_000, 100_000, 1_000_000];

/// What stands around the rate in a title.
const RATE_PREFIX: &str = "64 B at ";
const RATE_SUFFIX: &str = "/s";

/// Bytes of a message of every case that has one length only.
const MESSAGE: usize = 64;

impl Case {
    /// All cases, with the usual rates.
    pub(crate) fn all() -> Vec<Self> {
        Self::all_at(&RATES)
    }

    /// All cases, with these rates.
    pub(crate) fn all_at(rates: &[u32]) -> Vec<Self> {
        let mut cases = vec![
            Self::Limit(Limit::Trip { sleeps: false }),
            Self::Limit(Limit::Trip { sleeps: true }),
            Self::Limit(Limit::Alone),
            Self::Limit(Limit::Contended),
            Self::Limit(Limit::Copy { length: 1024 }),
            Self::Limit(Limit::Copy { length: 65536 }),
            Self::Limit(Limit::Copy { length: 64 << 20 }),
        ];
        cases.extend(
            SLOTS.iter().flat_map(|&length| [false, true].map(|batched| Self::Slots { length, batched })),
        );
        cases.push(Self::RoundTrip);
        cases.extend(rates.iter().map(|&per_second| Self::Open { per_second }));
        cases.extend(
            RECORDS.iter().flat_map(|&length| [false, true].map(|batched| Self::Records { length, batched })),
        );
        cases.extend([false, true].map(|together| Self::Wakeup { together }));
        cases.extend([false, true].map(|trips| Self::Crowd { trips }));
        for manner in [Manner::Single, Manner::Batched, Manner::Blocking] {
            cases.extend([1, 2, 4].map(|parties| Self::Queue { parties, manner }));
        }
        cases.extend([1, 2, 4].map(|parties| Self::Sync(Primitive::Mutex { parties })));
        cases.extend(
            [Primitive::Spin, Primitive::Semaphore, Primitive::Barrier, Primitive::OwnerDeath]
                .map(Self::Sync),
        );
        cases.push(Self::Setup);
        cases.extend([false, true].map(|busy| Self::Death { busy }));
        cases.push(Self::Blocked);
        cases
    }

    /// The name of what it has in common with other cases: one of [`GROUPS`].
    pub(crate) fn group(self) -> &'static str {
        match self {
            Self::Limit(_) => "limits",
            Self::Slots { .. } => "spsc",
            Self::RoundTrip | Self::Open { .. } => "latency",
            Self::Records { .. } => "flow",
            Self::Wakeup { .. } => "wakeup",
            Self::Crowd { .. } => "oversubscribed",
            Self::Queue { .. } => "mpmc",
            Self::Sync(_) => "sync",
            Self::Setup => "setup",
            Self::Death { .. } => "death",
            Self::Blocked => "blocked",
        }
    }

    /// Whether each of its messages is a round trip that is timed by itself.
    pub(crate) fn has_round_trips(self) -> bool {
        matches!(self, Self::RoundTrip | Self::Wakeup { .. } | Self::Limit(Limit::Trip { .. }))
    }

    /// Whether the bare line is measured beside it: messages between two cores that run all the time.
    pub(crate) fn has_line(self) -> bool {
        matches!(
            self,
            Self::Slots { .. }
                | Self::Records { .. }
                | Self::RoundTrip
                | Self::Open { .. }
                | Self::Wakeup { together: false }
        )
    }

    /// The system that its rows are compared with: the least that does the same, and protects nobody. Where there is
    /// none the best rival takes its place.
    pub(crate) fn floor(self) -> Option<&'static str> {
        match self {
            Self::RoundTrip => Some("mailbox"),
            Self::Open { .. } | Self::Slots { batched: true, .. } | Self::Records { .. } => Some("copy"),
            Self::Wakeup { .. } | Self::Blocked => Some("futex"),
            Self::Death { .. } | Self::Sync(Primitive::OwnerDeath) => Some("robust futex"),
            Self::Sync(Primitive::Mutex { .. }) => Some("futex mutex"),
            Self::Sync(Primitive::Spin) => Some("test and set"),
            Self::Sync(Primitive::Barrier) => Some("spinning barrier"),
            _ => None,
        }
    }

    /// Where its parties run on a stage that has `placement`.
    pub(crate) fn placement(self, placement: Placement) -> Placement {
        if self == (Self::Wakeup { together: true }) { placement.together() } else { placement }
    }

    /// The name in tables and rows.
    pub(crate) fn title(self) -> String {
        let suffix = if self.shape().batched { " batched" } else { "" };
        match self {
            Self::Limit(Limit::Trip { sleeps: false }) => "round trip".to_owned(),
            Self::Limit(Limit::Trip { sleeps: true }) => "round trip, sleeping".to_owned(),
            Self::Limit(Limit::Alone) => "one core".to_owned(),
            Self::Limit(Limit::Contended) => "two cores, one line".to_owned(),
            Self::Limit(Limit::Copy { length }) => format!("copy {}", bytes(length)),
            Self::Slots { length, .. } => format!("{} slot{suffix}", bytes(length)),
            Self::RoundTrip => "64 B round trip".to_owned(),
            Self::Open { per_second } => format!("{RATE_PREFIX}{per_second}{RATE_SUFFIX}"),
            Self::Records { length, .. } => format!("{} record{suffix}", bytes(length)),
            Self::Wakeup { together: false } => "64 B round trip, apart".to_owned(),
            Self::Wakeup { together: true } => "64 B round trip, together".to_owned(),
            Self::Crowd { trips: false } => "4 pairs, 64 B one way".to_owned(),
            Self::Crowd { trips: true } => "4 pairs, 64 B round trip".to_owned(),
            Self::Queue { parties, manner } => {
                let manner = match manner {
                    Manner::Single => "",
                    Manner::Batched => ", 32 a call",
                    Manner::Blocking => ", blocking",
                };
                format!("{parties} to {parties}, 8 B{manner}")
            }
            Self::Sync(Primitive::Mutex { parties: 1 }) => "mutex, uncontended".to_owned(),
            Self::Sync(Primitive::Mutex { parties }) => format!("mutex, {parties} parties"),
            Self::Sync(Primitive::Spin) => "spinlock, uncontended".to_owned(),
            Self::Sync(Primitive::Semaphore) => "semaphore, uncontended".to_owned(),
            Self::Sync(Primitive::Barrier) => "barrier of two".to_owned(),
            Self::Sync(Primitive::OwnerDeath) => "mutex, owner killed".to_owned(),
            Self::Setup => "one channel".to_owned(),
            Self::Death { busy: false } => "killed peer, idle".to_owned(),
            Self::Death { busy: true } => "killed peer, busy".to_owned(),
            Self::Blocked => "nothing comes".to_owned(),
        }
    }

    /// The case of that group with that title.
    pub(crate) fn find(group: &str, title: &str) -> Option<Self> {
        if let Some(rate) = title.strip_prefix(RATE_PREFIX).and_then(|rest| rest.strip_suffix(RATE_SUFFIX)) {
            return rate.parse().ok().map(|per_second| Self::Open { per_second });
        }
        Self::all().into_iter().find(|case| case.group() == group && case.title() == title)
    }

    /// What a channel for it has to carry.
    pub(crate) fn shape(self) -> Shape {
        match self {
            Self::Slots { length, batched } | Self::Records { length, batched } => {
                Shape { length, batched, waits: Waits::Poll }
            }
            Self::Queue { manner, .. } => {
                let waits = if manner == Manner::Blocking { Waits::Usual } else { Waits::Poll };
                Shape { length: 8, batched: manner == Manner::Batched, waits }
            }
            Self::Limit(Limit::Trip { sleeps: false })
            | Self::Limit(Limit::Alone | Limit::Contended | Limit::Copy { .. })
            | Self::RoundTrip
            | Self::Open { .. } => Shape { length: MESSAGE, batched: false, waits: Waits::Poll },
            Self::Limit(Limit::Trip { sleeps: true }) | Self::Wakeup { .. } | Self::Death { .. } => {
                Shape { length: MESSAGE, batched: false, waits: Waits::Sleep }
            }
            Self::Crowd { .. } | Self::Sync(_) | Self::Setup | Self::Blocked => {
                Shape { length: MESSAGE, batched: false, waits: Waits::Usual }
            }
        }
    }

    /// The figures of a sample, the one that is compared first.
    pub(crate) fn metrics(self) -> &'static [Metric] {
        match self {
            Self::RoundTrip
            | Self::Wakeup { .. }
            | Self::Limit(Limit::Trip { .. })
            | Self::Crowd { trips: true } => {
                &[Metric::P50, Metric::P99, Metric::P999, Metric::Max, Metric::Mean]
            }
            Self::Open { .. } => {
                &[Metric::P50, Metric::P90, Metric::P99, Metric::P999, Metric::P9999, Metric::Max]
            }
            Self::Limit(Limit::Alone | Limit::Contended) => &[Metric::Cost],
            Self::Limit(Limit::Copy { .. }) => &[Metric::Bandwidth],
            Self::Slots { .. } | Self::Records { .. } => &[Metric::Rate, Metric::Bandwidth],
            Self::Crowd { trips: false } | Self::Queue { .. } => &[Metric::Rate, Metric::Share],
            Self::Sync(Primitive::OwnerDeath) => &[Metric::P50, Metric::P99, Metric::Max, Metric::Mean],
            Self::Sync(Primitive::Mutex { parties: 2.. }) => &[Metric::Rate, Metric::Share],
            Self::Sync(_) => &[Metric::Rate],
            Self::Setup => &[Metric::Create, Metric::Open, Metric::Resident],
            // A sample has some dozens of deaths: the 99.9th percentile would be the longest.
            Self::Death { .. } => &[Metric::P50, Metric::P99, Metric::Max, Metric::Mean],
            Self::Blocked => &[Metric::Cpu],
        }
    }
}

/// A length in the largest unit of which it is a multiple.
fn bytes(length: usize) -> String {
    match length {
        _ if length >= 1 << 20 => format!("{} MiB", length >> 20),
        _ if length >= 1 << 10 => format!("{} KiB", length >> 10),
        _ => format!("{length} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_found_by_its_group_and_title() {
        for case in Case::all() {
            assert_eq!(Case::find(case.group(), &case.title()), Some(case));
        }
        assert_eq!(Case::Records { length: 1024, batched: true }.title(), "1 KiB record batched");
        assert_eq!(Case::find("flow", "nothing"), None);
        assert_eq!(Case::find("latency", "64 B at 250000/s"), Some(Case::Open { per_second: 250_000 }));
    }

    #[test]
    fn cases_stand_in_the_order_of_their_groups() {
        let place = |case: &Case| GROUPS.iter().position(|(group, _)| *group == case.group()).unwrap();
        assert!(Case::all().is_sorted_by_key(place));
    }
}
