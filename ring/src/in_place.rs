//! The wrapper that says: this handle's user has promised that the peers of its ring follow the protocol.

use core::ops::{Deref, DerefMut};
use ringway_shm::Region;
use std::sync::Arc;

/// A handle that may hand out slices of its ring, made by the `unsafe` method `in_place` of the handle.
///
/// It does everything that the handle does. The promise was made for one region: another handle that is put in this one's
/// place hands out no slices of another region, but panics.
#[derive(Debug)]
pub struct InPlace<H> {
    handle: H,
    promised: Arc<Region>,
}

impl<H> InPlace<H> {
    pub(crate) fn new(handle: H, region: &Arc<Region>) -> Self {
        Self { handle, promised: Arc::clone(region) }
    }

    /// Takes the promise back.
    pub fn into_inner(self) -> H {
        self.handle
    }

    /// Checks that the handle is still one of the region for which the promise was made. `DerefMut` lets safe code put
    /// another handle here.
    #[inline(always)]
    pub(crate) fn check(&self, region: &Arc<Region>) {
        assert!(Arc::ptr_eq(&self.promised, region), "the promise of in_place was made for another region");
    }
}

impl<H> Deref for InPlace<H> {
    type Target = H;

    #[inline(always)]
    fn deref(&self) -> &H {
        &self.handle
    }
}

impl<H> DerefMut for InPlace<H> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut H {
        &mut self.handle
    }
}
