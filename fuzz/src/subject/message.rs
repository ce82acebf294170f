//! Messages that follow from their number.

use ringway::Fingerprint;
use ringway::zerocopy::{FromBytes, Immutable, IntoBytes};

/// Bytes of the longest message.
pub(super) const LEN_MAX: usize = 120;

/// Noise that follows from a number (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
const fn noise(number: u64) -> u64 {
    let mixed =
        (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9).wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A slot: its number, and noise that follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, Fingerprint)]
#[repr(C)]
#[zerocopy(crate = "ringway::zerocopy")]
pub(crate) struct Numbered {
    number: u64,
    noise: [u64; 3],
}

impl Numbered {
    /// No message.
    pub(super) const ZERO: Self = Self { number: 0, noise: [0; 3] };

    pub(super) fn new(number: u64) -> Self {
        let word = noise(number);
        Self { number, noise: [word, !word, word.rotate_left(32)] }
    }

    /// Its number, if it is whole.
    pub(super) fn number(&self) -> Result<u64, String> {
        if *self == Self::new(self.number) { Ok(self.number) } else { Err(format!("a torn slot: {self:x?}")) }
    }
}

/// The message of a number: 8 to [`LEN_MAX`] bytes. Word by word, since whoever steps through a verb steps through this.
pub(super) fn message(number: u64) -> ([u8; LEN_MAX], usize) {
    let word = noise(number);
    let len = 8 + (word % (LEN_MAX as u64 - 7)) as usize;
    let mut words = [0; LEN_MAX / 8];
    for (at, mixed) in words.iter_mut().enumerate() {
        *mixed = word.rotate_left(at as u32 * 7);
    }
    words[0] = number;
    (ringway::zerocopy::transmute!(words), len)
}

/// The number of a message, if it is whole.
pub(super) fn number(found: &[u8]) -> Result<u64, String> {
    let Some(first) = found.first_chunk::<8>() else { return Err(format!("a short message: {found:02x?}")) };
    let number = u64::from_le_bytes(*first);
    let (bytes, len) = message(number);
    if found == &bytes[..len] { Ok(number) } else { Err(format!("a torn message {number}: {found:02x?}")) }
}
