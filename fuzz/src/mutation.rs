//! Inputs made of others, always the same ones for a seed.

/// Values that readers are prone to get wrong.
const INTERESTING: [u8; 12] = [0, 1, 2, 8, 10, 0x1a, 0x22, 0x7f, 0x80, 0xfe, 0xff, b'"'];

/// Makes inputs.
#[derive(Clone, Debug)]
pub struct Mutator {
    state: u64,
}

impl Mutator {
    /// One that makes the same inputs whenever it has the same seed.
    pub fn new(seed: u64) -> Self {
        Self {
            state: seed.wrapping_mul(2).wrapping_add(1),
        }
    }

    /// An input like one of these, with up to eight changes.
    ///
    /// # Panics
    /// There are none.
    pub fn next(&mut self, corpus: &[Vec<u8>], largest: usize) -> Vec<u8> {
        let mut input = corpus[self.below(corpus.len())].clone();
        for _ in 0..=self.below(8) {
            self.change(&mut input, corpus);
        }
        input.truncate(largest);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let at = self.below(input.len() + 1);
        let end = at + self.below(input.len() - at.min(input.len()) + 1);
        match self.below(8) {
            0 => input.insert(at, self.byte()),
            1 => input.insert(at, INTERESTING[self.below(INTERESTING.len())]),
            2 => drop(input.drain(at..end)),
            3 => {
                let again = input[at..end].to_vec();
                input.splice(at..at, again);
            }
            4 => {
                let other = &corpus[self.below(corpus.len())];
                let from = self.below(other.len() + 1);
                let part = &other[from..from + self.below(other.len() - from + 1)];
                input.splice(at..end, part.iter().copied());
            }
            5 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << self.below(8);
                }
            }
            6 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = byte.wrapping_add(self.below(9) as u8).wrapping_sub(4);
                }
            }
            _ => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = INTERESTING[self.below(INTERESTING.len())];
                }
            }
        }
    }

    fn byte(&mut self) -> u8 {
        (self.random() >> 32) as u8
    }

    /// Less than `bound`, which is not 0.
    fn below(&mut self, bound: usize) -> usize {
        (self.random() >> 16) as usize % bound
    }

    /// xorshift64*.
    fn random(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}
