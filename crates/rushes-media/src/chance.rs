//! The one source of chance: SplitMix64 (Steele et al. 2014), so that a seed means the same pictures and sounds for ever.
//!
//! What does not live here: how a topic becomes a stream of its own, which pictures and music do each in their way.

/// A stream of bits. Not for secrets.
#[derive(Debug, Clone)]
pub(crate) struct Bits(u64);

impl Bits {
    /// From a state; the first draw is left out.
    pub(crate) fn new(state: u64) -> Self {
        let mut bits = Self(state);
        bits.next();
        bits
    }

    /// 64 of them.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0.0 to 1.0, the upper end excluded.
    pub(crate) fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 24) as f32
    }
}
