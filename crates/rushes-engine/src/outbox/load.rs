//! How much a sender has under way, and how much more it may begin or lease. Pure; in places, as configured, and in
//! weights, which are not to be mixed up.

use rushes_core::delivery::{Due, SMALL_MAX_BYTES, Work};
use std::ops::{Add, AddAssign, Sub, SubAssign};

/// Objects up to this are light: they cost a place more waiting than bandwidth.
const LIGHT_BYTES: u64 = 1024 * 1024;

/// What is under way weighs so much: a light object one, everything else as much as a place carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Weight(usize);

impl Weight {
    const LIGHT: Self = Self(1);
    /// What one place carries.
    const PLACE: Self = Self(3);

    pub(super) fn of_places(places: usize) -> Self {
        Self(Self::PLACE.0 * places)
    }

    pub(super) fn of_lights(lights: usize) -> Self {
        Self(Self::LIGHT.0 * lights)
    }

    fn places(self) -> usize {
        self.0 / Self::PLACE.0
    }

    pub(super) fn lights(self) -> usize {
        self.0 / Self::LIGHT.0
    }
}

impl Add for Weight {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for Weight {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Weight {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl SubAssign for Weight {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

/// How much may be under way at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Most {
    /// One row, whatever it weighs.
    One,
    /// Rows that weigh so much together: two places at least.
    Weight(Weight),
}

impl Most {
    /// Rows of this weight together, or where that is less than two places, one.
    pub(super) fn of(weight: Weight) -> Self {
        if weight.places() < 2 { Self::One } else { Self::Weight(weight) }
    }
}

/// A row, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Item {
    weight: Weight,
    /// Whether it waits for one of the places that large objects have.
    pub(super) is_large: bool,
}

impl Item {
    pub(super) fn of(due: &Due) -> Self {
        match &due.work {
            Work::PutObject { asset, .. } => Self::of_bytes(asset.blob.size_bytes),
            Work::EnsureFolders { .. } | Work::RemoveFolder { .. } => Self { weight: Weight::LIGHT, is_large: false },
            _ => Self { weight: Weight::PLACE, is_large: false },
        }
    }

    fn of_bytes(size_bytes: u64) -> Self {
        let weight = if size_bytes <= LIGHT_BYTES { Weight::LIGHT } else { Weight::PLACE };
        Self { weight, is_large: size_bytes > SMALL_MAX_BYTES }
    }
}

/// What is leased and has not begun.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Waiting {
    small: Weight,
    small_rows: usize,
    large_rows: usize,
}

impl Waiting {
    pub(super) fn of<'a>(small: impl Iterator<Item = &'a Due>, large_rows: usize) -> Self {
        small.fold(Self { large_rows, ..Self::default() }, |mut waiting, due| {
            waiting.small += Item::of(due).weight;
            waiting.small_rows += 1;
            waiting
        })
    }
}

/// What one sender has under way.
#[derive(Debug, Default)]
pub(super) struct Load {
    small: Weight,
    large: Weight,
}

impl Load {
    pub(super) fn begun(&mut self, item: Item) {
        *if item.is_large { &mut self.large } else { &mut self.small } += item.weight;
    }

    pub(super) fn ended(&mut self, item: Item) {
        *if item.is_large { &mut self.large } else { &mut self.small } -= item.weight;
    }

    fn is_empty(&self) -> bool {
        self.small + self.large == Weight::default()
    }

    /// Half of the places are for large ones.
    fn large_most(most: Weight) -> Weight {
        Weight::of_places(most.places() / 2)
    }

    /// What small ones leave alone: what large ones weigh, and what those that wait will.
    fn for_large(&self, most: Weight, waiting_rows: usize) -> Weight {
        (self.large + Weight::of_places(waiting_rows)).min(Self::large_most(most)).max(self.large)
    }

    /// Whether this may begin now; `large_rows` are those that wait. Neither large nor small ones wait behind the others.
    pub(super) fn takes(&self, item: Item, large_rows: usize, most: Most) -> bool {
        match most {
            Most::One => self.is_empty(),
            Most::Weight(most) if item.is_large => {
                self.large + item.weight <= Self::large_most(most) && self.small + self.large + item.weight <= most
            }
            Most::Weight(most) => self.small + item.weight + self.for_large(most, large_rows) <= most,
        }
    }

    /// How many rows to lease now, small and large. Where rows may be leased before they can begin, light ones are, up to
    /// `places` of them, so that no sending waits for a transaction; and several together, when half of those have gone.
    pub(super) fn room(&self, waiting: Waiting, most: Most, places: usize, leases_ahead: bool) -> (usize, usize) {
        let most = match most {
            Most::One => {
                let is_idle = self.is_empty() && waiting.small_rows + waiting.large_rows == 0;
                return (usize::from(is_idle), usize::from(is_idle && leases_ahead));
            }
            Most::Weight(most) => most,
        };
        let free = most - self.for_large(most, waiting.large_rows) - self.small - waiting.small;
        let has_heavy = waiting.small.lights() > waiting.small_rows;
        // A heavy one could wait longer than its lease; a document leased early would be told of too early.
        let small = if !leases_ahead || has_heavy {
            free.places()
        } else if waiting.small_rows > places / 2 {
            0
        } else {
            (free.lights() + places - waiting.small_rows).min(places)
        };
        let large = (Self::large_most(most) - self.large).places().saturating_sub(waiting.large_rows);
        (small, if leases_ahead { large } else { 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: u64 = 1024;

    fn light() -> Item {
        Item::of_bytes(100 * KIB)
    }

    fn heavy() -> Item {
        Item::of_bytes(2 * KIB * KIB)
    }

    fn large() -> Item {
        Item::of_bytes(9 * KIB * KIB)
    }

    fn most(places: usize) -> Most {
        Most::Weight(Weight::of_places(places))
    }

    /// Begins as many as it takes.
    fn fill(load: &mut Load, item: Item, large_rows: usize, most: Most) -> usize {
        let mut count = 0;
        while load.takes(item, large_rows, most) {
            load.begun(item);
            count += 1;
        }
        count
    }

    #[test]
    fn load_of_one_is_one_row_whatever_it_weighs() {
        for item in [light(), heavy(), large()] {
            let mut load = Load::default();
            assert!(load.takes(item, 3, Most::One));
            load.begun(item);
            for other in [light(), heavy(), large()] {
                assert!(!load.takes(other, 0, Most::One), "{other:?} beside {item:?}");
            }
            assert_eq!(load.room(Waiting::default(), Most::One, 1, true), (0, 0));
            load.ended(item);
            assert_eq!(load.room(Waiting::default(), Most::One, 1, true), (1, 1), "one of each, in turn");
            assert_eq!(load.room(Waiting { large_rows: 1, ..Waiting::default() }, Most::One, 1, true), (0, 0));
            assert_eq!(load.room(Waiting::default(), Most::One, 1, false), (1, 0));
        }
    }

    #[test]
    fn load_carries_three_light_ones_a_place_and_never_more_than_it_may() {
        for places in 2..10 {
            let (mut lights, mut heavies) = (Load::default(), Load::default());
            assert_eq!(fill(&mut lights, light(), 0, most(places)), 3 * places);
            assert_eq!(fill(&mut heavies, heavy(), 0, most(places)), places);
            let mut larges = Load::default();
            assert_eq!(fill(&mut larges, large(), 9, most(places)), places / 2, "half of them for large ones");
            assert_eq!(fill(&mut larges, heavy(), 9, most(places)), places - places / 2, "the others are never kept waiting");
            assert!(!larges.takes(light(), 0, most(places)));
        }
    }

    #[test]
    fn load_lets_large_ones_in_though_small_ones_never_end() {
        let (mut load, most) = (Load::default(), most(4));
        assert_eq!(fill(&mut load, heavy(), 0, most), 4);
        assert!(!load.takes(large(), 1, most), "no more than it may");
        load.ended(heavy());
        assert!(!load.takes(heavy(), 1, most), "the place is for the large one that waits");
        assert!(load.takes(large(), 1, most));
        load.begun(large());
        load.ended(heavy());
        assert!(load.takes(heavy(), 0, most) && !load.takes(heavy(), 1, most));
    }

    #[test]
    fn load_leases_what_can_begin_and_light_ones_ahead() {
        let load = Load::default();
        let waiting = |lights: usize| Waiting { small: Weight(lights), small_rows: lights, large_rows: 0 };
        assert_eq!(load.room(waiting(0), most(8), 8, true), (8, 4));
        assert_eq!(load.room(waiting(8), most(8), 8, true).0, 0, "half of them first");
        assert_eq!(load.room(waiting(4), most(8), 8, true).0, 8);
        assert_eq!(load.room(waiting(0), most(8), 8, false), (8, 0), "a document is leased when it is written");
        let with_heavy = Waiting { small: Weight(4), small_rows: 2, large_rows: 1 };
        assert_eq!(load.room(with_heavy, most(8), 8, true), (5, 3));
        let mut full = Load::default();
        fill(&mut full, light(), 0, most(8));
        assert_eq!(full.room(waiting(0), most(8), 8, true), (8, 4), "so that the next is there when one ends");
        fill(&mut full, heavy(), 0, most(8));
        assert_eq!(full.room(waiting(0), most(8), 8, false), (0, 0));
    }
}
