//! The geometry of pooling windows.

use crate::Tensor;

/// Windows over the last `D` dimensions, with torch's defaults: stride equal to the kernel, no padding or dilation, sizes
/// rounded down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool<const D: usize> {
    /// Elements that a window covers along each dimension.
    pub kernel: [usize; D],
    /// Distance between windows, in elements.
    pub stride: [usize; D],
    /// Elements added before and after each dimension: minus infinity for maxima, 0 for means.
    pub padding: [usize; D],
    /// Distance between the elements of a window; 1 in average pooling.
    pub dilation: [usize; D],
    /// Whether windows may extend beyond the end.
    pub ceil_mode: bool,
}

/// Windows over the length of `[N, C, L]`.
pub type Pool1d = Pool<1>;
/// Windows over height and width of `[N, C, H, W]`.
pub type Pool2d = Pool<2>;
/// Windows over depth, height and width of `[N, C, D, H, W]`.
pub type Pool3d = Pool<3>;

impl<const D: usize> Pool<D> {
    /// Windows of `size` in every dimension, side by side.
    pub fn new(size: usize) -> Pool<D> {
        Pool { kernel: [size; D], stride: [size; D], padding: [0; D], dilation: [1; D], ceil_mode: false }
    }

    /// How many windows there are along each dimension.
    ///
    /// # Panics
    /// When `x` is not a float tensor `[N, C, ..]` with `D` dimensions more, or the windows do not fit.
    #[track_caller]
    pub(super) fn output(&self, op: &str, x: &Tensor) -> [usize; D] {
        let axes = ["D", "H", "W"];
        let axes = if D == 1 { "L".to_owned() } else { axes[3 - D..].join(", ") };
        let fits = x.rank() == D + 2 && x.dtype().is_float();
        assert!(fits, "{op}: input {:?} of type {}, not [N, C, {axes}]", x.shape(), x.dtype());
        let mut output = [0; D];
        for (d, output) in output.iter_mut().enumerate() {
            let (n, k, s, p) = (x.shape()[d + 2], self.kernel[d], self.stride[d], self.padding[d]);
            assert!(k > 0 && s > 0 && self.dilation[d] > 0, "{op}: {self:?}");
            assert!(2 * p <= k, "{op}: padding {p} is more than half of the kernel {k}");
            let (reach, padded) = (self.dilation[d] * (k - 1) + 1, n + 2 * p);
            assert!(
                reach <= padded || self.ceil_mode,
                "{op}: the window covers {reach}, the padded input has {padded}"
            );
            let room = padded.saturating_sub(reach);
            let count = if self.ceil_mode { room.div_ceil(s) } else { room / s } + 1;
            // A window that starts in the padding after the input is dropped.
            *output = if self.ceil_mode && (count - 1) * s >= n + p { count - 1 } else { count };
        }
        output
    }

    /// The windows on planes whose sides are the given dimensions; `None` is a side with windows of size 1.
    pub(super) fn planes(&self, sides: [Option<usize>; 2]) -> Pool2d {
        let of = |sizes: [usize; D], none: usize| sides.map(|side| side.map_or(none, |d| sizes[d]));
        Pool {
            kernel: of(self.kernel, 1),
            stride: of(self.stride, 1),
            padding: of(self.padding, 0),
            dilation: of(self.dilation, 1),
            ceil_mode: self.ceil_mode,
        }
    }
}
