//! Two-dimensional convolution.

use std::fmt;
use std::sync::Arc;

use super::batch_norm::{ChannelMoments, Planes, put_moments};
use super::channel_parts::ChannelParts;
use super::conv2d_cpu::{Engine, Wanted};
use super::conv2d_gpu::{self, Correlate, Gather, Variant, Winograd, correlation, parts};
use super::layer_norm::Moments;
use super::prologue::Prologue;
use super::scratch::ScratchVec;
use crate::tune::{GpuProfile, Variants};
use crate::wgsl::Source;
use crate::{Access, Args, Cost, Half, Kernel, Shader, Target};

/// Geometry of a convolution, as in `torch.nn.functional.conv2d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conv2dShape {
    /// Images, N.
    pub batch: usize,
    /// Channels of the input `[N, C, H, W]`.
    pub in_channels: usize,
    /// Channels of the output; a multiple of `groups`.
    pub out_channels: usize,
    /// Parts into which both kinds of channels are divided; connections stay within a part.
    pub groups: usize,
    /// `[H, W]`
    pub input: [usize; 2],
    /// `[KH, KW]`
    pub kernel: [usize; 2],
    /// Steps of the window, `[vertical, horizontal]` in pixels.
    pub stride: [usize; 2],
    /// Zeros added on both sides, `[vertical, horizontal]` in pixels.
    pub padding: [usize; 2],
    /// Distances between the taps of the window, `[vertical, horizontal]` in pixels.
    pub dilation: [usize; 2],
}

impl Conv2dShape {
    /// `[OH, OW]`, with `OH = (H + 2 padding - dilation (KH - 1) - 1) / stride + 1`.
    pub fn output(&self) -> [usize; 2] {
        [0, 1].map(|d| {
            let reach = self.dilation[d] * (self.kernel[d] - 1) + 1;
            let padded = self.input[d] + 2 * self.padding[d];
            if padded < reach { 0 } else { (padded - reach) / self.stride[d] + 1 }
        })
    }

    /// Multiply-adds of one pass.
    pub fn macs(&self) -> u64 {
        let [oh, ow] = self.output();
        let depth = self.in_channels / self.groups * self.kernel[0] * self.kernel[1];
        (self.batch * self.out_channels * oh * ow) as u64 * depth as u64
    }

    /// The same shape, with pixels as one long row if they are independent (1x1): a long row fills vectors best.
    pub(super) fn flat(&self) -> Conv2dShape {
        let single = self.kernel == [1, 1] && self.stride == [1, 1] && self.padding == [0, 0];
        let input = if single { [1, self.input[0] * self.input[1]] } else { self.input };
        Conv2dShape { input, ..*self }
    }

    /// Elements of x, weight and y.
    pub(crate) fn sizes(&self) -> [usize; 3] {
        let ([h, w], [oh, ow], [kh, kw]) = (self.input, self.output(), self.kernel);
        let weight = self.out_channels * (self.in_channels / self.groups) * kh * kw;
        [self.batch * self.in_channels * h * w, weight, self.batch * self.out_channels * oh * ow]
    }

    /// Work of any of the three passes with these operands: each reads or writes x, the weight and y once.
    pub(super) fn cost(&self, operands: &[&Prologue]) -> Cost {
        let mut cost = Cost { flops: 2 * self.macs(), bytes: 4 * self.sizes().iter().sum::<usize>() as u64 };
        for (operand, (flops, bytes)) in operands.iter().map(|o| (o, o.work())) {
            cost.flops += flops;
            cost.bytes += bytes;
            cost.bytes -= 4 * operand.numel() as u64;
        }
        cost
    }

    /// # Panics
    /// When `x` is not `[N, C, H, W]`.
    pub(super) fn check_input(&self, x: &Prologue) {
        let [h, w] = self.input;
        let want = [self.batch, self.in_channels, h, w];
        assert!(x.shape() == want && x.dtype().is_float(), "input {:?} is not {want:?}", x.shape());
    }

    /// # Panics
    /// When `dy` is not `[N, O, OH, OW]`.
    pub(super) fn check_gradient(&self, dy: &Prologue) {
        let [h, w] = self.output();
        let want = [self.batch, self.out_channels, h, w];
        assert!(dy.shape() == want && dy.dtype().is_float(), "gradient {:?} is not {want:?}", dy.shape());
    }

    /// Sets the constants that all shaders of the family share.
    pub(super) fn set(&self, source: Source) -> Source {
        let mut source = source.set("BATCH", self.batch).set("GROUPS", self.groups);
        let pairs = [
            ("KERNEL", self.kernel),
            ("STRIDE", self.stride),
            ("PADDING", self.padding),
            ("DILATION", self.dilation),
        ];
        for (name, [h, w]) in pairs {
            source = source.set(&format!("{name}_H"), h).set(&format!("{name}_W"), w);
        }
        source
    }
}

/// `[128, 16, 32, 32] to 32, 3x3, stride 2`; groups and dilation where they are not 1.
impl fmt::Display for Conv2dShape {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let ([h, w], [kh, kw]) = (self.input, self.kernel);
        write!(f, "[{}, {}, {h}, {w}] to {}, {kh}x{kw}", self.batch, self.in_channels, self.out_channels)?;
        for (name, [y, x]) in [("stride", self.stride), ("dilation", self.dilation)] {
            match (y, x) {
                (1, 1) => {}
                _ if x == y => write!(f, ", {name} {x}")?,
                _ => write!(f, ", {name} {y}x{x}")?,
            }
        }
        if self.groups > 1 { write!(f, ", {} groups", self.groups) } else { Ok(()) }
    }
}

/// `y[n, o, p, q] = sum over c, i, j of weight[o, c, i, j] * x[n, c, p * stride + i * dilation - padding, ..]`, where
/// `c` are the channels of the group of `o` and `x` is 0 outside.
///
/// Arguments: the inputs of `x [N, C, H, W]`, `weight [O, C / groups, KH, KW]`, and the output `y [N, O, OH, OW]`.
#[derive(Clone, Debug)]
pub struct Conv2d {
    shape: Conv2dShape,
    x: Prologue,
    /// How a GPU computes it.
    variant: Variant,
    /// How the CPU computes it.
    engine: Engine,
    /// Whether mean and variance of every channel follow the output.
    moments: bool,
    /// Outputs are rounded to halves of this type before the moments are computed.
    rounded: Option<Half>,
    /// If the values of both operands are f16: whether they are stored so.
    halves: Option<[bool; 2]>,
}

impl Conv2d {
    /// # Panics
    /// When `x` is not `[N, C, H, W]`.
    pub fn new(shape: Conv2dShape, x: Prologue) -> Conv2d {
        shape.check_input(&x);
        let engine = Engine::forward(&shape);
        Conv2d { shape, x, variant: Variant::default(), engine, moments: false, rounded: None, halves: None }
    }

    /// The convolution with the outputs of `moments` after its own, bit-identical to a launch of `moments` over its output, packed if `moments`
    /// unpacks it. `None` if the shapes differ, or if the CPU can't compute the moments of a plane while it is in the cache.
    pub fn with_moments(&self, moments: &ChannelMoments) -> Option<Conv2d> {
        let planes = self.planes();
        let same = [moments.batch, moments.channels, moments.spatial]
            == [planes.batch, planes.channels, planes.spatial];
        let pays = !self.moments && self.engine.whole_planes() && planes.columns().is_none();
        let rounded = moments.x.packed();
        let reads = moments.x.is_plain() || rounded.is_some();
        (same && reads && pays).then(|| Conv2d { moments: true, rounded, ..self.clone() })
    }

    fn gather(&self) -> Gather {
        Gather::new(&self.shape, false, self.variant == Variant::Rows)
    }

    fn planes(&self) -> Planes {
        let [height, width] = self.shape.output();
        Planes { batch: self.shape.batch, channels: self.shape.out_channels, spatial: height * width }
    }
}

impl Kernel for Conv2d {
    fn name(&self) -> &'static str {
        if self.moments { "conv2d_moments" } else { "conv2d" }
    }

    fn shape(&self) -> String {
        self.shape.to_string()
    }

    fn access(&self) -> Vec<Access> {
        let outputs = if self.moments { 3 } else { 1 };
        self.x.access().chain([Access::Read]).chain(std::iter::repeat_n(Access::Write, outputs)).collect()
    }

    fn scratch(&self, target: Target) -> usize {
        match target {
            Target::Cpu => self.engine.packed() * 4,
            Target::Gpu => {
                4 * match self.variant {
                    Variant::Subgroup(tile) => Correlate::forward(&self.shape, &self.x, tile).packed(),
                    Variant::Winograd(tiles) => Winograd::new(&self.shape, false, tiles).scratch(),
                    Variant::Direct | Variant::Shared(_) | Variant::Rows => 0,
                }
            }
        }
    }

    fn shaders(&self) -> Vec<Shader> {
        match self.variant {
            Variant::Direct | Variant::Rows => self.gather().shaders(&self.x),
            Variant::Subgroup(tile) => Correlate::forward(&self.shape, &self.x, tile).shaders(),
            Variant::Winograd(tiles) => Winograd::new(&self.shape, false, tiles).shaders(&self.x, tiles),
            Variant::Shared(tile) => correlation(&self.shape, &self.x, false, tile),
        }
    }

    fn emits(&self) -> bool {
        let gathers = matches!(self.variant, Variant::Direct | Variant::Rows);
        self.shape.macs() > 0 && (!gathers || self.gather().whole())
    }

    fn parts(&self) -> Option<ChannelParts> {
        if !self.emits() {
            return None;
        }
        match self.variant {
            Variant::Direct | Variant::Rows => Some(self.gather().parts()),
            Variant::Shared(tile) => Some(parts(&self.shape, false, tile)),
            Variant::Subgroup(_) | Variant::Winograd(_) => None,
        }
    }

    fn operand_elements(&self) -> usize {
        self.x.numel()
    }

    fn variants(&self, gpu: &GpuProfile) -> Option<Variants> {
        let variants = conv2d_gpu::correlations(&self.shape, false, self.halves, gpu);
        let make = |variant| Conv2d { variant, ..self.clone() };
        Some(conv2d_gpu::offer(self.name(), &self.shape, &[&self.x], variants, make))
    }

    fn of_halves(&self, f16: &[Option<bool>]) -> Option<Arc<dyn Kernel>> {
        let halves = self.x.is_plain().then_some([f16[0]?, f16[1]?])?;
        Some(Arc::new(Conv2d { halves: Some(halves), ..self.clone() }))
    }

    fn run(&self, args: &Args) {
        if !self.moments {
            return self.engine.run(&self.x, args, None);
        }
        let planes = self.planes();
        let mut moments = ScratchVec::filled(Moments::default(), planes.batch * planes.channels);
        self.engine.run(&self.x, args, Some(Wanted { moments: &mut moments, rounded: self.rounded }));
        let first = self.x.arity() + 2;
        put_moments(&planes.merged(&moments), args.write(first), args.write(first + 1));
    }

    fn cost(&self) -> Cost {
        self.shape.cost(&[&self.x])
    }
}
