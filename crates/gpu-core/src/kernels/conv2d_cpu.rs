//! The CPU engines of the convolution and its gradients.
//!
//! 3x3 kernels of stride 1 between many channels use Winograd's algorithm (`winograd.rs`). For all others, both the
//! convolution and its input gradient are a register-tiled correlation over zero-padded planes,
//! `y[m, p] = sum over k of w[m, k] * source[offset[k] + position[p]]`, with `k` = (input channel, tap). The source is a padded
//! copy of an image in which stepping one output pixel is stepping one float: strides are removed by keeping one plane for
//! every remainder of the padded coordinate. So a vector of output pixels is one load, no im2col matrix is written, and the
//! accumulators stay in registers over the whole sum. Where rows are no multiple of a vector, the pixels of a tile are
//! gathered into a small panel first.

mod correlation;
mod planes;
mod tile;
mod weight_grad;
mod winograd;

use std::cell::RefCell;
use std::ops::Range;

use correlation::Correlation;
pub(super) use planes::{Grid, Planes as PaddedPlanes, forward_grid};
use weight_grad::WeightGrad;
use winograd::{Winograd, WinogradWeightGrad};

use super::Conv2dShape;
use super::batch_norm::Planes;
use super::layer_norm::Moments;
use super::prologue::Prologue;
use crate::{Args, Half};

/// The convolution or its input gradient, by the better of two algorithms.
#[derive(Clone, Debug)]
pub(super) enum Engine {
    Direct(Correlation),
    Winograd(Winograd),
}

impl Engine {
    pub fn forward(shape: &Conv2dShape) -> Engine {
        let direct = || Engine::Direct(Correlation::forward(shape));
        Winograd::forward(shape).map_or_else(direct, Engine::Winograd)
    }

    pub fn input_grad(shape: &Conv2dShape) -> Engine {
        let direct = || Engine::Direct(Correlation::input_grad(shape));
        Winograd::input_grad(shape).map_or_else(direct, Engine::Winograd)
    }

    /// Floats of the packed weights.
    pub fn packed(&self) -> usize {
        match self {
            Engine::Direct(it) => it.packed(),
            Engine::Winograd(it) => it.packed(),
        }
    }

    /// Arguments: the inputs of the source of all images, the weights, the output, and as the last one scratch memory for the
    /// packed weights. If `moments` is given, the moments of every output plane are computed while the plane is in the cache.
    pub fn run(&self, source: &Prologue, args: &Args, moments: Option<Wanted>) {
        match self {
            Engine::Direct(it) => it.run(source, args, moments),
            Engine::Winograd(it) => it.run(source, args, moments),
        }
    }

    /// Whether tasks compute whole planes of the output.
    pub fn whole_planes(&self) -> bool {
        match self {
            Engine::Direct(_) => true,
            Engine::Winograd(it) => it.whole_planes(),
        }
    }
}

/// The weight gradient, by the better of two algorithms.
#[derive(Clone, Debug)]
pub(super) enum WeightGradEngine {
    Direct(WeightGrad),
    Winograd(WinogradWeightGrad),
}

impl WeightGradEngine {
    pub fn new(shape: &Conv2dShape) -> WeightGradEngine {
        let direct = || WeightGradEngine::Direct(WeightGrad::new(shape));
        WinogradWeightGrad::new(shape).map_or_else(direct, WeightGradEngine::Winograd)
    }

    /// Floats of the partial sums.
    pub fn partials(&self) -> usize {
        match self {
            WeightGradEngine::Direct(it) => it.partials(),
            WeightGradEngine::Winograd(it) => it.partials(),
        }
    }

    /// Arguments: the inputs of `x`, those of `dy`, the weight gradient, scratch memory for the partial sums.
    pub fn run(&self, x: &Prologue, dy: &Prologue, args: &Args) {
        match self {
            WeightGradEngine::Direct(it) => it.run(x, dy, args),
            WeightGradEngine::Winograd(it) => it.run(x, dy, args),
        }
    }
}

/// Floats of the widest vector.
const LANES: usize = 16;
/// Floats after a buffer that vectors may read or overwrite.
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

/// Moments that are wanted beside the output.
pub struct Wanted<'a> {
    /// One entry per plane `[image][channel]` of the output.
    pub moments: &'a mut [Moments],
    /// Outputs are rounded to halves of this type before.
    pub rounded: Option<Half>,
}

/// Planes of an output, whose moments tasks compute right after the planes.
#[derive(Clone, Copy)]
struct PlaneMoments {
    output: Shared,
    moments: *mut Moments,
    rounded: Option<Half>,
    pixels: usize,
    channels: usize,
}
// SAFETY: tasks write disjoint elements.
unsafe impl Send for PlaneMoments {}
unsafe impl Sync for PlaneMoments {}

impl PlaneMoments {
    fn new(output: Shared, wanted: Option<Wanted>, pixels: usize, channels: usize) -> Option<PlaneMoments> {
        wanted.map(|Wanted { moments, rounded }| PlaneMoments {
            output,
            moments: moments.as_mut_ptr(),
            rounded,
            pixels,
            channels,
        })
    }

    /// # Safety
    /// The planes exist, and this task has computed them.
    unsafe fn take(&self, images: Range<usize>, channels: Range<usize>) {
        for plane in images.flat_map(|n| channels.clone().map(move |c| n * self.channels + c)) {
            // SAFETY: by the caller.
            unsafe {
                let first = self.output.get().add(plane * self.pixels);
                let values = std::slice::from_raw_parts_mut(first, self.pixels);
                if let Some(half) = self.rounded {
                    half.round_in_place(bytemuck::cast_slice_mut(values));
                }
                *self.moments.add(plane) = Planes::plane(values);
            }
        }
    }
}

thread_local! {
    static BUFFERS: RefCell<[Vec<f32>; 3]> = const { RefCell::new([vec![], vec![], vec![]]) };
}

/// Calls `f` with this thread's three buffers, of at least `sizes` floats and some slack. (Outside of the vectorised
/// code: a closure that passes through `std` is compiled for the baseline processor.)
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
