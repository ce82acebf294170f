//! The wrapper that says: this handle's user has promised that its peers follow the protocol.

use core::ops::{Deref, DerefMut};

/// A handle that may hand out slices of the ring, made by the `unsafe` method `in_place` of the handle.
///
/// It does everything that the handle does.
#[derive(Debug)]
pub struct InPlace<H>(H);

impl<H> InPlace<H> {
    pub(crate) fn new(handle: H) -> Self {
        Self(handle)
    }

    /// Takes the promise back.
    pub fn into_inner(self) -> H {
        self.0
    }
}

impl<H> Deref for InPlace<H> {
    type Target = H;

    #[inline(always)]
    fn deref(&self) -> &H {
        &self.0
    }
}

impl<H> DerefMut for InPlace<H> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut H {
        &mut self.0
    }
}
