//! How a system says that it takes part in the cases that have more than two parties.

use super::System;
use crate::endpoint::{
    Barrier, Caller, Channel, Common, Lock, Mourner, Queue, RecordConsumer, RecordProducer, Semaphore,
    ThreadChannel, ThreadQueue,
};
use crate::plan::case::{Case, Manner, Primitive};
use crate::stage::crowd::{self, ProcessTeam, ThreadTeam};
use crate::stage::measure::Job;
use crate::work::locks::{Locking, Meeting, Posting, Using};
use crate::work::pairs::{Flows, Pairs, Trips};
use crate::work::queue::Queued;
use crate::work::{death, held};

/// How many producers of a queue there are, and as many consumers.
const QUEUE_PARTIES: [u8; 3] = [1, 2, 4];

/// How many parties lock a mutex.
const MUTEX_PARTIES: [u8; 3] = [1, 2, 4];

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

    /// Takes part in the flows of four pairs on two cores.
    pub(super) fn crowded_flows<C>(self) -> Self
    where
        C: Channel<Near: RecordProducer, Far: RecordConsumer>,
    {
        self.team::<Pairs<C, Flows>>(Case::Crowd { trips: false })
    }

    /// Takes part in the round trips of four pairs on two cores.
    pub(super) fn crowded_trips<C: Channel<Near: Caller, Far: Caller>>(self) -> Self {
        self.team::<Pairs<C, Trips>>(Case::Crowd { trips: true })
    }

    /// Takes part in both, by a channel that can do both.
    pub(super) fn crowded<C>(self) -> Self
    where
        C: Channel<Near: RecordProducer + Caller, Far: RecordConsumer + Caller>,
    {
        self.crowded_flows::<C>().crowded_trips::<C>()
    }

    /// As [`crowded`](Self::crowded), between threads.
    pub(super) fn thread_crowded<C>(self) -> Self
    where
        C: ThreadChannel<
                Near: RecordProducer + Caller + Send + 'static,
                Far: RecordConsumer + Caller + 'static,
            >,
    {
        self.thread_team::<Pairs<C, Flows>>(Case::Crowd { trips: false })
            .thread_team::<Pairs<C, Trips>>(Case::Crowd { trips: true })
    }

    /// Takes part in the queues that are used in this manner.
    pub(super) fn queue<Q: Queue>(self, manner: Manner) -> Self {
        QUEUE_PARTIES
            .into_iter()
            .fold(self, |system, parties| system.team::<Queued<Q>>(Case::Queue { parties, manner }))
    }

    /// As [`queue`](Self::queue), between threads.
    #[allow(dead_code)] // because all of these are rivals from outside, and there may be none.
    pub(super) fn thread_queue<Q: ThreadQueue>(self, manner: Manner) -> Self {
        QUEUE_PARTIES
            .into_iter()
            .fold(self, |system, parties| system.thread_team::<Queued<Q>>(Case::Queue { parties, manner }))
    }

    /// Takes part in the mutexes.
    pub(super) fn mutex<L: Common + Lock>(self) -> Self {
        MUTEX_PARTIES.into_iter().fold(self, |system, parties| {
            system.team::<Using<L, Locking>>(Case::Sync(Primitive::Mutex { parties }))
        })
    }

    /// As [`mutex`](Self::mutex), between threads.
    pub(super) fn thread_mutex<L: Lock + Clone + Default + Send + 'static>(self) -> Self {
        MUTEX_PARTIES.into_iter().fold(self, |system, parties| {
            system.thread_team::<Using<L, Locking>>(Case::Sync(Primitive::Mutex { parties }))
        })
    }

    /// Takes part in the spinlocks.
    pub(super) fn spinlock<L: Common + Lock>(self) -> Self {
        self.team::<Using<L, Locking>>(Case::Sync(Primitive::Spin))
    }

    /// Takes part in the semaphores.
    pub(super) fn semaphore<S: Common + Semaphore>(self) -> Self {
        self.team::<Using<S, Posting>>(Case::Sync(Primitive::Semaphore))
    }

    /// Takes part in the barriers.
    pub(super) fn barrier<B: Common + Barrier>(self) -> Self {
        self.team::<Using<B, Meeting>>(Case::Sync(Primitive::Barrier))
    }

    /// As [`barrier`](Self::barrier), between threads.
    pub(super) fn thread_barrier<B: Barrier + Clone + Default + Send + 'static>(self) -> Self {
        self.thread_team::<Using<B, Meeting>>(Case::Sync(Primitive::Barrier))
    }

    /// Takes part in the deaths of whoever holds a lock: the far end has it, and the near end mourns until it has it.
    pub(super) fn owner_deaths<C: Channel<Near: Mourner>>(mut self) -> Self {
        let job = Job::Processes { lead: death::lead::<C>, follow: held::follow::<C> };
        self.jobs.push((Case::Sync(Primitive::OwnerDeath), job));
        self
    }
}
