//! Gradients of the two-dimensional convolution.

use std::sync::Arc;

use super::channel_parts::ChannelParts;
use super::conv2d::Conv2dShape;
use super::conv2d_cpu::{Engine, WeightGradEngine};
use super::conv2d_gpu::{
    self, Correlate, Gather, RowWeightGrad, Variant, WeightGradProduct, WeightGradTiles, Winograd,
    correlation, parts,
};
use super::partial_sums::PartialSum;
use super::prologue::{Prologue, with_math};
use crate::tune::{GpuProfile, Variants};
use crate::wgsl::{Source, wgsl};
use crate::{Access, Args, Cost, Kernel, Shader, Target};

/// `dx[n, c, h, w] = sum of weight[o, c, i, j] * dy[n, o, p, q]` over all `o, i, j, p, q` with
/// `h = p * stride + i * dilation - padding` (and `w` likewise); 0 where there are none.
///
/// Arguments: the inputs of `dy [N, O, OH, OW]`, `weight [O, C / groups, KH, KW]`, and the output `dx [N, C, H, W]`. This
/// is also the transposed convolution of `dy`.
#[derive(Clone, Debug)]
pub struct Conv2dInputGrad {
    shape: Conv2dShape,
    dy: Prologue,
    /// How a GPU computes it.
    variant: Variant,
    /// How the CPU computes it.
    engine: Engine,
    /// If the values of both operands are f16: whether they are stored so.
    halves: Option<[bool; 2]>,
}

impl Conv2dInputGrad {
    /// # Panics
    /// When `dy` is not `[N, O, OH, OW]`.
    pub fn new(shape: Conv2dShape, dy: Prologue) -> Conv2dInputGrad {
        shape.check_gradient(&dy);
        let engine = Engine::input_grad(&shape);
        Conv2dInputGrad { shape, dy, variant: Variant::default(), engine, halves: None }
    }

    fn gather(&self) -> Gather {
        Gather::new(&self.shape, true, self.variant == Variant::Rows)
    }
}

impl Kernel for Conv2dInputGrad {
    fn name(&self) -> &'static str {
        "conv2d_input_grad"
    }

    fn shape(&self) -> String {
        self.shape.to_string()
    }

    fn access(&self) -> Vec<Access> {
        self.dy.access().chain([Access::Read, Access::Write]).collect()
    }

    fn scratch(&self, target: Target) -> usize {
        match target {
            Target::Cpu => self.engine.packed() * 4,
            Target::Gpu => {
                4 * match self.variant {
                    Variant::Subgroup(tile) => Correlate::input_grad(&self.shape, &self.dy, tile).packed(),
                    Variant::Winograd(tiles) => Winograd::new(&self.shape, true, tiles).scratch(),
                    Variant::Direct | Variant::Shared(_) | Variant::Rows => 0,
                }
            }
        }
    }

    fn shaders(&self) -> Vec<Shader> {
        match self.variant {
            Variant::Direct | Variant::Rows => self.gather().shaders(&self.dy),
            Variant::Subgroup(tile) => Correlate::input_grad(&self.shape, &self.dy, tile).shaders(),
            Variant::Winograd(tiles) => Winograd::new(&self.shape, true, tiles).shaders(&self.dy, tiles),
            Variant::Shared(tile) => correlation(&self.shape, &self.dy, true, tile),
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
            Variant::Shared(tile) => Some(parts(&self.shape, true, tile)),
            Variant::Subgroup(_) | Variant::Winograd(_) => None,
        }
    }

    fn operand_elements(&self) -> usize {
        self.dy.numel()
    }

    fn variants(&self, gpu: &GpuProfile) -> Option<Variants> {
        let variants = conv2d_gpu::correlations(&self.shape, true, self.halves, gpu);
        let make = |variant| Conv2dInputGrad { variant, ..self.clone() };
        Some(conv2d_gpu::offer(self.name(), &self.shape, &[&self.dy], variants, make))
    }

    fn of_halves(&self, f16: &[Option<bool>]) -> Option<Arc<dyn Kernel>> {
        let halves = self.dy.is_plain().then_some([f16[0]?, f16[1]?])?;
        Some(Arc::new(Conv2dInputGrad { halves: Some(halves), ..self.clone() }))
    }

    fn run(&self, args: &Args) {
        self.engine.run(&self.dy, args, None);
    }

    fn cost(&self) -> Cost {
        self.shape.cost(&[&self.dy])
    }
}

/// `dweight[o, c, i, j] = sum over n, p, q of dy[n, o, p, q] * x[n, c, p * stride + i * dilation - padding, ..]`, where
/// `x` is 0 outside.
///
/// Arguments: the inputs of `x [N, C, H, W]`, those of `dy [N, O, OH, OW]`, and the output
/// `dweight [O, C / groups, KH, KW]`.
#[derive(Clone, Debug)]
pub struct Conv2dWeightGrad {
    shape: Conv2dShape,
    x: Prologue,
    dy: Prologue,
    /// How a GPU computes it.
    variant: Variant,
    /// How the CPU computes it.
    engine: WeightGradEngine,
    /// If the values of both operands are f16: whether they are stored so.
    halves: Option<[bool; 2]>,
}

impl Kernel for Conv2dWeightGrad {
    fn name(&self) -> &'static str {
        "conv2d_weight_grad"
    }

    fn shape(&self) -> String {
        self.shape.to_string()
    }

    fn access(&self) -> Vec<Access> {
        self.x.access().chain(self.dy.access()).chain([Access::Write]).collect()
    }

    fn scratch(&self, target: Target) -> usize {
        match target {
            Target::Cpu => self.engine.partials() * 4,
            Target::Gpu if self.chunks() == 1 => 0,
            Target::Gpu => self.chunks() * self.shape.sizes()[1] * 4,
        }
    }

    fn shaders(&self) -> Vec<Shader> {
        let size = self.shape.sizes()[1];
        let out = self.output() + usize::from(self.chunks() > 1);
        let mut shaders = vec![match self.variant {
            Variant::Direct => self.chunk_shader(out),
            Variant::Subgroup(tile) => {
                WeightGradTiles::new(&self.shape, &self.x, &self.dy, tile.lanes).shader(out)
            }
            Variant::Shared(tile) => WeightGradProduct::new(&self.shape, &self.x, &self.dy, tile).shader(out),
            Variant::Rows => RowWeightGrad::new(&self.shape, &self.x, &self.dy).shader(out),
            Variant::Winograd(_) => unreachable!("not for weight gradients"),
        }];
        if self.chunks() > 1 {
            let source = Source::new(wgsl!("conv2d_sum")).set("SIZE", size).set("CHUNKS", self.chunks());
            let bindings = format!(
                "@group(0) @binding({}) var<storage, read_write> dweight: array<f32>;\n\
                 @group(0) @binding({}) var<storage, read_write> partials: array<f32>;",
                self.output(),
                self.output() + 1
            );
            let source = source.block("bindings", &bindings);
            shaders.push(Shader::linear(source.finish(), size, 64));
        }
        shaders
    }

    fn partial_sums(&self) -> Option<Vec<PartialSum>> {
        let [_, count, _] = self.shape.sizes();
        let sum = PartialSum { count, first: 0, step: 1, stride: count, terms: self.chunks() };
        (sum.terms > 1).then(|| vec![sum])
    }

    fn operand_elements(&self) -> usize {
        self.x.numel().max(self.dy.numel())
    }

    fn variants(&self, gpu: &GpuProfile) -> Option<Variants> {
        let variants = conv2d_gpu::weight_gradients(&self.shape, self.halves, gpu);
        let make = |variant| Conv2dWeightGrad { variant, ..self.clone() };
        Some(conv2d_gpu::offer(self.name(), &self.shape, &[&self.x, &self.dy], variants, make))
    }

    fn of_halves(&self, f16: &[Option<bool>]) -> Option<Arc<dyn Kernel>> {
        let halves = (self.x.is_plain() && self.dy.is_plain()).then_some([f16[0]?, f16[1]?])?;
        Some(Arc::new(Conv2dWeightGrad { halves: Some(halves), ..self.clone() }))
    }

    fn run(&self, args: &Args) {
        self.engine.run(&self.x, &self.dy, args);
    }

    fn cost(&self) -> Cost {
        self.shape.cost(&[&self.x, &self.dy])
    }
}

/// Invocations that fill a large GPU.
const INVOCATIONS: usize = 32_768;
/// Most and fewest fours of pixels that one invocation sums: the most bounds its iterations, the fewest its overhead.
const MOST: usize = 8192;
const FEWEST: usize = 16;
/// Most bytes of partial sums to spend on parallelism.
const PARTIALS: usize = 64 << 20;

impl Conv2dWeightGrad {
    /// # Panics
    /// When `x` is not `[N, C, H, W]` or `dy` is not `[N, O, OH, OW]`.
    pub fn new(shape: Conv2dShape, x: Prologue, dy: Prologue) -> Conv2dWeightGrad {
        shape.check_input(&x);
        shape.check_gradient(&dy);
        let engine = WeightGradEngine::new(&shape);
        Conv2dWeightGrad { shape, x, dy, variant: Variant::default(), engine, halves: None }
    }

    /// Binding of the output.
    fn output(&self) -> usize {
        self.x.arity() + self.dy.arity()
    }

    /// Output channels of an invocation.
    fn block(&self) -> usize {
        (self.shape.out_channels / self.shape.groups).min(8)
    }

    fn blocks(&self) -> usize {
        (self.shape.out_channels / self.shape.groups).div_ceil(self.block())
    }

    /// Invocations of a chunk.
    fn tiles(&self) -> usize {
        let depth = self.shape.in_channels / self.shape.groups * self.shape.kernel[0] * self.shape.kernel[1];
        self.shape.groups * self.blocks() * depth.div_ceil(4)
    }

    /// Fours of pixels.
    fn fours(&self) -> usize {
        let [oh, ow] = self.shape.output();
        self.shape.batch * oh * ow.div_ceil(4)
    }

    /// Parts that the pixels are cut into.
    fn chunks(&self) -> usize {
        match self.variant {
            Variant::Direct => self.direct_chunks(),
            Variant::Subgroup(tile) => {
                WeightGradTiles::new(&self.shape, &self.x, &self.dy, tile.lanes).chunks()
            }
            Variant::Shared(tile) => WeightGradProduct::new(&self.shape, &self.x, &self.dy, tile).chunks(),
            Variant::Rows => RowWeightGrad::new(&self.shape, &self.x, &self.dy).chunks(),
            Variant::Winograd(_) => unreachable!("not for weight gradients"),
        }
    }

    fn direct_chunks(&self) -> usize {
        let wanted = INVOCATIONS.div_ceil(self.tiles()).min(self.fours() / FEWEST);
        let affordable = PARTIALS / (self.shape.sizes()[1] * 4);
        wanted.min(affordable).max(self.fours().div_ceil(MOST)).max(1)
    }

    fn chunk_shader(&self, out: usize) -> Shader {
        let shape = &self.shape;
        let ([oh, ow], [h, w]) = (shape.output(), shape.input);
        let (inner, outer) = (shape.in_channels / shape.groups, shape.out_channels / shape.groups);
        let mut source = shape.set(Source::new(wgsl!("conv2d_weight_grad")));
        for (name, value) in [("INPUT_H", h), ("INPUT_W", w), ("OUT_H", oh), ("OUT_W", ow)] {
            source = source.set(name, value);
        }
        source = source.set("INNER", inner).set("OUTER", outer);
        source = source.set("BLOCKS", self.blocks()).set("BLOCK", self.block());
        source = source.set("CHUNKS", self.chunks()).set("CHUNK", self.fours().div_ceil(self.chunks()));
        let mut body = String::new();
        for r in 0..self.block() {
            body += &format!(
                "        let d{r} = dy4(at + select(0u, {r}u, {r}u < rows) * OUT_H * OUT_W, valid);\n"
            );
            body += &format!("        a{r} += d{r}.x * x0 + d{r}.y * x1 + d{r}.z * x2 + d{r}.w * x3;\n");
        }
        let lines =
            |line: &dyn Fn(usize) -> String| (0..self.block()).map(line).collect::<Vec<_>>().join("\n");
        let source = source
            .block("bindings", &self.bindings(out))
            .block("clear", &lines(&|r| format!("    var a{r} = vec4<f32>();")))
            .block("body", body.trim_end())
            .block(
                "store",
                &lines(&|r| format!("    if ({r}u < rows) {{ put(to + {r}u * depth, left, a{r}); }}")),
            );
        Shader::linear(with_math(source, &[&self.x, &self.dy]).finish(), self.tiles() * self.chunks(), 64)
    }

    /// The bindings; `out` is the output or the partial sums. The output gradient is read as vectors if rows consist of
    /// whole vectors.
    fn bindings(&self, out: usize) -> String {
        let aligned = self.shape.output()[1].is_multiple_of(4);
        let (width, load) = match aligned {
            true => (4, "    return load_dy(at / 4u);"),
            false => (
                1,
                "    let i = select(vec4<u32>(), at + vec4<u32>(0u, 1u, 2u, 3u), live);\n    \
                 let v = vec4<f32>(load_dy(i.x), load_dy(i.y), load_dy(i.z), load_dy(i.w));\n    \
                 return select(vec4<f32>(), v, live);",
            ),
        };
        format!(
            "{}{}\
             @group(0) @binding({out}) var<storage, read_write> out: array<f32>;\n\n\
             fn dy4(at: u32, live: vec4<bool>) -> vec4<f32> {{\n{load}\n}}",
            self.x.wgsl("x", 0, 1),
            self.dy.wgsl("dy", self.x.arity(), width)
        )
    }
}
