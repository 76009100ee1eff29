//! Low-rank adapters of weights.

use std::sync::Arc;

use autograd::{Tensor, cat};

use crate::Param;

/// `scale B A`, added to some rows of a weight `[out, in]`.
pub(crate) struct LowRank {
    /// `[rank, in]`
    pub a: Param,
    /// `[count, rank]`
    pub b: Param,
    pub scale: f32,
    /// The first of the rows, and their number.
    pub start: usize,
    pub count: usize,
}

impl LowRank {
    /// `scale B A` `[count, in]`, without a gradient.
    pub fn product(&self) -> Tensor {
        self.b.value().detach().matmul(&self.a.value().detach()) * self.scale
    }

    /// What rows `start..start + count`, which are some of its own, add to a product with `x [.., in]`: `[.., count]`.
    #[track_caller]
    fn rows(&self, x: &Tensor, start: usize, count: usize) -> Tensor {
        let b = self.b.value();
        let b = if count == self.count { b } else { b.narrow(0, start - self.start, count) };
        (x.linear(&self.a.value(), None) * self.scale).linear(&b, None)
    }
}

/// What adapters of a weight add to the product of its rows `start..start + count` with `x [.., in]`: `[.., count]`. The rows of each
/// adapter are inside of these, or these are inside of them.
#[track_caller]
pub(crate) fn sum(adapters: &[Arc<LowRank>], x: &Tensor, start: usize, count: usize) -> Option<Tensor> {
    let end = start + count;
    let mut parts = vec![];
    let mut at = start;
    let zeros = |count: usize| Tensor::zeros(x.device(), &[&x.shape()[..x.rank() - 1], &[count]].concat());
    for adapter in adapters {
        let (first, last) = (adapter.start.max(start), (adapter.start + adapter.count).min(end));
        if first >= last {
            continue;
        }
        if first > at {
            parts.push(zeros(first - at));
        }
        parts.push(adapter.rows(x, first, last - first));
        at = last;
    }
    if parts.is_empty() {
        return None;
    }
    if at < end {
        parts.push(zeros(end - at));
    }
    Some(if parts.len() == 1 { parts.remove(0) } else { cat(&parts.iter().collect::<Vec<_>>(), -1) })
}
