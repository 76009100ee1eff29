//! Reductions of rows by segment, such as messages by receiving node.

use gpu_core::DType;

use super::gather::check_index;
use crate::Tensor;

impl Tensor {
    /// Sums of the slices of `[N, ..]` by segment: `[segments, ..]`. `ids [N]` are the integer segments of the slices; slices with an
    /// id outside of `0..segments` are left out.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let device = Device::named("cpu")?;
    /// let x = Tensor::from_slice(&device, &[1.0f32, 2.0, 4.0], &[3])?;
    /// let ids = Tensor::from_slice(&device, &[1i32, 0, 1], &[3])?;
    /// assert_eq!(x.segment_sum(&ids, 3).to_vec::<f32>()?, [2.0, 5.0, 0.0]);
    /// assert_eq!(x.segment_mean(&ids, 3).to_vec::<f32>()?, [2.0, 2.5, 0.0]);
    /// assert_eq!(x.segment_max(&ids, 3).to_vec::<f32>()?, [2.0, 4.0, 0.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When there is not one integer id for each slice.
    #[doc(alias = "scatter_reduce")]
    #[track_caller]
    pub fn segment_sum(&self, ids: &Tensor, segments: usize) -> Tensor {
        check("segment_sum", self, ids);
        let shape = [&[segments], &self.shape()[1..]].concat();
        Tensor::zeros(self.device(), &shape).index_add(0, ids, self)
    }

    /// Means of the slices by segment, as [`segment_sum`](Tensor::segment_sum); 0 for an empty segment.
    #[doc(alias = "scatter_reduce")]
    #[track_caller]
    pub fn segment_mean(&self, ids: &Tensor, segments: usize) -> Tensor {
        check("segment_mean", self, ids);
        let ones = Tensor::ones(self.device(), ids.shape());
        let counts = ones.segment_sum(ids, segments).clamp_min(1.0);
        let along: Vec<usize> = (0..self.rank()).map(|d| if d == 0 { segments } else { 1 }).collect();
        self.segment_sum(ids, segments) / counts.reshape(&along)
    }

    /// The largest elements of the slices by segment, as [`segment_sum`](Tensor::segment_sum); 0 for an empty segment. Ties share the
    /// gradient evenly. It compares every slice with every segment.
    #[doc(alias = "scatter_reduce")]
    #[track_caller]
    pub fn segment_max(&self, ids: &Tensor, segments: usize) -> Tensor {
        check("segment_max", self, ids);
        let along: Vec<usize> = (0..self.rank()).map(|d| if d == 0 { segments } else { 1 }).collect();
        if ids.numel() == 0 {
            return Tensor::zeros(self.device(), &[&[segments], &self.shape()[1..]].concat());
        }
        let all = Tensor::arange(self.device(), segments);
        let member = ids.to(DType::I32).eq(all.unsqueeze(1));
        let wide: Vec<usize> = (0..self.rank() + 1).map(|d| [segments, ids.numel(), 1][d.min(2)]).collect();
        let lowest = self.number(f32::NEG_INFINITY);
        let largest = self.where_(&member.reshape(&wide), &lowest).amax(&[1], false);
        let known = member.any(&[1], false).reshape(&along);
        largest.where_(&known, &self.number(0.0))
    }

    /// Softmax among the slices of each segment: `[N, ..]`, whose [`segment_sum`](Tensor::segment_sum) is 1 for every segment that is
    /// not empty. The largest element of each segment is subtracted first, so that nothing overflows.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let device = Device::named("cpu")?;
    /// let x = Tensor::from_slice(&device, &[1000.0f32, 3.0, 1000.0], &[3])?;
    /// let ids = Tensor::from_slice(&device, &[1i32, 0, 1], &[3])?;
    /// assert_eq!(x.segment_softmax(&ids, 2).to_vec::<f32>()?, [0.5, 1.0, 0.5]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn segment_softmax(&self, ids: &Tensor, segments: usize) -> Tensor {
        check("segment_softmax", self, ids);
        let largest = self.detach().segment_max(ids, segments);
        let powers = (self - largest.index_select(0, ids)).exp();
        let sums = powers.segment_sum(ids, segments);
        powers / sums.index_select(0, ids)
    }
}

#[track_caller]
fn check(op: &str, x: &Tensor, ids: &Tensor) {
    let fits = x.rank() > 0 && ids.shape() == [x.shape()[0]];
    assert!(fits, "{op}: ids {:?} for {:?}", ids.shape(), x.shape());
    x.expect_float(op);
    check_index(op, ids);
}
