//! What every message says: filled entirely by the sender, verified entirely by the receiver, the same for all systems.
//!
//! A message of `n` bytes is `n / 8` little-endian words:
//!
//! ```text
//!   word      0              1                          ...   n/8 - 1
//!           +--------------+--------------------------+-----+---------------------------+
//!           | seal(s)      | seal(s) + 1 * STRIDE     | ... | the sum of all the others |
//!           +--------------+--------------------------+-----+---------------------------+
//! ```
//!
//! where `s` is the sequence number and `seal` spreads it over the word one to one, so that a zero, a stale or a
//! skipped message is never taken for the one expected. A message of 8 bytes is `seal(s)` alone.
//!
//! The receiver compares each word with what it must be, the checksum included (the words are in arithmetic
//! progression, so that their sum is known without adding them up). The loops have no early exit, so that they compile to vector
//! instructions; long messages use the processor's wide ones, so that a message of 64 KiB takes less time to fill or
//! verify than to copy from another core. Which of the things that can go wrong did go wrong is found out afterwards,
//! off the fast path.

#![allow(unsafe_code)] // because code for a processor feature may only run where the processor has it.

use std::fmt;

/// What the seal of the first message is.
const SALT: u64 = 0x9e37_79b9_7f4a_7c15;

/// The distance between the seals of two messages that follow each other. Odd, so that `seal` is one to one.
const STEP: u64 = 0xd134_2543_de82_ef95;

/// The distance between two words of one message.
const STRIDE: u64 = 0xa076_1d64_78bd_642f;

/// Bytes in a word.
const WORD: usize = 8;

/// From how many bytes on a message is worth the call to the wide loops.
const LONG: usize = 1024;

/// How far from the expected sequence number a found one may be and still be believed.
const NEAR: u64 = 1 << 40;

/// A message that is not the one expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Another message of the same sender: one was lost, repeated or overtaken.
    Order { expected: u64, found: u64 },
    /// Bytes that the sender never wrote.
    Content { expected: u64 },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order { expected, found } => write!(f, "message {found} came where {expected} was due"),
            Self::Content { expected } => {
                write!(f, "message {expected} came with other bytes than were sent")
            }
        }
    }
}

/// The 8-byte message with number `sequence`.
#[inline(always)]
pub(crate) fn seal(sequence: u64) -> u64 {
    SALT.wrapping_add(sequence.wrapping_mul(STEP))
}

/// The number of the message that starts with `word`, whatever the word is.
#[inline(always)]
pub(crate) fn unseal(word: u64) -> u64 {
    const UNSTEP: u64 = inverse(STEP);
    word.wrapping_sub(SALT).wrapping_mul(UNSTEP)
}

/// The number whose product with `odd` is one, by Newton's iteration: each step doubles the correct low bits.
const fn inverse(odd: u64) -> u64 {
    let (mut found, mut steps) = (odd, 0);
    while steps < 6 {
        found = found.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(found)));
        steps += 1;
    }
    found
}

/// Writes every byte of `message`, whose length is a multiple of 8 and at least 16.
#[inline(always)]
pub(crate) fn fill(message: &mut [u8], sequence: u64) {
    #[cfg(target_arch = "x86_64")]
    if message.len() >= LONG && is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has the feature, as was asked just now.
        return unsafe { fill_wide(message, sequence) };
    }
    fill_words(message, sequence);
}

/// Reads every byte of `message` and says whether it is the one with number `sequence`.
///
/// # Errors
///
/// What is wrong with it.
#[inline(always)]
pub(crate) fn verify(message: &[u8], sequence: u64) -> Result<(), Fault> {
    if is_right(message, sequence) { Ok(()) } else { Err(name_fault(message, sequence)) }
}

#[inline(always)]
fn is_right(message: &[u8], sequence: u64) -> bool {
    #[cfg(target_arch = "x86_64")]
    if message.len() >= LONG && is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has the feature, as was asked just now.
        return unsafe { compare_wide(message, sequence) };
    }
    compare_words(message, sequence)
}

/// [`fill_words`] in wide instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn fill_wide(message: &mut [u8], sequence: u64) {
    fill_words(message, sequence);
}

/// [`compare_words`] in wide instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn compare_wide(message: &[u8], sequence: u64) -> bool {
    compare_words(message, sequence)
}

/// The sum of the first `count` words of the message with number `sequence`.
#[inline(always)]
fn checksum(sequence: u64, count: u64) -> u64 {
    let steps = count * count.saturating_sub(1) / 2;
    count.wrapping_mul(seal(sequence)).wrapping_add(steps.wrapping_mul(STRIDE))
}

#[inline(always)]
fn fill_words(message: &mut [u8], sequence: u64) {
    let (words, rest) = message.as_chunks_mut::<WORD>();
    debug_assert!(rest.is_empty());
    let Some((last, words)) = words.split_last_mut() else { return };
    *last = checksum(sequence, words.len() as u64).to_le_bytes();
    let mut due = seal(sequence);
    for word in words {
        *word = due.to_le_bytes();
        due = due.wrapping_add(STRIDE);
    }
}

#[inline(always)]
fn compare_words(message: &[u8], sequence: u64) -> bool {
    let (words, _) = message.as_chunks::<WORD>();
    let Some((last, words)) = words.split_last() else { return true };
    let mut difference = checksum(sequence, words.len() as u64) ^ u64::from_le_bytes(*last);
    let mut due = seal(sequence);
    for word in words {
        difference |= u64::from_le_bytes(*word) ^ due;
        due = due.wrapping_add(STRIDE);
    }
    difference == 0
}

/// Writes the 8-byte messages from number `first` on.
#[inline(always)]
pub(crate) fn fill_slots(slots: &mut [u64], first: u64) {
    let mut due = seal(first);
    for slot in slots {
        *slot = due;
        due = due.wrapping_add(STEP);
    }
}

/// Says whether `slots` are the 8-byte messages from number `first` on.
///
/// # Errors
///
/// What is wrong with the first wrong one.
#[inline(always)]
pub(crate) fn verify_slots(slots: &[u64], first: u64) -> Result<(), Fault> {
    let mut due = seal(first);
    let mut difference = 0_u64;
    for slot in slots {
        difference |= *slot ^ due;
        due = due.wrapping_add(STEP);
    }
    if difference == 0 { Ok(()) } else { Err(name_first_fault(slots, first)) }
}

#[cold]
#[inline(never)]
fn name_first_fault(slots: &[u64], first: u64) -> Fault {
    let wrong = (first..).zip(slots).find(|&(sequence, &slot)| slot != seal(sequence));
    wrong.map_or(Fault::Content { expected: first }, |(sequence, &slot)| name_slot_fault(slot, sequence))
}

/// Why the 8-byte message `slot` is not the one with number `expected`.
#[cold]
#[inline(never)]
pub(crate) fn name_slot_fault(slot: u64, expected: u64) -> Fault {
    let found = unseal(slot);
    if found != expected && found.abs_diff(expected) < NEAR {
        Fault::Order { expected, found }
    } else {
        Fault::Content { expected }
    }
}

#[cold]
#[inline(never)]
fn name_fault(message: &[u8], expected: u64) -> Fault {
    match message.first_chunk() {
        Some(first) => name_slot_fault(u64::from_le_bytes(*first), expected),
        None => Fault::Content { expected },
    }
}

/// Bytes that start at a cache line, for messages that are being filled or verified.
pub(crate) struct Page {
    bytes: Vec<u8>,
    start: usize,
    length: usize,
}

impl Page {
    /// `length` zero bytes.
    pub(crate) fn new(length: usize) -> Self {
        const LINE: usize = 64;
        let bytes = vec![0; length + LINE];
        let start = bytes.as_ptr().align_offset(LINE).min(LINE);
        Self { bytes, start, length }
    }

    /// The bytes.
    #[inline(always)]
    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filled_message_verifies_at_every_length() {
        for length in [16, 64, 72, 1024, 65536] {
            let mut message = vec![0xff; length];
            fill(&mut message, 12345);
            assert_eq!(verify(&message, 12345), Ok(()), "{length} bytes");
        }
    }

    #[test]
    fn the_last_word_is_the_sum_of_the_others() {
        for length in [16, 64, 1024] {
            let mut message = vec![0; length];
            fill(&mut message, 99);
            let mut words: Vec<u64> =
                message.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
            let last = words.pop();
            assert_eq!(last, words.iter().copied().reduce(u64::wrapping_add));
        }
    }

    #[test]
    fn a_flipped_bit_is_noticed_wherever_it_is() {
        for length in [64, 1032] {
            let mut message = vec![0; length];
            fill(&mut message, 7);
            for bit in 0..8 * length {
                message[bit / 8] ^= 1 << (bit % 8);
                assert!(verify(&message, 7).is_err(), "bit {bit}");
                message[bit / 8] ^= 1 << (bit % 8);
            }
            assert_eq!(verify(&message, 7), Ok(()));
        }
    }

    #[test]
    fn a_skipped_and_a_repeated_message_are_named() {
        let mut message = [0; 1024];
        fill(&mut message, 8);
        assert_eq!(verify(&message, 7), Err(Fault::Order { expected: 7, found: 8 }));
        assert_eq!(verify(&message, 9), Err(Fault::Order { expected: 9, found: 8 }));
    }

    #[test]
    fn a_message_that_is_half_of_the_next_one_is_noticed() {
        let (mut message, mut next) = ([0; 1024], [0; 1024]);
        fill(&mut message, 1);
        fill(&mut next, 2);
        message[512..].copy_from_slice(&next[512..]);
        assert_eq!(verify(&message, 1), Err(Fault::Content { expected: 1 }));
    }

    #[test]
    fn zeroes_are_no_message() {
        for sequence in 0..1000 {
            assert!(verify(&[0; 64], sequence).is_err());
            assert!(verify_slots(&[0], sequence).is_err());
        }
    }

    #[test]
    fn a_seal_gives_back_its_number() {
        for sequence in [0, 1, 2, 77, u64::MAX / 3, u64::MAX] {
            assert_eq!(unseal(seal(sequence)), sequence);
        }
    }

    #[test]
    fn slots_verify_in_order_only() {
        let mut slots = [0; 100];
        fill_slots(&mut slots, 50);
        assert_eq!(slots[3], seal(53));
        assert_eq!(verify_slots(&slots, 50), Ok(()));
        assert_eq!(verify_slots(&slots, 51), Err(Fault::Order { expected: 51, found: 50 }));
        slots[9] = slots[8];
        assert_eq!(verify_slots(&slots, 50), Err(Fault::Order { expected: 59, found: 58 }));
        slots[9] = 1;
        assert_eq!(verify_slots(&slots, 50), Err(Fault::Content { expected: 59 }));
    }

    #[test]
    fn a_page_starts_at_a_line() {
        let mut page = Page::new(1000);
        assert_eq!(page.bytes().len(), 1000);
        assert_eq!(page.bytes().as_ptr().addr() % 64, 0);
    }
}
