//! Libraries for C++, through the small files of C++ in `bench/cpp`.
//!
//! What is there is found out when this is built (`bench/build.rs`).

use super::{Absent, System};

#[cfg(any(
    ringway_cpp = "boost_lockfree",
    ringway_cpp = "reader_writer_queue",
    ringway_cpp = "concurrent_queue"
))]
mod queue;
#[cfg(any(
    ringway_cpp = "boost_lockfree",
    ringway_cpp = "reader_writer_queue",
    ringway_cpp = "concurrent_queue"
))]
mod threads;

#[cfg(any(ringway_cpp = "boost_lockfree", ringway_cpp = "concurrent_queue"))]
mod many;

#[cfg(ringway_cpp = "boost_lockfree")]
mod shared;

#[cfg(ringway_cpp = "message_queue")]
mod message_queue;

/// Those that are there.
pub(crate) fn systems() -> Vec<System> {
    #[allow(unused_mut)] // because there may be none.
    let mut systems = Vec::new();
    #[cfg(ringway_cpp = "boost_lockfree")]
    {
        systems.extend(threads::boost());
        systems.push(many::boost());
        systems.push(shared::system());
    }
    #[cfg(ringway_cpp = "reader_writer_queue")]
    systems.push(threads::reader_writer());
    #[cfg(ringway_cpp = "concurrent_queue")]
    systems.extend([threads::concurrent(), many::concurrent()]);
    #[cfg(ringway_cpp = "message_queue")]
    systems.push(message_queue::system());
    systems
}

/// The libraries, by the names of their files, and what their systems are called.
const LIBRARIES: [(&str, &[&str]); 4] = [
    ("boost_lockfree", &["Boost spsc_queue", "Boost spsc_queue, shared", "Boost queue"]),
    ("reader_writer_queue", &["ReaderWriterQueue"]),
    ("concurrent_queue", &["ConcurrentQueue"]),
    ("message_queue", &["Boost message_queue"]),
];

/// Those that are not, with the reasons.
pub(crate) fn absent() -> Vec<Absent> {
    let found = option_env!("RINGWAY_BENCH_CPP_ABSENT").filter(|_| cfg!(feature = "cpp"));
    let mut absent = Vec::new();
    for (file, names) in LIBRARIES {
        let reason = match found {
            None => Some("built without the feature `cpp`"),
            Some(list) => {
                let mut lines = list.split("; ").filter_map(|line| line.split_once('\t'));
                lines.find(|(missing, _)| *missing == file).map(|(_, reason)| reason)
            }
        };
        let Some(reason) = reason else { continue };
        absent.extend(names.iter().map(|&name| Absent { name, reason: reason.to_owned() }));
    }
    absent
}
