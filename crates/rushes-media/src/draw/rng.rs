//! Chance for pictures: a stream of draws for each purpose, so that a seed means the same picture for ever.
//!
//! What does not live here: seeds themselves; they come from concepts and requests.

use crate::chance::Bits;

/// A small deterministic generator. Not for secrets.
#[derive(Debug, Clone)]
pub(crate) struct Dice(Bits);

impl Dice {
    /// A stream of its own for one purpose: other topics do not shift when one of them draws more often.
    #[must_use]
    pub(crate) fn new(seed: u64, topic: &str) -> Self {
        let mut state = seed ^ 0x9e37_79b9_7f4a_7c15;
        for byte in topic.bytes() {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        Self(Bits::new(state))
    }

    /// 64 random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0.next()
    }

    /// 0.0 to 1.0, the upper end excluded.
    pub(crate) fn unit(&mut self) -> f32 {
        self.0.unit()
    }

    /// Between two numbers.
    pub(crate) fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// True with this probability.
    pub(crate) fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// An index below `len`, which is at least 1.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        (self.bits() % len.max(1) as u64) as usize
    }

    /// One of a table's rows for a seed, dealt like cards: as many seeds in a row as there are rows get a row each, so
    /// that people made together are not alike.
    pub(crate) fn deal<'a, T>(seed: u64, topic: &str, rows: &'a [T]) -> &'a T {
        let len = rows.len().max(1) as u64;
        let mut dice = Self::new(seed / len, topic);
        let mut cards: Vec<usize> = (0..rows.len()).collect();
        for last in (1..cards.len()).rev() {
            cards.swap(last, dice.index(last + 1));
        }
        &rows[cards[(seed % len) as usize]]
    }

    /// One of a table's rows.
    pub(crate) fn pick<'a, T>(&mut self, rows: &'a [T]) -> &'a T {
        &rows[self.index(rows.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draw_deals_each_row_once_before_any_comes_again() {
        let rows: Vec<usize> = (0..12).collect();
        for round in [0u64, 7, 1 << 40] {
            let mut dealt: Vec<usize> = (0..12).map(|i| *Dice::deal(round * 12 + i, "test", &rows)).collect();
            let (first, as_told) = (dealt.clone(), rows.clone());
            dealt.sort_unstable();
            assert_eq!(dealt, as_told);
            assert_ne!(first, dealt, "shuffled");
        }
        assert_eq!(*Dice::deal(u64::MAX, "test", &rows[..1]), 0);
    }
}
