//! Telling the hooks of slices that a ring hands out of its own memory; nothing with the feature `model` off.
//!
//! What is read or written through a slice does not come through the door. That a slice is handed out does.

/// A slice of `len` bytes of a region is handed out, to be read in place.
///
/// # Examples
///
/// ```
/// let bytes = [1u8; 8];
/// ringway_shm::primitive::touch_read(bytes.as_ptr(), bytes.len());
/// ```
#[inline(always)]
#[cfg_attr(feature = "model", track_caller)]
pub fn touch_read(address: *const u8, len: usize) {
    #[cfg(feature = "model")]
    if let Some(hooks) = super::model::installed() {
        return hooks.touch(address as usize, len, false, core::panic::Location::caller());
    }
    let _ = (address, len);
}

/// A slice of `len` bytes of a region is handed out, to be written in place.
///
/// # Examples
///
/// ```
/// let mut bytes = [1u8; 8];
/// ringway_shm::primitive::touch_write(bytes.as_mut_ptr(), bytes.len());
/// ```
#[inline(always)]
#[cfg_attr(feature = "model", track_caller)]
pub fn touch_write(address: *mut u8, len: usize) {
    #[cfg(feature = "model")]
    if let Some(hooks) = super::model::installed() {
        return hooks.touch(address as usize, len, true, core::panic::Location::caller());
    }
    let _ = (address, len);
}
