//! Vectors that threads keep from one launch to the next, so that a replay on the CPU allocates nothing.

use std::ops::{Deref, DerefMut};

/// A vector from the stock of its thread, to which it goes back when it is dropped.
pub(super) struct Lent<T: Stocked>(Vec<T>);

/// Elements of which threads keep vectors; see [`stocked`].
pub(super) trait Stocked: Sized + 'static {
    /// Calls `f` with this thread's stock; `None` while the thread ends.
    fn with_stock<R>(f: impl FnOnce(&mut Vec<Vec<Self>>) -> R) -> Option<R>;
}

/// Makes the types [`Stocked`].
macro_rules! stocked {
    ($($t:ty),+) => {$(
        impl $crate::kernels::stock::Stocked for $t {
            fn with_stock<R>(f: impl FnOnce(&mut Vec<Vec<Self>>) -> R) -> Option<R> {
                thread_local! {
                    static STOCK: std::cell::RefCell<Vec<Vec<$t>>> = const { std::cell::RefCell::new(vec![]) };
                }
                STOCK.try_with(|stock| f(&mut stock.borrow_mut())).ok()
            }
        }
    )+};
}
pub(super) use stocked;

stocked!(f32, f64, i32, u32, usize, [f32; 2], [f64; 2], Vec<u32>);

impl<T: Stocked> Lent<T> {
    /// At least `len` elements; those that are there keep what they were when the vector was last lent.
    pub fn at_least(len: usize) -> Lent<T>
    where
        T: Default,
    {
        let mut lent = Lent::take();
        lent.grow(len);
        lent
    }

    /// `len` elements of one value.
    pub fn filled(value: T, len: usize) -> Lent<T>
    where
        T: Clone,
    {
        let mut lent = Lent::empty();
        lent.resize(len, value);
        lent
    }

    pub fn empty() -> Lent<T> {
        let mut lent = Lent::take();
        lent.clear();
        lent
    }

    /// Makes it at least `len` elements long.
    pub fn grow(&mut self, len: usize)
    where
        T: Default,
    {
        if self.len() < len {
            self.resize_with(len, T::default);
        }
    }

    fn take() -> Lent<T> {
        Lent(T::with_stock(Vec::pop).flatten().unwrap_or_default())
    }
}

impl<T: Stocked> FromIterator<T> for Lent<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Lent<T> {
        let mut lent = Lent::empty();
        lent.extend(values);
        lent
    }
}

impl<T: Stocked> Drop for Lent<T> {
    fn drop(&mut self) {
        let values = std::mem::take(&mut self.0);
        T::with_stock(|stock| stock.push(values));
    }
}

impl<T: Stocked> Deref for Lent<T> {
    type Target = Vec<T>;

    fn deref(&self) -> &Vec<T> {
        &self.0
    }
}

impl<T: Stocked> DerefMut for Lent<T> {
    fn deref_mut(&mut self) -> &mut Vec<T> {
        &mut self.0
    }
}
