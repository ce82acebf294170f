//! What the machine itself can do, without any channel. The round trips of a bare line and of a bell, which belong here as
//! well, are with the [floors](super::floor).

use crate::plan::case::{Case, Limit};
use crate::stage::measure::Job;
use crate::systems::{Absent, System};
use crate::work::limits::{self, Contend};

use contended::OneLine;
use operations::{
    ClockReading, CompareExchange, FetchAdd, FutexWake, GetPid, Load, Membarrier, MemoryCopy, Operation,
    ReleaseStore, SeqCstFence, SpinHint,
};

mod contended;
pub(crate) mod operations;

/// All of them that this machine can do.
pub(crate) fn systems() -> Vec<System> {
    let mut systems = vec![
        alone::<Load>("load").contended::<Load, ReleaseStore>(),
        alone::<ReleaseStore>("release store").contended::<ReleaseStore, Load>(),
        alone::<FetchAdd>("fetch_add").contended::<FetchAdd, FetchAdd>(),
        alone::<CompareExchange>("compare_exchange").contended::<CompareExchange, CompareExchange>(),
        alone::<SeqCstFence>("fence(SeqCst)"),
        alone::<SpinHint>("spin hint"),
        alone::<ClockReading>("clock reading"),
        alone::<MemoryCopy>("memcpy 64 B"),
        alone::<GetPid>("getpid system call"),
        alone::<FutexWake>("futex wake of nobody"),
    ];
    if operations::has_membarrier() {
        systems.push(alone::<Membarrier>(MEMBARRIER));
    }
    systems.push(System::new("memcpy").copies(Job::Alone { lead: limits::lead_copy }));
    systems.push(
        System::new("memcpy, written by the other core").copies(Job::Threads { lead: limits::lead_passed }),
    );
    systems
}

const MEMBARRIER: &str = "membarrier";

/// The others.
pub(crate) fn absent() -> Vec<Absent> {
    let reason = "the kernel refuses the expedited one".to_owned();
    let membarrier = (!operations::has_membarrier()).then_some(Absent { name: MEMBARRIER, reason });
    membarrier.into_iter().collect()
}

/// An operation that one thread does.
fn alone<O: Operation>(name: &str) -> System {
    let mut system = System::new(name);
    system.jobs.push((Case::Limit(Limit::Alone), Job::Alone { lead: limits::lead_alone::<O> }));
    system
}

impl System {
    /// Does `N` while another core does `F` to the same line.
    fn contended<N: Operation, F: Operation>(self) -> Self {
        self.measure_threads::<OneLine, Contend<N, F>>(Case::Limit(Limit::Contended))
    }

    /// Copies all lengths by `job`.
    fn copies(mut self, job: Job) -> Self {
        let lengths = Case::all().into_iter().filter(|case| matches!(case, Case::Limit(Limit::Copy { .. })));
        self.jobs.extend(lengths.map(|case| (case, job)));
        self
    }
}
