//! Resizing images and sequences, one dimension after the other.

use super::gather::position;
use crate::Tensor;

/// How values between elements are computed. Coordinates are those of the elements' centres; with `align_corners` the first and the
/// last element keep their positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interpolation {
    /// The element at `floor(i n / m)`.
    Nearest,
    /// The element whose centre is nearest.
    NearestExact,
    /// Between two elements: linear, bilinear or trilinear.
    Linear {
        /// Whether the first and the last element keep their positions.
        align_corners: bool,
    },
    /// By cubic convolution over four elements (Keys 1981, with `a = -0.75`).
    Cubic {
        /// Whether the first and the last element keep their positions.
        align_corners: bool,
    },
    /// The mean over the area that an element covers, as adaptive average pooling.
    Area,
}

/// The new sizes, or factors that the sizes are multiplied by and rounded down. A single value is used for all dimensions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Resize<'a> {
    /// Sizes of the dimensions behind the second.
    To(&'a [usize]),
    /// Factors of these sizes.
    By(&'a [f64]),
}

impl Tensor {
    /// Resizes all dimensions but the first two (one to three) of `self [N, C, ..]`, as `torch.nn.functional.interpolate`. Coordinates
    /// are computed from the factors if given, and from the sizes otherwise.
    ///
    /// # Panics
    /// When there are fewer or more dimensions, the number of sizes differs from theirs, or a size is 0.
    ///
    /// ```
    /// # use autograd::{Device, Interpolation, Resize, Tensor};
    /// let device = Device::named("cpu")?;
    /// let x = Tensor::from_slice(&device, &[1.0f32, 3.0], &[1, 1, 2])?;
    /// let y = x.interpolate(Resize::By(&[2.0]), Interpolation::Nearest);
    /// assert_eq!(y.to_vec::<f32>()?, [1.0, 1.0, 3.0, 3.0]);
    /// let y = x.interpolate(Resize::To(&[4]), Interpolation::Linear { align_corners: false });
    /// assert_eq!(y.to_vec::<f32>()?, [1.0, 1.5, 2.5, 3.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[doc(alias = "Upsample")]
    #[track_caller]
    pub fn interpolate(&self, to: Resize, mode: Interpolation) -> Tensor {
        let x = self.shape();
        assert!((3..=5).contains(&x.len()), "interpolate: input {x:?}, not [N, C, ..] with 1 to 3 more");
        self.expect_float("interpolate");
        let dims = x.len() - 2;
        let given = match to {
            Resize::To(sizes) => sizes.len(),
            Resize::By(factors) => factors.len(),
        };
        assert!(given == 1 || given == dims, "interpolate: {to:?} for input {x:?}");
        let mut y = self.clone();
        for d in 0..dims {
            let (n, at) = (x[d + 2], if given == 1 { 0 } else { d });
            let (m, step) = match to {
                Resize::To(sizes) => (sizes[at], n as f64 / sizes[at] as f64),
                Resize::By(factors) => ((n as f64 * factors[at]) as usize, 1.0 / factors[at]),
            };
            assert!(n > 0 && m > 0, "interpolate: {to:?} for input {x:?}");
            y = y.resized(d + 2, &Grid { n, m, step }, mode);
        }
        y
    }

    #[track_caller]
    fn resized(&self, dim: usize, grid: &Grid, mode: Interpolation) -> Tensor {
        match mode {
            Interpolation::Nearest => self.picked(dim, &grid.nearest(0.0)),
            Interpolation::NearestExact => self.picked(dim, &grid.nearest(0.5)),
            Interpolation::Linear { align_corners } => self.mixed(dim, grid.weights(align_corners, linear)),
            Interpolation::Cubic { align_corners } => self.mixed(dim, grid.weights(align_corners, cubic)),
            Interpolation::Area => self.adaptive_mean(dim, grid.m),
        }
    }

    /// The elements at the positions `places` along `dim`.
    #[track_caller]
    pub(super) fn picked(&self, dim: usize, places: &[usize]) -> Tensor {
        let n = self.shape()[dim];
        position("interpolate", n);
        let times = places.len() / n;
        if times > 0 && places.iter().copied().eq((0..n * times).map(|i| i / times)) {
            return if times == 1 { self.clone() } else { self.repeat_interleave(times, dim as isize) };
        }
        let places: Vec<i32> = places.iter().map(|&i| i as i32).collect();
        self.index_select(dim as isize, &Tensor::constant(self.device(), &places, &[places.len()]))
    }

    /// Weighted sums of elements along `dim`, each given as positions and weights, computed as a product with a small matrix.
    #[track_caller]
    pub(super) fn mixed(&self, dim: usize, sums: Vec<Vec<(usize, f64)>>) -> Tensor {
        let (n, m) = (self.shape()[dim], sums.len());
        let (outer, inner) = (self.shape()[..dim].iter().product(), self.shape()[dim + 1..].iter().product());
        let mut matrix = vec![0f64; m * n];
        for (row, sum) in matrix.chunks_exact_mut(n).zip(sums) {
            sum.into_iter().for_each(|(at, weight)| row[at] += weight);
        }
        if n == m && (0..n).all(|i| matrix[i * n + i] == 1.0) {
            return self.clone();
        }
        let matrix: Vec<f32> = matrix.into_iter().map(|w| w as f32).collect();
        let matrix = Tensor::constant(self.device(), &matrix, &[m, n]);
        let y = if inner == 1 {
            self.reshape(&[outer, n]).matmul(&matrix.t())
        } else {
            matrix.matmul(&self.reshape(&[outer, n, inner]))
        };
        let mut shape = self.shape().to_vec();
        shape[dim] = m;
        y.reshape(&shape)
    }
}

/// `m` output elements from `n`, at coordinates `step` apart.
struct Grid {
    n: usize,
    m: usize,
    step: f64,
}

impl Grid {
    fn nearest(&self, shift: f64) -> Vec<usize> {
        // Rounded to single precision, which hides rounding errors just below an integer.
        let place = |i: usize| ((i as f64 + shift) * self.step) as f32 as usize;
        (0..self.m).map(|i| place(i).min(self.n - 1)).collect()
    }

    /// Positions and weights of every output element; `kernel` gets its coordinate. Positions beyond the edges are moved to the edges.
    fn weights(
        &self,
        align_corners: bool,
        kernel: impl Fn(f64) -> Vec<(isize, f64)>,
    ) -> Vec<Vec<(usize, f64)>> {
        let last = self.n as isize - 1;
        let at = |i: usize| match align_corners {
            true => i as f64 * last as f64 / (self.m.max(2) - 1) as f64,
            false => (i as f64 + 0.5) * self.step - 0.5,
        };
        let inside = |(place, weight): (isize, f64)| (place.clamp(0, last) as usize, weight);
        (0..self.m).map(|i| kernel(at(i)).into_iter().map(inside).collect()).collect()
    }
}

fn linear(x: f64) -> Vec<(isize, f64)> {
    let (low, t) = (x.floor() as isize, x - x.floor());
    vec![(low, 1.0 - t), (low + 1, t)]
}

fn cubic(x: f64) -> Vec<(isize, f64)> {
    const A: f64 = -0.75;
    let near = |d: f64| ((A + 2.0) * d - (A + 3.0)) * d * d + 1.0;
    let far = |d: f64| ((A * d - 5.0 * A) * d + 8.0 * A) * d - 4.0 * A;
    let (low, t) = (x.floor() as isize, x - x.floor());
    vec![(low - 1, far(t + 1.0)), (low, near(t)), (low + 1, near(1.0 - t)), (low + 2, far(2.0 - t))]
}
