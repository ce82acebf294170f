//! How payload bytes cross between a region and private memory.
//!
//! Another process may write those bytes at any time, and a hostile one will. So they are never behind a reference and
//! never touched by a plain read or write, which the compiler may repeat, invent or assume stable. Typed slots go by
//! volatile accesses, which Rust allows for memory outside its own allocations. Byte ranges go by instructions that the
//! compiler cannot see into: a short one in an assembly block, a long one through libc's `memcpy` by a pointer that is
//! hidden from the optimiser. A racing writer then yields garbage bytes, and nothing worse.
//!
//! ```text
//!   length     how                                                            (x86-64)
//!   0..8       single bytes, volatile
//!   8..=16     2 words      from the front and from the back, so that a length between is covered by an overlap
//!   ..=32      2 pairs      of words, likewise
//!   ..=64      4 pairs
//!   ..=128     8 pairs
//!   129..      memcpy through a hidden pointer
//! ```
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
    unsafe { opaque_copy(source, target, len) }
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
        return hooks.copy(&super::model::Copy::out_of_region(source, target, len));
    }
    // SAFETY: the caller's contract is the same.
    unsafe { opaque_copy(source, target, len) }
}

/// Writes a typed value into a slot of a region.
///
/// # Safety
///
/// - `target` is aligned for `T` and writable for its size, and no Rust reference covers those bytes.
#[inline(always)]
#[cfg_attr(feature = "model", track_caller)]
pub unsafe fn write_slot<T: zerocopy::IntoBytes + zerocopy::Immutable>(target: *mut T, value: T) {
    #[cfg(feature = "model")]
    if let Some(hooks) = super::model::installed() {
        let source = (&raw const value).cast();
        return hooks.copy(&super::model::Copy::into_region(source, target.cast(), size_of::<T>()));
    }
    // SAFETY: aligned, writable, unshared with references: the caller's contract.
    unsafe { target.write_volatile(value) }
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
    #[cfg(feature = "model")]
    if let Some(hooks) = super::model::installed() {
        let mut value = core::mem::MaybeUninit::<T>::uninit();
        hooks.copy(&super::model::Copy::out_of_region(
            source.cast(),
            value.as_mut_ptr().cast(),
            size_of::<T>(),
        ));
        // SAFETY: `copy` filled every byte, and every bit pattern is a `T` (`FromBytes`).
        return unsafe { value.assume_init() };
    }
    // SAFETY: aligned, readable, every bit pattern valid: the caller's contract and `FromBytes`.
    unsafe { source.read_volatile() }
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

/// The copy itself, opaque to the optimiser.
///
/// # Safety
///
/// `source` is readable and `target` writable for `len` bytes; they do not overlap.
#[inline(always)]
pub(super) unsafe fn opaque_copy(source: *const u8, target: *mut u8, len: usize) {
    if len > machine::SHORT_MAX {
        // SAFETY: the caller's contract is the same.
        unsafe { machine::long(source, target, len) }
    } else if len >= 8 {
        // SAFETY: the caller's contract, and 8 <= len <= SHORT_MAX.
        unsafe { machine::short(source, target, len) }
    } else {
        for at in 0..len {
            // SAFETY: at < len, so the byte lies in the source.
            let byte = unsafe { source.wrapping_add(at).read_volatile() };
            // SAFETY: at < len, so the byte lies in the target.
            unsafe { target.wrapping_add(at).write_volatile(byte) };
        }
    }
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
mod machine {
    //! x86-64: unaligned 8- and 16-byte moves (SSE2 is part of the base set), libc beyond.

    use core::arch::asm;

    pub(super) const SHORT_MAX: usize = 128;

    /// # Safety
    /// Readable and writable for `len` bytes, `8 <= len <= SHORT_MAX`, no overlap.
    #[inline(always)]
    pub(super) unsafe fn short(source: *const u8, target: *mut u8, len: usize) {
        if len <= 16 {
            // SAFETY: 8 <= len, so both words lie within.
            unsafe { words(source, target, len - 8) };
        } else if len <= 32 {
            // SAFETY: 16 <= len, so both pairs lie within.
            unsafe { pairs(source, target, len - 16) };
        } else if len <= 64 {
            // SAFETY: 32 <= len, so the two quads, from the front and to the end, lie within.
            unsafe { quads(source, target, len - 32) };
        } else {
            // SAFETY: 64 < len: the first 64 bytes lie within.
            unsafe { quads(source, target, 32) };
            let last = len - 64;
            // SAFETY: the last 64 bytes lie within.
            unsafe { quads(source.wrapping_add(last), target.wrapping_add(last), 32) };
        }
    }

    /// Copies the 8 bytes at 0 and the 8 at `last`.
    ///
    /// # Safety
    /// Both ranges readable and writable.
    #[inline(always)]
    unsafe fn words(source: *const u8, target: *mut u8, last: usize) {
        // SAFETY: plain moves within the bytes that the caller vouches for; no flags, no stack.
        unsafe {
            asm!(
                "mov {a}, qword ptr [{source}]",
                "mov {b}, qword ptr [{source} + {last}]",
                "mov qword ptr [{target}], {a}",
                "mov qword ptr [{target} + {last}], {b}",
                source = in(reg) source, target = in(reg) target, last = in(reg) last,
                a = out(reg) _, b = out(reg) _,
                options(nostack, preserves_flags),
            );
        }
    }

    /// Copies the 16 bytes at 0 and the 16 at `last`.
    ///
    /// # Safety
    /// Both ranges readable and writable.
    #[inline(always)]
    unsafe fn pairs(source: *const u8, target: *mut u8, last: usize) {
        // SAFETY: unaligned moves within the bytes that the caller vouches for; no flags, no stack.
        unsafe {
            asm!(
                "movdqu {a}, xmmword ptr [{source}]",
                "movdqu {b}, xmmword ptr [{source} + {last}]",
                "movdqu xmmword ptr [{target}], {a}",
                "movdqu xmmword ptr [{target} + {last}], {b}",
                source = in(reg) source, target = in(reg) target, last = in(reg) last,
                a = out(xmm_reg) _, b = out(xmm_reg) _,
                options(nostack, preserves_flags),
            );
        }
    }

    /// Copies the 32 bytes at 0 and the 32 at `last`.
    ///
    /// # Safety
    /// Both ranges readable and writable.
    #[inline(always)]
    unsafe fn quads(source: *const u8, target: *mut u8, last: usize) {
        // SAFETY: unaligned moves within the bytes that the caller vouches for; no flags, no stack.
        unsafe {
            asm!(
                "movdqu {a}, xmmword ptr [{source}]",
                "movdqu {b}, xmmword ptr [{source} + 16]",
                "movdqu {c}, xmmword ptr [{source} + {last}]",
                "movdqu {d}, xmmword ptr [{source} + {last} + 16]",
                "movdqu xmmword ptr [{target}], {a}",
                "movdqu xmmword ptr [{target} + 16], {b}",
                "movdqu xmmword ptr [{target} + {last}], {c}",
                "movdqu xmmword ptr [{target} + {last} + 16], {d}",
                source = in(reg) source, target = in(reg) target, last = in(reg) last,
                a = out(xmm_reg) _, b = out(xmm_reg) _, c = out(xmm_reg) _, d = out(xmm_reg) _,
                options(nostack, preserves_flags),
            );
        }
    }

    pub(super) use super::hidden_memcpy as long;
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
mod machine {
    //! Elsewhere, and under Miri: single bytes up to a word's length, then whatever the platform's `memcpy` does.

    pub(super) const SHORT_MAX: usize = if cfg!(miri) { usize::MAX } else { 16 };

    /// # Safety
    /// Readable and writable for `len` bytes, no overlap.
    #[inline(always)]
    pub(super) unsafe fn short(source: *const u8, target: *mut u8, len: usize) {
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
    fn every_short_length_and_alignment_copies_exactly() {
        let source: Vec<u8> = (0..400u32).map(|n| (n * 7 + 1) as u8).collect();
        for len in (0..=140).chain([255, 256, 300]) {
            for shift in 0..16 {
                let mut target = vec![0xAAu8; 400];
                // SAFETY: shift + 3 + len <= 15 + 3 + 300 < 400 on both sides, two allocations.
                unsafe {
                    opaque_copy(source.as_ptr().wrapping_add(shift), target.as_mut_ptr().wrapping_add(3), len)
                };
                assert_eq!(&target[3..3 + len], &source[shift..shift + len], "length {len}, shift {shift}");
                assert!(target[..3].iter().chain(&target[3 + len..]).all(|&b| b == 0xAA), "length {len}");
            }
        }
    }
}
