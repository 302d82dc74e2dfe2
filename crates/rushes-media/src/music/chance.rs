//! Chance for music: equal seeds and topics give equal draws, on any machine.

use crate::chance::Bits;

/// A stream of draws.
#[derive(Clone)]
pub(super) struct Chance(Bits);

impl Chance {
    /// The stream of a topic, so that a change in one part of a piece leaves the draws of the others alone.
    pub(super) fn new(seed: u64, topic: &str) -> Self {
        let hash = topic.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        Self(Bits::new(seed ^ hash))
    }

    /// 0 ≤ x < 1.
    pub(super) fn unit(&mut self) -> f32 {
        self.0.unit()
    }

    /// −1 ≤ x < 1.
    pub(super) fn both(&mut self) -> f32 {
        2.0 * self.unit() - 1.0
    }

    /// 0 ≤ i < `count`; 0 of nothing.
    pub(super) fn below(&mut self, count: usize) -> usize {
        ((self.unit() * count as f32) as usize).min(count.saturating_sub(1))
    }

    /// One of several; the list is never empty (the styles' rules see to it).
    pub(super) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}
