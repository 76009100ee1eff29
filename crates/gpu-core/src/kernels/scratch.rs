//! Vectors that threads keep from one launch to the next, so that a replay on the CPU allocates nothing.

use std::ops::{Deref, DerefMut};

/// A vector from the scratch pool of its thread, to which it returns when it is dropped.
pub(crate) struct ScratchVec<T: Pooled>(Vec<T>);

/// Element types whose vectors threads keep for reuse; see [`pooled`].
pub(crate) trait Pooled: Sized + 'static {
    /// Calls `f` with this thread's pool; `None` while the thread ends.
    fn with_pool<R>(f: impl FnOnce(&mut Vec<Vec<Self>>) -> R) -> Option<R>;
}

/// Makes the types [`Pooled`].
macro_rules! pooled {
    ($($t:ty),+) => {$(
        impl $crate::kernels::scratch::Pooled for $t {
            fn with_pool<R>(f: impl FnOnce(&mut Vec<Vec<Self>>) -> R) -> Option<R> {
                thread_local! {
                    static POOL: std::cell::RefCell<Vec<Vec<$t>>> = const { std::cell::RefCell::new(vec![]) };
                }
                POOL.try_with(|pool| f(&mut pool.borrow_mut())).ok()
            }
        }
    )+};
}
pub(super) use pooled;

pooled!((u64, bool, usize), f32, f64, i32, u32, usize, [f32; 2], [f64; 2], Vec<u32>);

impl<T: Pooled> ScratchVec<T> {
    /// At least `len` elements; existing ones keep their values from the vector's last use.
    pub fn at_least(len: usize) -> ScratchVec<T>
    where
        T: Default,
    {
        let mut vector = ScratchVec::take();
        vector.grow(len);
        vector
    }

    /// `len` elements of one value.
    pub fn filled(value: T, len: usize) -> ScratchVec<T>
    where
        T: Clone,
    {
        let mut vector = ScratchVec::empty();
        vector.resize(len, value);
        vector
    }

    pub fn empty() -> ScratchVec<T> {
        let mut vector = ScratchVec::take();
        vector.clear();
        vector
    }

    /// Makes the vector at least `len` elements long.
    pub fn grow(&mut self, len: usize)
    where
        T: Default,
    {
        if self.len() < len {
            self.resize_with(len, T::default);
        }
    }

    fn take() -> ScratchVec<T> {
        ScratchVec(T::with_pool(Vec::pop).flatten().unwrap_or_default())
    }
}

impl<T: Pooled> FromIterator<T> for ScratchVec<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> ScratchVec<T> {
        let mut vector = ScratchVec::empty();
        vector.extend(values);
        vector
    }
}

impl<T: Pooled> Drop for ScratchVec<T> {
    fn drop(&mut self) {
        let values = std::mem::take(&mut self.0);
        T::with_pool(|pool| pool.push(values));
    }
}

impl<T: Pooled> Deref for ScratchVec<T> {
    type Target = Vec<T>;

    fn deref(&self) -> &Vec<T> {
        &self.0
    }
}

impl<T: Pooled> DerefMut for ScratchVec<T> {
    fn deref_mut(&mut self) -> &mut Vec<T> {
        &mut self.0
    }
}
