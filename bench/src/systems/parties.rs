//! How a system says that it takes part in the cases that have more than two parties.

use super::System;
use crate::endpoint::{Queue, ThreadQueue};
use crate::plan::case::{Case, Manner};
use crate::stage::crowd::{self, ProcessTeam, ThreadTeam};
use crate::stage::measure::Job;
use crate::work::queue::Queued;

/// How many producers of a queue there are, and as many consumers.
const QUEUE_PARTIES: [u8; 3] = [1, 2, 4];

impl System {
    /// Takes part in `case` with a team of processes.
    fn team<T: ProcessTeam>(mut self, case: Case) -> Self {
        let job = Job::Processes { lead: crowd::lead_processes::<T>, follow: crowd::follow::<T> };
        self.jobs.push((case, job));
        self
    }

    /// Takes part in `case` with a team of threads.
    fn thread_team<T: ThreadTeam>(mut self, case: Case) -> Self {
        self.jobs.push((case, Job::Threads { lead: crowd::lead_threads::<T> }));
        self
    }

    /// Takes part in the queues that are used in this manner.
    pub(super) fn queue<Q: Queue>(self, manner: Manner) -> Self {
        QUEUE_PARTIES
            .into_iter()
            .fold(self, |system, parties| system.team::<Queued<Q>>(Case::Queue { parties, manner }))
    }

    /// As [`queue`](Self::queue), between threads.
    pub(super) fn thread_queue<Q: ThreadQueue>(self, manner: Manner) -> Self {
        QUEUE_PARTIES
            .into_iter()
            .fold(self, |system, parties| system.thread_team::<Queued<Q>>(Case::Queue { parties, manner }))
    }
}
