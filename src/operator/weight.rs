//! How much memory the state of an owner takes up, about, for those who watch a run. It decides about nothing.

use std::ops::AddAssign;

/// Memory in bytes: what has been asked for, not what the allocator adds to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weight {
    /// Keys, windows, and the part of an aggregate's state that is of one size; for `windrow order`, waiting events.
    pub windows: usize,
    /// What aggregates keep besides, which grows with what they see: distinct values, sketches, long texts.
    pub sketches: usize,
}

impl AddAssign for Weight {
    fn add_assign(&mut self, other: Weight) {
        self.windows += other.windows;
        self.sketches += other.sketches;
    }
}

impl Weight {
    /// That of a list as long as there is room for, and of nothing that its entries point to.
    pub fn of_room<T>(list: &Vec<T>) -> Weight {
        Weight { windows: list.capacity() * size_of::<T>(), sketches: 0 }
    }
}

impl std::iter::Sum for Weight {
    fn sum<I: Iterator<Item = Weight>>(all: I) -> Weight {
        all.fold(Weight::default(), |mut sum, one| {
            sum += one;
            sum
        })
    }
}
