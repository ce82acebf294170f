//! Inputs by chance: the same for the same seed and number, wherever it is asked for.

/// Numbers by chance (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64, number: u64) -> Self {
        let mut chance = Self(seed);
        let start = chance.next() ^ number.wrapping_mul(0xd605_1b44_7e5d_3c2b);
        Self(start)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below a limit, which is not 0.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(8) {
            part.copy_from_slice(&self.next().to_le_bytes()[..part.len()]);
        }
    }
}

/// Bytes of the longest input.
const LEN_MAX: u64 = 400;

/// The input of a number: fresh bytes, or one that is known, changed in a few places.
#[must_use]
pub fn input(seed: u64, number: u64, known: &[Vec<u8>]) -> Vec<u8> {
    let chance = &mut Chance::new(seed, number);
    if known.is_empty() || chance.below(3) == 0 {
        let longest = [16, 64, LEN_MAX][chance.below(3) as usize];
        let mut bytes = vec![0; chance.below(longest) as usize + 1];
        chance.fill(&mut bytes);
        return bytes;
    }
    let mut bytes = known[chance.below(known.len() as u64) as usize].clone();
    for _ in 0..=chance.below(6) {
        change(&mut bytes, chance, known);
    }
    bytes.truncate(LEN_MAX as usize);
    bytes
}

/// One change to an input.
fn change(bytes: &mut Vec<u8>, chance: &mut Chance, known: &[Vec<u8>]) {
    let at = chance.below(bytes.len() as u64 + 1) as usize;
    match chance.below(6) {
        0 | 1 if at < bytes.len() => bytes[at] = chance.next() as u8,
        2 if at < bytes.len() => bytes[at] = bytes[at].wrapping_add(chance.below(5) as u8).wrapping_sub(2),
        3 if at < bytes.len() => _ = bytes.remove(at),
        4 => bytes.insert(at, chance.next() as u8),
        _ => {
            // The rest is another's, as if two scripts had been played one after the other.
            let other = &known[chance.below(known.len() as u64) as usize];
            let from = chance.below(other.len() as u64 + 1) as usize;
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_input_of_a_number_is_always_the_same() {
        let known = [vec![1, 2, 3], vec![], vec![9; 50]];
        for number in 0..1000 {
            let first = input(7, number, &known);
            assert_eq!(input(7, number, &known), first, "number {number}");
            assert!(first.len() <= LEN_MAX as usize);
        }
        assert_ne!(input(7, 1, &[]), input(8, 1, &[]));
    }
}
