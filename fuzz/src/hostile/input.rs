//! An input: bytes that are read as choices, one after the other. What is missing is zero, so that every input means something.

/// What is left of an input.
#[derive(Clone, Debug)]
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Is nothing left?
    pub(crate) fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    /// A little-endian number of so many bytes.
    fn number(&mut self, bytes: usize) -> u64 {
        let (taken, rest) = self.0.split_at(bytes.min(self.0.len()));
        self.0 = rest;
        let mut word = [0; 8];
        word[..taken.len()].copy_from_slice(taken);
        u64::from_le_bytes(word)
    }

    pub(crate) fn word(&mut self) -> u64 {
        self.number(8)
    }

    /// A number below a limit, which is not 0.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        let bytes = if limit <= 1 << 8 {
            1
        } else if limit <= 1 << 16 {
            2
        } else {
            8
        };
        self.number(bytes) % limit
    }

    /// One of a few.
    pub(crate) fn choose<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    /// True once in so many times; not where nothing is left.
    pub(crate) fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == times - 1
    }

    /// The next bytes, as many as there are up to a limit.
    pub(crate) fn take(&mut self, limit: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(limit.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_zero() {
        let mut input = Input::new(&[1, 2, 3]);
        assert_eq!((input.byte(), input.below(1 << 10), input.is_over()), (1, 0x0302, true));
        assert_eq!((input.byte(), input.word(), input.choose(&[7, 8]), input.one_in(2)), (0, 0, 7, false));
    }

    #[test]
    fn a_number_is_below_its_limit() {
        let mut input = Input::new(&[0xff; 64]);
        for limit in [1, 2, 255, 256, 257, 65_536, 65_537, u64::MAX] {
            assert!(input.below(limit) < limit, "{limit}");
        }
    }
}
