//! Reproducible random streams.
//!
//! Generators are always passed in (`&mut dyn Rng`) and never stored. Parallel code draws *one* `u64` from the caller's
//! generator and derives an independent ChaCha8 stream for each piece of work from it, so that results do not depend on
//! the number of threads or on the order in which the pieces finish.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A family of independent ChaCha8 streams under one seed: ChaCha has 2^64 streams per key, each 2^64 blocks long.
///
/// ```
/// use hepml_core::{rand::{Rng, SeedableRng}, rand_chacha::ChaCha8Rng, Streams};
///
/// let streams = Streams::from_rng(&mut ChaCha8Rng::seed_from_u64(7));
/// assert_eq!(streams.stream(3).next_u64(), streams.stream(3).next_u64());
/// assert_ne!(streams.stream(3).next_u64(), streams.stream(4).next_u64());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streams {
    seed: u64,
}

impl Streams {
    /// The streams under a seed.
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The streams under a seed drawn from `rng` (exactly one `u64`).
    pub fn from_rng(rng: &mut dyn Rng) -> Self {
        Self::new(rng.next_u64())
    }

    /// The stream number `index` (of an event, a chain, a fold, a replica).
    pub fn stream(&self, index: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(index);
        rng
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Value stability: a change here is a change of every seeded result and belongs into the changelog.
    #[test]
    fn streams_are_stable() {
        let streams = Streams::new(20_261_122);
        let drawn: Vec<u64> = (0..3).map(|i| streams.stream(i).next_u64()).collect();
        assert_eq!(drawn, STABLE);
    }

    const STABLE: [u64; 3] =
        [14_725_336_485_123_632_420, 17_069_059_981_369_850_836, 6_581_421_671_626_909_260];
}
