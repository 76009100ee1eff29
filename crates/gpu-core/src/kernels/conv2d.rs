//! Two-dimensional convolution.

use std::fmt;

use super::batch_norm::{ChannelMoments, Planes, put_moments};
use super::channel_parts::{By, ChannelParts};
use super::conv2d_cpu::Engine;
use super::conv2d_gpu::{self, Correlate, Variant, Winograd, correlation, parts};
use super::epilogue::plain_result;
use super::layer_norm::Moments;
use super::prologue::{Prologue, with_math};
use super::scratch::ScratchVec;
use crate::tune::{GpuProfile, Variants};
use crate::wgsl::{Source, wgsl};
use crate::{Access, Args, Cost, Kernel, Shader, Target};

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
}

impl Conv2d {
    /// # Panics
    /// When `x` is not `[N, C, H, W]`.
    pub fn new(shape: Conv2dShape, x: Prologue) -> Conv2d {
        shape.check_input(&x);
        Conv2d { shape, x, variant: Variant::default(), engine: Engine::forward(&shape), moments: false }
    }

    /// The convolution with the outputs of `moments` after its own, bit-identical to a launch of `moments` over its output. `None` if the
    /// shapes differ, or if the CPU can't compute the moments of a plane while it is in the cache.
    pub fn with_moments(&self, moments: &ChannelMoments) -> Option<Conv2d> {
        let planes = self.planes();
        let same = [moments.batch, moments.channels, moments.spatial]
            == [planes.batch, planes.channels, planes.spatial];
        let pays = !self.moments && self.engine.whole_planes() && planes.columns().is_none();
        (same && moments.x.is_plain() && pays).then(|| Conv2d { moments: true, ..self.clone() })
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
            Variant::Direct | Variant::Rows => Gather::forward(&self.shape).shaders(&self.x),
            Variant::Subgroup(tile) => Correlate::forward(&self.shape, &self.x, tile).shaders(),
            Variant::Winograd(tiles) => Winograd::new(&self.shape, false, tiles).shaders(&self.x, tiles),
            Variant::Shared(tile) => correlation(&self.shape, &self.x, false, tile),
        }
    }

    fn emits(&self) -> bool {
        self.shape.macs() > 0 && (self.variant != Variant::Direct || Gather::forward(&self.shape).whole())
    }

    fn parts(&self) -> Option<ChannelParts> {
        if !self.emits() {
            return None;
        }
        match self.variant {
            Variant::Direct => Some(Gather::forward(&self.shape).parts()),
            Variant::Shared(tile) => Some(parts(&self.shape, false, tile)),
            Variant::Subgroup(_) | Variant::Rows | Variant::Winograd(_) => None,
        }
    }

    fn operand_elements(&self) -> usize {
        self.x.numel()
    }

    fn variants(&self, gpu: &GpuProfile) -> Option<Variants> {
        let variants = conv2d_gpu::correlations(&self.shape, false, gpu);
        let make = |variant| Conv2d { variant, ..self.clone() };
        Some(conv2d_gpu::offer(self.name(), &self.shape, &[&self.x], variants, make))
    }

    fn run(&self, args: &Args) {
        if !self.moments {
            return self.engine.run(&self.x, args, None);
        }
        let planes = self.planes();
        let mut moments = ScratchVec::filled(Moments::default(), planes.batch * planes.channels);
        self.engine.run(&self.x, args, Some(&mut moments));
        let first = self.x.arity() + 2;
        put_moments(&planes.merged(&moments), args.write(first), args.write(first + 1));
    }

    fn cost(&self) -> Cost {
        self.shape.cost(&[&self.x])
    }
}

/// Iterations of all loops of an invocation stay well below 65,535, where some drivers stop.
const ITERATIONS: usize = 16_384;
/// Vectors of weights in workgroup memory: few enough that registers, not memory, limit the number of concurrent workgroups.
const STAGED: usize = 256;

/// The convolution or its input gradient, in the terms of `conv2d.wgsl`.
pub(super) struct Gather {
    shape: Conv2dShape,
    transposed: bool,
    /// Channels per group of the source and the output.
    inner: usize,
    outer: usize,
    source: [usize; 2],
    output: [usize; 2],
}

impl Gather {
    pub fn forward(shape: &Conv2dShape) -> Gather {
        let (inner, outer) = (shape.in_channels / shape.groups, shape.out_channels / shape.groups);
        let (source, output) = (shape.input, shape.output());
        Gather { shape: *shape, transposed: false, inner, outer, source, output }
    }

    pub fn input_grad(shape: &Conv2dShape) -> Gather {
        let (inner, outer) = (shape.out_channels / shape.groups, shape.in_channels / shape.groups);
        let (source, output) = (shape.output(), shape.input);
        Gather { shape: *shape, transposed: true, inner, outer, source, output }
    }

    /// Output channels of an invocation.
    fn block(&self) -> usize {
        if self.outer > 4 { 8 } else { 4 }
    }

    fn blocks(&self) -> usize {
        self.outer.div_ceil(self.block())
    }

    fn area(&self) -> usize {
        self.shape.kernel[0] * self.shape.kernel[1]
    }

    /// Source channels and taps whose weights are staged together: as many channels as fit, in runs of equal size, then as many taps.
    fn staged(&self) -> [usize; 2] {
        let (channels, unroll) = self.step();
        let (most, inner) = (STAGED / (self.block() / 4), self.inner.min(channels).max(1));
        let channels = inner.div_ceil(inner.div_ceil(most)).next_multiple_of(unroll);
        let taps = (1..=most / channels).rev().find(|&taps| self.area().is_multiple_of(taps));
        [channels, taps.unwrap_or(1)]
    }

    /// Source channels of a dispatch, and how many of them (4, 2 or 1) an iteration adds up.
    fn step(&self) -> (usize, usize) {
        let unroll = [4, 2, 1].into_iter().find(|u| self.inner.is_multiple_of(*u)).unwrap_or(1);
        ((ITERATIONS / self.area().max(1)).max(1) * unroll, unroll)
    }

    /// How the workgroups divide the output.
    pub fn parts(&self) -> ChannelParts {
        ChannelParts {
            batch: self.shape.batch,
            channels: self.outer * self.shape.groups,
            output: self.output,
            phases: if self.transposed { self.shape.stride } else { [1, 1] },
            by: By::Block { rows: self.block().min(self.outer) },
        }
    }

    /// Whether one dispatch adds up all channels.
    pub fn whole(&self) -> bool {
        self.inner <= self.step().0
    }

    /// One dispatch for every run of source channels that fits the iterations.
    ///
    /// # Panics
    /// When the kernel has more than 16,384 elements.
    pub fn shaders(&self, source: &Prologue) -> Vec<Shader> {
        assert!(self.area() <= ITERATIONS, "a kernel of {:?} is too large", self.shape.kernel);
        let (channels, unroll) = self.step();
        let first = (0..self.inner).step_by(channels);
        first.map(|c| self.main(source, c, (c + channels).min(self.inner), unroll)).collect()
    }

    fn main(&self, operand: &Prologue, first: usize, last: usize, unroll: usize) -> Shader {
        let shape = &self.shape;
        let parts = self.parts();
        let (phases, tiles) = (parts.phases, parts.tiles());
        let mut source = Source::new(wgsl!("conv2d")).set("TRANSPOSED", self.transposed);
        let pairs =
            [("SOURCE", self.source), ("OUT", self.output), ("PHASES", phases), ("GRID", parts.grid())];
        for (name, [h, w]) in pairs {
            source = source.set(&format!("{name}_H"), h).set(&format!("{name}_W"), w);
        }
        source = shape.set(source).set("INNER", self.inner).set("OUTER", self.outer);
        source = source.set("TILES", tiles).set("BLOCKS", self.blocks()).set("BLOCK", self.block());
        source = source.set("FIRST", first).set("LAST", last).set("UNROLL", unroll);
        let (area, [channels, taps]) = (self.area(), self.staged());
        let strides = if self.transposed { [area, self.outer * area] } else { [self.inner * area, area] };
        source = source.set("STRIDE_OUT", strides[0]).set("STRIDE_IN", strides[1]);
        source = source.set("CHANNELS", channels).set("TAPS", taps);
        source = source.set("STAGED", channels * taps * (self.block() / 4));
        let bindings = format!(
            "@group(0) @binding({}) var<storage, read> weight: array<f32>;\n{}",
            operand.arity(),
            operand.wgsl("x", 0, 1)
        );
        let width = if parts.quads() { 4 } else { 1 };
        let result = plain_result(operand.arity() + 1, "f32", width);
        // Adds to the results of earlier dispatches.
        let result = if first > 0 { result.replace("] =", "] +=") } else { result };
        let mut source =
            self.body(source, unroll).block("bindings", bindings.trim_end()).block("results", &result);
        if width == 4 {
            source = source.block(
                "put",
                "    if (live.x) {\n        return emit4(at.x, value);\n    }\n    return vec4<f32>();",
            );
        }
        let source = with_math(source, &[operand]).finish();
        Shader::linear(source, tiles * phases[0] * phases[1] * self.blocks() * shape.groups, 1)
            .emitting(width)
    }

    /// The lines for the accumulators of the block: as many as there are output channels.
    fn body(&self, source: Source, unroll: usize) -> Source {
        let used = self.block().min(self.outer);
        let clear: String = (0..used).map(|r| format!("    var a{r} = vec4<f32>();\n")).collect();
        let mut body = String::new();
        for u in 0..unroll {
            body += &format!("                    let v{u} = select(vec4<f32>(), load4(at), live);\n");
            for v in 0..self.block() / 4 {
                body += &format!("                    let w{u}_{v} = staged[w + {v}u];\n");
            }
            for r in 0..used {
                let lane = ["x", "y", "z", "w"][r % 4];
                body += &format!("                    a{r} += w{u}_{}.{lane} * v{u};\n", r / 4);
            }
            body += "                    at += vec4<u32>(u32(SOURCE_H * SOURCE_W));\n";
            body += "                    w += BLOCK / 4u;\n";
        }
        let put = |r: usize| {
            let live = if r == 0 { "live".to_owned() } else { format!("live & vec4<bool>({r}u < rows)") };
            format!("    let stored{r} = put(to + {r}u * area, {live}, a{r});\n")
        };
        let store: String = (0..used).map(put).collect();
        let trim = |text: String| text.trim_end().to_owned();
        source.block("clear", &trim(clear)).block("body", &trim(body)).block("store", &trim(store))
    }
}
