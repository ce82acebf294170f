//! The word of a lock: who has it, and what else is to be known.
//!
//! ```text
//!   63            32 31      20 19       4  3   2   1   0
//!   ┌───────────────┬──────────┬──────────┬───┬───┬───┬───┐    row + 1 = 0: nobody has it, and the generation
//!   │ generation    │ 0        │ row + 1  │ 0 │ S │ I │ W │    means nothing
//!   └───────────────┴──────────┴──────────┴───┴───┴───┴───┘
//!                    the half that the kernel sleeps at
//! ```

use ringway_shm::Owner;

/// W: somebody may sleep. Whoever gives the lock back wakes one.
pub(super) const WAITERS: u64 = 1;
/// I: an owner died with the lock, or left it so; what it guards may be half-written until an owner says otherwise.
pub(super) const INCONSISTENT: u64 = 2;
/// S: somebody has been passed over for long. Whoever has not slept yet does not take the lock.
pub(super) const STARVING: u64 = 4;

const ROW_AT: u32 = 4;
const ROW: u64 = 0xffff;

/// An owner as it stands in the word.
#[inline(always)]
pub(super) fn token(owner: Owner) -> u64 {
    let bits = owner.to_bits();
    bits & !0xffff_ffff | (bits & ROW) << ROW_AT
}

/// The owner's part of a word, to be compared with a [`token`].
#[inline(always)]
pub(super) fn holder(word: u64) -> u64 {
    if word & ROW << ROW_AT == 0 { 0 } else { word & !0xffff_ffff | word & ROW << ROW_AT }
}

/// Who has the lock.
pub(super) fn owner(word: u64) -> Option<Owner> {
    let row = word >> ROW_AT & ROW;
    if row == 0 { None } else { Owner::from_bits(word & !0xffff_ffff | row) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_survives_in_the_word() {
        for bits in [1, 7 << 32 | 1, 0xffff_ffff << 32 | 4096, 5 << 32 | 0xffff] {
            let somebody = Owner::from_bits(bits).unwrap();
            let word = token(somebody) | WAITERS | INCONSISTENT | STARVING;
            assert_eq!(owner(word), Some(somebody));
            assert_eq!(holder(word), token(somebody));
        }
        // What is left of the last owner says nothing.
        assert_eq!((owner(7 << 32 | INCONSISTENT), holder(7 << 32 | INCONSISTENT)), (None, 0));
    }
}
