//! The CPU engine of the convolution and its input gradient: a register-tiled correlation over zero-padded planes.
//!
//! Both passes are `y[m, p] = sum over k of w[m, k] * source[offset[k] + position[p]]`, with `k` = (input channel, tap).
//! The source is a padded copy of an image in which stepping one output pixel is stepping one float: strides are
//! removed by keeping one plane for every remainder of the padded coordinate. So a vector of output pixels is one
//! load, no im2col matrix is written, and the accumulators stay in registers over the whole sum. Where rows are no
//! multiple of a vector, the pixels of a tile are gathered into a small panel first.

mod correlation;
mod planes;
mod tile;
mod weight_grad;

use std::cell::RefCell;

pub(super) use correlation::Correlation;
pub(super) use weight_grad::WeightGrad;

/// Floats of the widest vector.
const LANES: usize = 16;
/// Floats after a buffer that vectors may read or write over.
const SLACK: usize = 8 * LANES;
/// Pixels of the largest tile.
const TILE: usize = 8 * LANES;

#[derive(Clone, Copy)]
struct Shared(*mut f32);
// SAFETY: tasks write disjoint elements.
unsafe impl Send for Shared {}
unsafe impl Sync for Shared {}

impl Shared {
    #[inline(always)]
    fn get(self) -> *mut f32 {
        self.0
    }
}

thread_local! {
    static BUFFERS: RefCell<[Vec<f32>; 3]> = const { RefCell::new([vec![], vec![], vec![]]) };
}

/// Lends this thread's three buffers, of at least `sizes` floats and some slack. (Outside of the vectorised code: a
/// closure that passes through `std` is compiled for the baseline processor.)
fn with_buffers(sizes: [usize; 3], f: impl FnOnce([&mut [f32]; 3])) {
    BUFFERS.with_borrow_mut(|buffers| {
        for (buffer, size) in buffers.iter_mut().zip(sizes) {
            if buffer.len() < size + SLACK {
                buffer.resize(size + SLACK, 0.0);
            }
        }
        f(buffers.each_mut().map(Vec::as_mut_slice));
    });
}
