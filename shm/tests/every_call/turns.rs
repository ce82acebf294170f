//! Actors on threads of their own, of which only one moves at a time, a given number of calls to the kernel.

use crate::party::DEADLINE;
use crate::verb::Clock;
use ringway_shm::primitive::kernel::Call;
use ringway_shm::primitive::model::{self, Hooks, Verdict};
use std::rc::Rc;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// As many calls as the actor makes.
pub(crate) const ALL: u32 = u32::MAX;

/// Where one actor is.
#[derive(Default)]
struct Actor {
    /// Calls that it may still make.
    granted: u32,
    /// Stands before a call.
    waiting: bool,
    /// Has ended.
    done: bool,
    /// Every call it made, for people.
    calls: Vec<String>,
}

/// The turns of the actors.
pub(crate) struct Turns {
    actors: Mutex<Vec<Actor>>,
    bell: Condvar,
    without_nameless_files: bool,
}

impl Turns {
    pub(crate) fn of(actors: usize) -> Self {
        let actors = (0..actors).map(|_| Actor::default()).collect();
        Self { actors: Mutex::new(actors), bell: Condvar::new(), without_nameless_files: false }
    }

    /// On a file system that knows no nameless files.
    pub(crate) fn without_nameless_files(self) -> Self {
        Self { without_nameless_files: true, ..self }
    }

    /// Lets an actor make some calls; it then stands before its next one, or has ended, which is the answer.
    pub(crate) fn run(&self, who: usize, calls: u32) -> bool {
        let mut actors = self.lock();
        actors[who].granted = calls;
        self.bell.notify_all();
        loop {
            let actor = &actors[who];
            if actor.done || (actor.waiting && actor.granted == 0) {
                return actor.done;
            }
            actors = self.wait(actors);
        }
    }

    /// The calls that an actor made.
    pub(crate) fn calls(&self, who: usize) -> Vec<String> {
        self.lock()[who].calls.clone()
    }

    /// Does something as an actor. Must be called on the actor's own thread.
    pub(crate) fn act<T>(self: &std::sync::Arc<Self>, who: usize, deed: impl FnOnce() -> T) -> T {
        struct Ended<'a>(&'a Turns, usize);
        impl Drop for Ended<'_> {
            fn drop(&mut self) {
                self.0.lock()[self.1].done = true;
                self.0.bell.notify_all();
            }
        }
        let _ended = Ended(self, who);
        let taker = Taker { turns: std::sync::Arc::clone(self), who, clock: Clock::default() };
        let _installed = model::install(Rc::new(taker));
        deed()
    }

    /// Before a call of an actor: waits for its turn.
    fn stand(&self, who: usize, call: &Call<'_>) {
        let mut actors = self.lock();
        actors[who].waiting = true;
        self.bell.notify_all();
        while actors[who].granted == 0 {
            actors = self.wait(actors);
        }
        actors[who].waiting = false;
        if actors[who].granted != ALL {
            actors[who].granted -= 1;
        }
        actors[who].calls.push(format!("{call:?}"));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Actor>> {
        self.actors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, actors: MutexGuard<'a, Vec<Actor>>) -> MutexGuard<'a, Vec<Actor>> {
        let waited = self.bell.wait_timeout(actors, DEADLINE).unwrap_or_else(PoisonError::into_inner);
        assert!(!waited.1.timed_out(), "an actor did not come to its next call");
        waited.0
    }
}

/// The hooks of an actor.
struct Taker {
    turns: std::sync::Arc<Turns>,
    who: usize,
    clock: Clock,
}

impl Hooks for Taker {
    fn kernel(&self, call: &Call<'_>) -> Verdict {
        self.turns.stand(self.who, call);
        match call {
            Call::OpenNameless(_) if self.turns.without_nameless_files => {
                Verdict::Fail(rustix::io::Errno::OPNOTSUPP.raw_os_error())
            }
            _ => Verdict::Real,
        }
    }

    fn now(&self) -> Option<Duration> {
        Some(self.clock.now())
    }
}
