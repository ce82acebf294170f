//! Short copies on x86-64: moves from the front and from the back, so that a length in between is covered by an overlap.
//!
//! ```text
//!   length     moves
//!   8..=16     1 word of 8 bytes from each end
//!   ..=32      2 words from each end
//!   ..=64      4 words from each end
//!   ..=128     64 bytes from each end
//! ```
//!
//! Into a region the moves are 8 bytes wide, out of it 16 (SSE2 is part of the base set). A message is mostly written word
//! by word just before it is sent: a wider load would span two stores that are still on their way to the cache and would
//! have to wait for them, while a load that lies within one store is forwarded at once. Out of the region it is the
//! stores whose bytes are read right after, and there the wider store serves every reader.

use core::arch::asm;

/// Longest copy that is made here.
pub(super) const SHORT_MAX: usize = 128;

pub(super) use super::hidden_memcpy as long;

/// # Safety
/// Readable and writable for `len` bytes, `8 <= len <= SHORT_MAX`, no overlap.
#[inline(always)]
pub(super) unsafe fn short<const INTO_REGION: bool>(source: *const u8, target: *mut u8, len: usize) {
    if len <= 16 {
        // SAFETY: 8 <= len, so the 8 bytes at either end lie within.
        unsafe { eights(source, target, len - 8) };
    } else if len <= 32 {
        // SAFETY: 16 <= len, so the 16 bytes at either end lie within.
        unsafe { sixteens::<INTO_REGION>(source, target, len - 16) };
    } else if len <= 64 {
        // SAFETY: 32 <= len, so the 32 bytes at either end lie within.
        unsafe { thirty_twos::<INTO_REGION>(source, target, len - 32) };
    } else {
        // SAFETY: 64 < len, so the first 64 bytes lie within.
        unsafe { thirty_twos::<INTO_REGION>(source, target, 32) };
        let last = len - 64;
        // SAFETY: the last 64 bytes lie within.
        unsafe { thirty_twos::<INTO_REGION>(source.wrapping_add(last), target.wrapping_add(last), 32) };
    }
}

/// Copies the 8 bytes at 0 and the 8 at `last`.
///
/// # Safety
/// Both ranges readable and writable.
#[inline(always)]
unsafe fn eights(source: *const u8, target: *mut u8, last: usize) {
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
unsafe fn sixteens<const INTO_REGION: bool>(source: *const u8, target: *mut u8, last: usize) {
    if INTO_REGION {
        // SAFETY: plain moves within the bytes that the caller vouches for; no flags, no stack.
        unsafe {
            asm!(
                "mov {a}, qword ptr [{source}]",
                "mov {b}, qword ptr [{source} + 8]",
                "mov {c}, qword ptr [{source} + {last}]",
                "mov {d}, qword ptr [{source} + {last} + 8]",
                "mov qword ptr [{target}], {a}",
                "mov qword ptr [{target} + 8], {b}",
                "mov qword ptr [{target} + {last}], {c}",
                "mov qword ptr [{target} + {last} + 8], {d}",
                source = in(reg) source, target = in(reg) target, last = in(reg) last,
                a = out(reg) _, b = out(reg) _, c = out(reg) _, d = out(reg) _,
                options(nostack, preserves_flags),
            );
        }
    } else {
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
}

/// Copies the 32 bytes at 0 and the 32 at `last`.
///
/// # Safety
/// Both ranges readable and writable.
#[inline(always)]
unsafe fn thirty_twos<const INTO_REGION: bool>(source: *const u8, target: *mut u8, last: usize) {
    if INTO_REGION {
        // SAFETY: plain moves within the bytes that the caller vouches for; no flags, no stack.
        unsafe {
            asm!(
                "mov {a}, qword ptr [{source}]",
                "mov {b}, qword ptr [{source} + 8]",
                "mov {c}, qword ptr [{source} + 16]",
                "mov {d}, qword ptr [{source} + 24]",
                "mov qword ptr [{target}], {a}",
                "mov qword ptr [{target} + 8], {b}",
                "mov qword ptr [{target} + 16], {c}",
                "mov qword ptr [{target} + 24], {d}",
                "mov {a}, qword ptr [{source} + {last}]",
                "mov {b}, qword ptr [{source} + {last} + 8]",
                "mov {c}, qword ptr [{source} + {last} + 16]",
                "mov {d}, qword ptr [{source} + {last} + 24]",
                "mov qword ptr [{target} + {last}], {a}",
                "mov qword ptr [{target} + {last} + 8], {b}",
                "mov qword ptr [{target} + {last} + 16], {c}",
                "mov qword ptr [{target} + {last} + 24], {d}",
                source = in(reg) source, target = in(reg) target, last = in(reg) last,
                a = out(reg) _, b = out(reg) _, c = out(reg) _, d = out(reg) _,
                options(nostack, preserves_flags),
            );
        }
    } else {
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
}
