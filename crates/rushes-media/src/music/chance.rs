//! Chance by seed: equal seeds and topics give equal draws, on any machine.

/// A stream of draws (SplitMix64, Steele et al. 2014).
#[derive(Clone)]
pub(super) struct Chance(u64);

impl Chance {
    /// The stream of a topic, so that a change in one part of a piece leaves the draws of the others alone.
    pub(super) fn new(seed: u64, topic: &str) -> Self {
        let hash = topic.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        let mut chance = Self(seed ^ hash);
        chance.bits();
        chance
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 ≤ x < 1.
    pub(super) fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// −1 ≤ x < 1.
    pub(super) fn both(&mut self) -> f32 {
        2.0 * self.unit() - 1.0
    }

    /// 0 ≤ i < `count`; 0 of nothing.
    pub(super) fn below(&mut self, count: usize) -> usize {
        ((self.unit() * count as f32) as usize).min(count.saturating_sub(1))
    }

    /// One of several; the list is never empty (the tables are checked by a test).
    pub(super) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}
