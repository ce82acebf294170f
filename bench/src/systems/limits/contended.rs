//! A line on which two threads operate at once.

use std::sync::Arc;

use super::operations::Things;
use crate::endpoint::{Shape, ThreadChannel};
use crate::work::limits::Arena;

/// The line as a channel.
pub(super) struct OneLine;

impl ThreadChannel for OneLine {
    type Near = Arc<Arena>;
    type Far = Arc<Arena>;

    fn create(_: Shape) -> (Arc<Arena>, Arc<Arena>) {
        // No clock is read there.
        let arena = Arc::new(Arena::new(Things::new(false)));
        (Arc::clone(&arena), arena)
    }
}
