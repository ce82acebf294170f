//! Virtual processes as fibers: each has a stack of its own, and one real thread runs them in turns.
//!
//! A fiber that is killed is never resumed. At the end of the run its stack is unwound, so that nothing leaks, with a door
//! that does nothing: by then nobody is left to see it.

#![allow(unsafe_code)] // because a fiber finds its own yielder by an address.

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use std::cell::Cell;

/// Bytes of a stack: room for a panic and its message.
const STACK: usize = 256 << 10;

type Resumed = Coroutine<(), (), (), DefaultStack>;

/// A fiber.
pub(crate) struct Fiber {
    coroutine: Option<Resumed>,
}

thread_local! {
    /// The yielder of the fiber that runs.
    static RUNNING: Cell<*const Yielder<(), ()>> = const { Cell::new(core::ptr::null()) };
}

/// Stacks to be used again.
#[derive(Default)]
pub(crate) struct Stacks(Vec<DefaultStack>);

impl Stacks {
    /// A fiber that will run `body`.
    pub(crate) fn spawn(&mut self, body: impl FnOnce() + 'static) -> Fiber {
        let stack = self.0.pop().unwrap_or_else(|| DefaultStack::new(STACK).expect("room for a stack"));
        let coroutine = Coroutine::with_stack(stack, move |yielder: &Yielder<(), ()>, ()| {
            RUNNING.set(yielder);
            body();
        });
        Fiber { coroutine: Some(coroutine) }
    }

    /// Unwinds a fiber and keeps its stack.
    pub(crate) fn end(&mut self, mut fiber: Fiber) {
        if let Some(mut coroutine) = fiber.coroutine.take() {
            coroutine.force_unwind();
            self.0.push(coroutine.into_stack());
        }
    }
}

impl Fiber {
    /// Runs it until it suspends or ends. True when it has ended.
    pub(crate) fn resume(&mut self) -> bool {
        let coroutine = self.coroutine.as_mut().expect("taken at its end only");
        matches!(coroutine.resume(()), CoroutineResult::Return(()))
    }
}

/// Gives the thread back to whoever resumed the fiber that runs.
pub(crate) fn suspend() {
    let yielder = RUNNING.get();
    assert!(!yielder.is_null(), "only a fiber suspends");
    // SAFETY: the yielder of the fiber that runs this: it lives on the stack of that fiber's coroutine, and is set anew each
    // time that a fiber begins or goes on.
    unsafe { &*yielder }.suspend(());
    RUNNING.set(yielder);
}
