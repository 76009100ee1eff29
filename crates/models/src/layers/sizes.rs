//! Sizes of layers over several dimensions.

/// A size for each of `D` dimensions, or one for all.
pub trait Sizes<const D: usize> {
    /// One size for each dimension.
    fn sizes(self) -> [usize; D];
}

impl<const D: usize> Sizes<D> for usize {
    fn sizes(self) -> [usize; D] {
        [self; D]
    }
}

impl<const D: usize> Sizes<D> for [usize; D] {
    fn sizes(self) -> [usize; D] {
        self
    }
}
