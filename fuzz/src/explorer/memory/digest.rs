//! 128-bit digests of states, kept up to date by adding and taking away what changed.
//!
//! Two lanes of 64 bits, each a multiplication and a shift a word. A sum of the digests of numbered parts does not depend
//! on the order in which they came, so a change of one part costs one subtraction and one addition. Two different states
//! among `n` have the same digest with a probability of about `n^2 / 2^129`: 10^-25 for ten million.

/// A digest.
pub(crate) type Digest = u128;

/// Goes on with a word.
#[inline(always)]
pub(crate) fn mix(digest: Digest, word: u64) -> Digest {
    let mut low = (digest as u64 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    low ^= low >> 32;
    let mut high = ((digest >> 64) as u64).rotate_left(29) ^ word.rotate_left(17);
    high = high.wrapping_add(low).wrapping_mul(0xd6e8_feb8_6659_fd93);
    high ^= high >> 29;
    u128::from(high) << 64 | u128::from(low)
}

/// Goes on with another digest.
#[inline(always)]
pub(crate) fn join(digest: Digest, other: Digest) -> Digest {
    mix(mix(digest, other as u64), (other >> 64) as u64)
}

/// The digest of part `number` of a sum.
#[inline(always)]
pub(crate) fn part(number: u64, word: u64) -> Digest {
    mix(mix(0x51_7c_c1_b7, number.wrapping_add(1)), word)
}
