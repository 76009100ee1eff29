//! Pooling to a given size: window `i` of `m` over `n` elements covers `floor(i n / m) .. ceil((i + 1) n / m)`, so that
//! windows may overlap and differ in size.

use super::gather::position;
use super::pool::Pool;
use crate::Tensor;

/// First position and length of every window.
fn windows(n: usize, m: usize) -> Vec<(usize, usize)> {
    (0..m).map(|i| (i * n / m, ((i + 1) * n).div_ceil(m) - i * n / m)).collect()
}

impl Tensor {
    /// The means of `output` windows over `L`: `[N, C, output]` from `[N, C, L]`, or `[C, output]` from `[C, L]`.
    ///
    /// # Panics
    /// When the input has other dimensions, or a size is 0.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let device = Device::named("cpu")?;
    /// let x = Tensor::from_slice(&device, &[1.0f32, 2.0, 6.0], &[1, 1, 3])?;
    /// assert_eq!(x.adaptive_avg_pool1d(2).to_vec::<f32>()?, [1.5, 4.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn adaptive_avg_pool1d(&self, output: usize) -> Tensor {
        self.check_adaptive("adaptive_avg_pool1d", &[output]);
        self.adaptive_mean(self.rank() - 1, output)
    }

    /// The means of windows over height and width: `[N, C, output[0], output[1]]` from `[N, C, H, W]`, or without `N` from `[C, H, W]`.
    /// `[1, 1]` is global average pooling.
    ///
    /// # Panics
    /// When the input has other dimensions, or a size is 0.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let device = Device::named("cpu")?;
    /// let x = Tensor::from_slice(&device, &[1.0f32, 2.0, 6.0, 3.0, 4.0, 8.0], &[1, 1, 2, 3])?;
    /// assert_eq!(x.adaptive_avg_pool2d([1, 2]).to_vec::<f32>()?, [2.5, 5.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn adaptive_avg_pool2d(&self, output: [usize; 2]) -> Tensor {
        self.check_adaptive("adaptive_avg_pool2d", &output);
        let rank = self.rank();
        self.adaptive_mean(rank - 2, output[0]).adaptive_mean(rank - 1, output[1])
    }

    /// The largest elements of `output` windows over `L`, and their positions (i32): each `[N, C, output]` from `[N, C, L]`, or
    /// `[C, output]` from `[C, L]`.
    ///
    /// # Panics
    /// When the input has other dimensions, or a size is 0.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let device = Device::named("cpu")?;
    /// let x = Tensor::from_slice(&device, &[1.0f32, 6.0, 2.0], &[1, 1, 3])?;
    /// let (y, index) = x.adaptive_max_pool1d(2);
    /// assert_eq!(y.to_vec::<f32>()?, [6.0, 6.0]);
    /// assert_eq!(index.to_vec::<i32>()?, [1, 1]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn adaptive_max_pool1d(&self, output: usize) -> (Tensor, Tensor) {
        self.check_adaptive("adaptive_max_pool1d", &[output]);
        let (y, index) = self.unsqueeze(-2).adaptive_max_pool2d([1, output]);
        (y.squeeze(&[-2]), index.squeeze(&[-2]))
    }

    /// The largest elements of windows over height and width, and their positions (i32) in the plane `H * W`: each
    /// `[N, C, output[0], output[1]]` from `[N, C, H, W]`, or without `N` from `[C, H, W]`.
    ///
    /// # Panics
    /// When the input has other dimensions, or a size is 0.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let device = Device::named("cpu")?;
    /// let x = Tensor::from_slice(&device, &[1.0f32, 2.0, 6.0, 3.0, 4.0, 8.0], &[1, 1, 2, 3])?;
    /// let (y, index) = x.adaptive_max_pool2d([1, 2]);
    /// assert_eq!(y.to_vec::<f32>()?, [4.0, 8.0]);
    /// assert_eq!(index.to_vec::<i32>()?, [4, 5]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn adaptive_max_pool2d(&self, output: [usize; 2]) -> (Tensor, Tensor) {
        self.check_adaptive("adaptive_max_pool2d", &output);
        let (dim, width) = (self.rank() - 2, self.size(-1));
        position("adaptive_max_pool2d", self.size(-2) * width);
        let [rows, columns] = [0, 1].map(|d| Side::new(self.shape()[dim + d], output[d]));
        // Windows of one size, side by side: short ones repeat their last element, and the repetition is never the first maximum.
        let apart = self.picked(dim + 1, &columns.places).picked(dim, &rows.places);
        let kernel = [rows.kernel, columns.kernel];
        let (y, at) = apart.max_pool2d(Pool { kernel, stride: kernel, ..Pool::new(1) });
        let row = |&row: &usize| columns.places.iter().map(move |column| (row * width + column) as i32);
        let places: Vec<i32> = rows.places.iter().flat_map(row).collect();
        let places = Tensor::constant(self.device(), &places, &[places.len()]);
        let index = places.index_select(0, &at.reshape(&[at.numel()])).reshape(at.shape());
        (y, index)
    }

    #[track_caller]
    fn check_adaptive(&self, op: &str, output: &[usize]) {
        let (x, k) = (self.shape(), output.len());
        let fits = (x.len() == k + 1 || x.len() == k + 2) && self.dtype().is_float();
        assert!(fits, "{op}: input {x:?} of type {}", self.dtype());
        let some = x[x.len() - k..].iter().chain(output).all(|&n| n > 0);
        assert!(some, "{op}: input {x:?} to {output:?}");
    }

    /// The means of `m` windows along `dim`.
    #[track_caller]
    pub(super) fn adaptive_mean(&self, dim: usize, m: usize) -> Tensor {
        let n = self.shape()[dim];
        if n == m {
            return self.clone();
        }
        if n.is_multiple_of(m) {
            let mut shape = self.shape().to_vec();
            shape.splice(dim..=dim, [m, n / m]);
            return self.reshape(&shape).mean(&[dim as isize + 1], false);
        }
        let share =
            |(start, len): (usize, usize)| (start..start + len).map(|i| (i, 1.0 / len as f64)).collect();
        self.mixed(dim, windows(n, m).into_iter().map(share).collect())
    }
}

/// The windows along one side of a plane, all extended to the size of the largest.
struct Side {
    kernel: usize,
    /// Source positions of the windows' elements, one window after the other.
    places: Vec<usize>,
}

impl Side {
    fn new(n: usize, m: usize) -> Side {
        let windows = windows(n, m);
        let kernel = windows.iter().map(|w| w.1).max().unwrap_or(1);
        let place = |&(start, len): &(usize, usize)| (0..kernel).map(move |k| start + k.min(len - 1));
        Side { kernel, places: windows.iter().flat_map(place).collect() }
    }
}
