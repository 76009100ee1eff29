//! Ranges of uploaded integers, so that a label or index outside of what it counts is an error on every device.
//!
//! A kernel cannot report an error, and gives NaN for such an index. But most labels and tokens come from the host, where their
//! range costs next to nothing to find.

use std::panic::Location;

use gpu_core::{DType, Error};

use crate::capture_log::note_index;
use crate::op::Op;
use crate::{Result, Tensor};

/// What the values of an index must be within.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IndexRange {
    op: &'static str,
    count: usize,
    /// A value that stands for none.
    ignored: Option<i32>,
    location: &'static Location<'static>,
}

impl IndexRange {
    /// # Errors
    /// [`Error::IndexOutOfRange`] if a value of `index` is known to be outside.
    pub fn check(&self, index: &Tensor) -> Result<()> {
        let outside = |&value: &i64| {
            !(0..self.count as i64).contains(&value)
                && self.ignored.is_none_or(|none| value != i64::from(none))
        };
        match index.range().iter().flatten().find(|value| outside(value)) {
            None => Ok(()),
            Some(&index) => Err(Error::IndexOutOfRange {
                op: self.op,
                index,
                count: self.count,
                location: self.location.to_string(),
            }),
        }
    }
}

impl Tensor {
    /// Notes the range of the integers that the tensor was made of.
    pub(crate) fn note_range(&self, words: &[u32]) {
        if !self.dtype().is_float()
            && let Some(range) = range(words, self.dtype() == DType::I32)
        {
            let _ = self.node.range.set(range);
        }
    }

    /// The lowest and the highest value, if the values were uploaded.
    fn range(&self) -> Option<[i64; 2]> {
        let base = self.in_order();
        match &base.node.op {
            Op::Constant(words) => range(words, base.dtype() == DType::I32),
            _ => base.node.range.get().copied(),
        }
    }

    /// The result of an operation `op` whose values of `index`, but for `ignored`, must be below `count`. If one is known not to be,
    /// computing the result is an error; in a [captured](crate::Captured) pass, later calls are checked, too.
    #[track_caller]
    pub(crate) fn within(
        self,
        op: &'static str,
        index: &Tensor,
        count: usize,
        ignored: Option<i32>,
    ) -> Tensor {
        let range = IndexRange { op, count, ignored, location: Location::caller() };
        if let Err(error) = range.check(index) {
            let _ = self.node.invalid.set(Box::new(error));
        }
        note_index(index, range);
        self
    }
}

fn range(words: &[u32], signed: bool) -> Option<[i64; 2]> {
    let value = |&word: &u32| if signed { i64::from(word as i32) } else { i64::from(word) };
    let values = || words.iter().map(value);
    Some([values().min()?, values().max()?])
}
