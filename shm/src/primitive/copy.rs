//! How payload bytes cross between a region and private memory.
//!
//! Another process may write those bytes at any time, and a hostile one will. So they are never behind a reference and
//! never touched by a plain read or write, which the compiler may repeat, invent or assume stable. Typed slots that are
//! single words go by volatile accesses, which Rust allows for memory outside its own allocations. A few bytes
//! go one by one, volatile too. All else goes by instructions that the compiler cannot see into: a short copy in an
//! assembly block (`x86_64.rs`), a long one through libc's `memcpy` by a pointer that is hidden from the optimiser. A racing writer then yields garbage bytes, and nothing
//! worse.
//!
//! Sanitizers see none of that. For them (`--cfg ringway_plain_copies`) and for Miri all payload goes by plain copies:
//! where nobody breaks the protocol no copy races with another, and a plain one that does is reported.
//!
//! What it deliberately does not do: order anything. The position words do (Release by the writer, Acquire by the
//! reader), and say so.

#![allow(unsafe_code)] // because copying through raw pointers is this file's one job.

/// Copies `len` private bytes into a region.
///
/// # Safety
///
/// - `source` is readable and `target` writable for `len` bytes, and the two do not overlap.
/// - No Rust reference covers the target bytes.
#[inline(always)]
#[cfg_attr(feature = "model", track_caller)]
pub unsafe fn copy_in(source: *const u8, target: *mut u8, len: usize) {
    #[cfg(feature = "model")]
    if let Some(hooks) = super::model::installed() {
        return hooks.copy(&super::model::Copy::into_region(source, target, len));
    }
    // SAFETY: the caller's contract is the same.
    unsafe { opaque_copy::<true>(source, target, len) }
}

/// Copies `len` bytes of a region into private memory.
///
/// # Safety
///
/// - `source` is readable and `target` writable for `len` bytes, and the two do not overlap.
/// - No Rust reference covers the source bytes.
#[inline(always)]
#[cfg_attr(feature = "model", track_caller)]
pub unsafe fn copy_out(source: *const u8, target: *mut u8, len: usize) {
    #[cfg(feature = "model")]
    if let Some(hooks) = super::model::installed() {
        // SAFETY: the caller's contract; bytes that the hooks leave alone are initialised so.
        unsafe { target.write_bytes(0, len) };
        return hooks.copy(&super::model::Copy::out_of_region(source, target, len));
    }
    // SAFETY: the caller's contract is the same.
    unsafe { opaque_copy::<false>(source, target, len) }
}

/// Writes a typed value into a slot of a region.
///
/// # Safety
///
/// - `target` is aligned for `T` and writable for its size, and no Rust reference covers those bytes.
#[inline(always)]
#[cfg_attr(feature = "model", track_caller)]
pub unsafe fn write_slot<T: Copy + zerocopy::IntoBytes + zerocopy::Immutable>(target: *mut T, value: &T) {
    if !goes_by_word::<T>() {
        // SAFETY: writable for the size of `T`; the value is private.
        unsafe { copy_in((&raw const *value).cast(), target.cast(), size_of::<T>()) };
    } else {
        // SAFETY: aligned, writable, unshared with references: the caller's contract.
        unsafe { target.write_volatile(*value) };
    }
}

/// Reads a typed value out of a slot of a region.
///
/// Every bit pattern is a value of `T`, so whatever a peer wrote is one.
///
/// # Safety
///
/// - `source` is aligned for `T` and readable for its size, and no Rust reference covers those bytes.
#[inline(always)]
#[must_use]
#[cfg_attr(feature = "model", track_caller)]
pub unsafe fn read_slot<T: zerocopy::FromBytes>(source: *const T) -> T {
    if !goes_by_word::<T>() {
        let mut value = core::mem::MaybeUninit::<T>::uninit();
        // SAFETY: readable for the size of `T`, into a private value of that size.
        unsafe { copy_out(source.cast(), value.as_mut_ptr().cast(), size_of::<T>()) };
        // SAFETY: the copy filled every byte, and every bit pattern is a `T` (`FromBytes`).
        unsafe { value.assume_init() }
    } else {
        // SAFETY: aligned, readable, every bit pattern valid: the caller's contract and `FromBytes`.
        unsafe { source.read_volatile() }
    }
}

/// Reads a typed value out of a slot of a region into its place.
///
/// # Safety
///
/// - `source` is aligned for `T` and readable for its size, and no Rust reference covers those bytes.
#[inline(always)]
#[cfg_attr(feature = "model", track_caller)]
pub unsafe fn read_slot_into<T: zerocopy::FromBytes + zerocopy::IntoBytes>(source: *const T, target: &mut T) {
    if !goes_by_word::<T>() {
        // SAFETY: readable for the size of `T`; the target is private, and whatever comes is a `T` (`FromBytes`).
        unsafe { copy_out(source.cast(), (&raw mut *target).cast(), size_of::<T>()) };
    } else {
        // SAFETY: aligned, readable, every bit pattern valid: the caller's contract and `FromBytes`.
        *target = unsafe { source.read_volatile() };
    }
}

/// Does a `T` go by a volatile access of one instruction?
const fn goes_by_word<T>() -> bool {
    let is_seen = cfg!(any(feature = "model", ringway_plain_copies, miri));
    !is_seen && matches!(size_of::<T>(), 1 | 2 | 4 | 8) && align_of::<T>() == size_of::<T>()
}

/// Asks for a cache line that is about to be read. Never faults, whatever the address.
#[inline(always)]
pub fn prefetch_read(address: *const u8) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a prefetch reads and writes nothing, and ignores an address that is not mapped.
    unsafe {
        core::arch::asm!("prefetcht0 byte ptr [{}]", in(reg) address, options(nostack, preserves_flags));
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    // SAFETY: a prefetch reads and writes nothing, and ignores an address that is not mapped.
    unsafe {
        core::arch::asm!("prfm pldl1keep, [{}]", in(reg) address, options(nostack, preserves_flags));
    }
    #[cfg(miri)]
    let _ = address;
}

/// Asks for a cache line that is about to be written, to have it alone. Never faults, whatever the address.
#[inline(always)]
pub fn prefetch_write(address: *const u8) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a prefetch reads and writes nothing, and ignores an address that is not mapped. A processor without this one
    // does nothing instead.
    unsafe {
        core::arch::asm!("prefetchw byte ptr [{}]", in(reg) address, options(nostack, preserves_flags));
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    // SAFETY: a prefetch reads and writes nothing, and ignores an address that is not mapped.
    unsafe {
        core::arch::asm!("prfm pstl1keep, [{}]", in(reg) address, options(nostack, preserves_flags));
    }
    #[cfg(miri)]
    let _ = address;
}

/// The copy itself, opaque to the optimiser; `INTO_REGION` picks the instructions that suit the direction.
///
/// # Safety
///
/// `source` is readable and `target` writable for `len` bytes; they do not overlap.
#[cfg(not(any(ringway_plain_copies, miri)))]
#[inline(always)]
pub(super) unsafe fn opaque_copy<const INTO_REGION: bool>(source: *const u8, target: *mut u8, len: usize) {
    if len > machine::SHORT_MAX {
        // SAFETY: the caller's contract is the same.
        unsafe { machine::long(source, target, len) }
    } else if len >= 8 {
        // SAFETY: the caller's contract, and 8 <= len <= SHORT_MAX.
        unsafe { machine::short::<INTO_REGION>(source, target, len) }
    } else {
        for at in 0..len {
            // SAFETY: at < len, so the byte lies in the source.
            let byte = unsafe { source.wrapping_add(at).read_volatile() };
            // SAFETY: at < len, so the byte lies in the target.
            unsafe { target.wrapping_add(at).write_volatile(byte) };
        }
    }
}

/// The same, in sight of a sanitizer.
///
/// # Safety
///
/// `source` is readable and `target` writable for `len` bytes; they do not overlap.
#[cfg(any(ringway_plain_copies, miri))]
pub(super) unsafe fn opaque_copy<const INTO_REGION: bool>(source: *const u8, target: *mut u8, len: usize) {
    // SAFETY: the caller's contract is the same.
    unsafe { core::ptr::copy_nonoverlapping(source, target, len) };
}

#[cfg(all(target_arch = "x86_64", not(any(ringway_plain_copies, miri))))]
#[path = "copy/x86_64.rs"]
mod machine;

#[cfg(not(any(target_arch = "x86_64", ringway_plain_copies, miri)))]
mod machine {
    //! Elsewhere: single bytes up to a word's length, then whatever the platform's `memcpy` does.

    pub(super) const SHORT_MAX: usize = 16;

    /// # Safety
    /// Readable and writable for `len` bytes, no overlap.
    #[inline(always)]
    pub(super) unsafe fn short<const INTO_REGION: bool>(source: *const u8, target: *mut u8, len: usize) {
        for at in 0..len {
            // SAFETY: at < len, so the byte lies in the source.
            let byte = unsafe { source.wrapping_add(at).read_volatile() };
            // SAFETY: at < len, so the byte lies in the target.
            unsafe { target.wrapping_add(at).write_volatile(byte) };
        }
    }

    pub(super) use super::hidden_memcpy as long;
}

/// libc's `memcpy`, out of the optimiser's sight: it must not take the bytes for stable ones.
///
/// # Safety
/// Readable and writable for `len` bytes, no overlap.
#[cfg(not(any(ringway_plain_copies, miri)))]
#[inline]
unsafe fn hidden_memcpy(source: *const u8, target: *mut u8, len: usize) {
    type Memcpy = unsafe extern "C" fn(*mut libc::c_void, *const libc::c_void, usize) -> *mut libc::c_void;
    static MEMCPY: Memcpy = libc::memcpy;
    // SAFETY: a static of this type, read volatile so that its value is not known at compile time.
    let memcpy = unsafe { (&raw const MEMCPY).read_volatile() };
    // SAFETY: the caller vouches for both ranges.
    unsafe { memcpy(target.cast(), source.cast(), len) };
}

#[cfg(test)]
mod tests {
    use super::opaque_copy;

    #[test]
    fn every_short_length_and_alignment_copies_exactly_both_ways() {
        let source: Vec<u8> = (0..400u32).map(|n| (n * 7 + 1) as u8).collect();
        for len in (0..=140).chain([255, 256, 300]) {
            for shift in 0..16 {
                for into_region in [true, false] {
                    let mut target = vec![0xAAu8; 400];
                    let (from, to) =
                        (source.as_ptr().wrapping_add(shift), target.as_mut_ptr().wrapping_add(3));
                    if into_region {
                        // SAFETY: at most 15 + 300 of 400 bytes on one side, 3 + 300 on the other, two allocations.
                        unsafe { opaque_copy::<true>(from, to, len) };
                    } else {
                        // SAFETY: as above.
                        unsafe { opaque_copy::<false>(from, to, len) };
                    }
                    assert_eq!(
                        &target[3..3 + len],
                        &source[shift..shift + len],
                        "length {len}, shift {shift}"
                    );
                    assert!(target[..3].iter().chain(&target[3 + len..]).all(|&b| b == 0xAA), "length {len}");
                }
            }
        }
    }
}
