//! Moments and sums of channels, computed by the launch that stores the tensor: its workgroups reduce the values in their registers, and a
//! second launch combines their parts.

mod combine;
mod combined_map;
mod wgsl;

pub use combine::CombineParts;
pub use combined_map::CombinedMap;

use std::sync::Arc;

use super::batch_norm::{ChannelMoments, ChannelSums};
use super::code::Stored;
use super::layer_norm::Moments;
use super::prologue::Prologue;
use super::tile::Tile;
use crate::kernel::RawArg;
use crate::wgsl::wgsl;
use crate::{Access, Args, Cost, Kernel, Shader, Target};

/// How a kernel divides its result `[N, C, H, W]`: a workgroup computes some pixels of one phase for some channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelParts {
    /// Images, N.
    pub batch: usize,
    /// Channels, C.
    pub channels: usize,
    /// `[H, W]`
    pub output: [usize; 2],
    /// Pixels with the same remainders of their coordinates modulo these are computed together.
    pub phases: [usize; 2],
    pub(super) by: By,
}

/// What a workgroup computes, and which variables of its shader hold the stored values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// 256 pixels of some channels: `stored0` to `stored{rows - 1}`, four pixels each.
    Block { rows: usize },
    /// A tile of channels and pixels.
    Tile(Tile),
}

/// Pixels of a workgroup's block.
const PIXELS: usize = 256;

impl ChannelParts {
    /// Pixels of a phase along both dimensions.
    pub fn grid(&self) -> [usize; 2] {
        [0, 1].map(|d| self.output[d].div_ceil(self.phases[d]))
    }

    /// Pixels of a workgroup.
    fn pixels(&self) -> usize {
        match self.by {
            By::Block { .. } => PIXELS,
            By::Tile(tile) => tile.reduced(),
        }
    }

    /// Workgroups of a phase, of all images.
    pub fn tiles(&self) -> usize {
        (self.batch * self.grid()[0] * self.grid()[1]).div_ceil(self.pixels())
    }

    /// Whether four neighbouring pixels of a workgroup are neighbours in the result, from a multiple of four on.
    pub(super) fn quads(&self) -> bool {
        self.phases == [1, 1] && (self.output[0] * self.output[1]).is_multiple_of(4)
    }

    /// Parts of a channel.
    pub fn count(&self) -> usize {
        self.tiles() * self.phases[0] * self.phases[1]
    }

    /// The part of pixel `s` of image `n`.
    fn part(&self, n: usize, s: usize) -> usize {
        let ([high, wide], [_, by]) = (self.grid(), self.phases);
        let [row, col] = [s / self.output[1], s % self.output[1]];
        let phase = row % self.phases[0] * by + col % by;
        phase * self.tiles() + ((n * high + row / self.phases[0]) * wide + col / by) / self.pixels()
    }
}

/// A reduction of every channel.
#[derive(Clone, Debug)]
pub enum ChannelReduction {
    /// Mean and variance.
    Moments(Box<ChannelMoments>),
    /// The sums of batch norm's gradient.
    Sums(Box<ChannelSums>),
}

impl ChannelReduction {
    /// `[N, C, S]`
    fn sizes(&self) -> [usize; 3] {
        match self {
            ChannelReduction::Moments(m) => [m.batch, m.channels, m.spatial],
            ChannelReduction::Sums(s) => [s.batch, s.channels, s.spatial],
        }
    }

    /// The operands, each with the number of its first argument.
    fn operands(&self) -> Vec<(&Prologue, usize)> {
        match self {
            ChannelReduction::Moments(m) => vec![(&m.x, 0)],
            ChannelReduction::Sums(s) => vec![(&s.x, 0), (&s.dy, s.x.arity())],
        }
    }

    /// The kernel that combines the `parts` parts of every channel into results.
    pub fn combine(&self, parts: usize) -> CombineParts {
        let moments = matches!(self, ChannelReduction::Moments(_));
        CombineParts { channels: self.sizes()[1], parts, moments }
    }

    /// Number of arguments that the reduction reads.
    pub fn reads(&self) -> usize {
        let mean = usize::from(matches!(self, ChannelReduction::Sums(_)));
        self.operands().iter().map(|(o, _)| o.arity()).sum::<usize>() + mean
    }
}

/// A kernel that stores a tensor `[N, C, H, W]`, and the parts of a reduction of its channels.
///
/// Arguments: those of the kernel; the other arguments that the reduction reads; written: the parts, four floats each, `[C, parts]`: count,
/// mean (the sum of two floats) and squared deviations, or two sums. [`CombineParts`] combines them into results.
#[derive(Clone, Debug)]
pub struct WithParts {
    kernel: Arc<dyn Kernel>,
    reduction: ChannelReduction,
    /// For every argument that the reduction reads: its binding, or `None` for the last output of the kernel.
    places: Vec<Option<usize>>,
    parts: ChannelParts,
}

impl WithParts {
    /// `places` are the bindings of the arguments that the reduction reads: bindings of the kernel, or new ones after its last, numbered in
    /// the order of their first use; `None` is the kernel's last output. Returns `None` if the reduction can't be part of the launch.
    pub fn new(
        kernel: Arc<dyn Kernel>,
        reduction: ChannelReduction,
        places: Vec<Option<usize>>,
    ) -> Option<WithParts> {
        let parts = kernel.parts()?;
        let [high, wide] = parts.output;
        let same = reduction.sizes() == [parts.batch, parts.channels, high * wide];
        let operands = reduction.operands();
        let given = |&(operand, first): &(&Prologue, usize)| {
            let code = operand.code();
            let mut inputs = (0..code.layouts.len()).filter(|&i| places[first + code.argument(i)].is_none());
            inputs.all(|i| {
                let layout = &code.layouts[i];
                layout.is_contiguous() && layout.offset() == 0
            })
        };
        let contiguous = operands.iter().all(given);
        let takes = match &reduction {
            ChannelReduction::Moments(m) => m.x.code().program.code().is_empty() && places == [None],
            ChannelReduction::Sums(_) => places.last().is_some_and(Option::is_some),
        };
        let fits = same && contiguous && takes && kernel.scratch(Target::Gpu) == 0;
        let all = WithParts { kernel, reduction, places, parts };
        (fits && all.text(all.kernel.shaders().first()?.source()).is_some()).then_some(all)
    }

    fn kernel_arguments(&self) -> usize {
        self.kernel.access().len()
    }

    /// Arguments of the reduction that are not the kernel's.
    fn others(&self) -> usize {
        self.places
            .iter()
            .flatten()
            .max()
            .map_or(0, |&last| (last + 1).saturating_sub(self.kernel_arguments()))
    }

    /// The last output of the kernel.
    fn result(&self) -> usize {
        self.kernel.access().iter().rposition(|&a| a == Access::Write).expect("a kernel writes")
    }
}

impl Kernel for WithParts {
    fn name(&self) -> &'static str {
        self.kernel.name()
    }

    fn shape(&self) -> String {
        let what = match self.reduction {
            ChannelReduction::Moments(_) => "moments",
            ChannelReduction::Sums(_) => "sums",
        };
        format!("{}, and {what} of channels", self.kernel.shape())
    }

    fn access(&self) -> Vec<Access> {
        let others = std::iter::repeat_n(Access::Read, self.others());
        self.kernel.access().into_iter().chain(others).chain([Access::Write]).collect()
    }

    fn scratch(&self, target: Target) -> usize {
        self.kernel.scratch(target)
    }

    fn shaders(&self) -> Vec<Shader> {
        let mut shaders = self.kernel.shaders();
        for shader in &mut shaders {
            let text = self.text(shader.source()).expect("as when it was made");
            match self.parts.by {
                By::Block { rows } => {
                    shader.set("MERGED", PIXELS);
                    shader.block("parts", self.reduce_block(rows).trim_end(), "");
                }
                By::Tile(tile) => tile.reduce_rows(shader, self.parts.count()),
            }
            let plain = self.reduction.operands().iter().all(|(operand, _)| operand.is_identity());
            shader.block("part", text.trim(), if plain { "" } else { wgsl!("math") });
        }
        shaders
    }

    fn operand_elements(&self) -> usize {
        self.kernel.operand_elements()
    }

    fn run(&self, args: &Args) {
        let (kernel_arguments, scratch) = (self.kernel_arguments(), self.kernel.scratch(Target::Cpu) > 0);
        let last = self.access().len();
        let of_kernel = (0..kernel_arguments).chain(scratch.then_some(last)).map(|a| args.raw(a));
        // SAFETY: the kernel's own arguments, whose memory is only read after it has run.
        self.kernel.run(&unsafe { Args::new(of_kernel) });
        let read = |place: &Option<usize>| RawArg {
            access: Access::Read,
            ..args.raw(place.unwrap_or(self.result()))
        };
        // SAFETY: as above; nothing here is written.
        let reads = unsafe { Args::new(self.places.iter().map(read)) };
        let [batch, channels, spatial] = self.reduction.sizes();
        let count = self.parts.count();
        let out: &mut [[f32; 4]] = args.write(last - 1);
        let all = |operand: &Prologue, first: usize| {
            let mut values = vec![0.0f32; operand.numel()];
            operand.bind(&reads, first).reader().copy(0, &mut values);
            values
        };
        let pixels = |c: usize| {
            let each = move |n: usize| (0..spatial).map(move |s| (n, s));
            (0..batch)
                .flat_map(each)
                .map(move |(n, s)| (c * count + self.parts.part(n, s), (n * channels + c) * spatial + s))
        };
        match &self.reduction {
            ChannelReduction::Moments(m) => {
                let (x, mut parts) = (all(&m.x, 0), vec![Moments::default(); out.len()]);
                for (part, i) in (0..channels).flat_map(pixels) {
                    parts[part].merge(Moments { count: 1.0, mean: x[i].into(), squares: 0.0 });
                }
                for (out, Moments { count, mean, squares }) in out.iter_mut().zip(&parts) {
                    let rest = mean - f64::from(*mean as f32);
                    *out = [*count as f32, *mean as f32, rest as f32, *squares as f32];
                }
            }
            ChannelReduction::Sums(s) => {
                let (x, dy) = (all(&s.x, 0), all(&s.dy, s.x.arity()));
                let mean: &[f32] = reads.read(self.places.len() - 1);
                let mut parts = vec![[0.0f64; 2]; out.len()];
                for (c, (part, i)) in (0..channels).flat_map(|c| pixels(c).map(move |p| (c, p))) {
                    let dy = f64::from(dy[i]);
                    parts[part][0] += dy;
                    parts[part][1] += dy * f64::from(x[i] - mean[c]);
                }
                for (out, [dy, product]) in out.iter_mut().zip(&parts) {
                    *out = [*dy as f32, *product as f32, 0.0, 0.0];
                }
            }
        }
    }

    fn cost(&self) -> Cost {
        let Cost { flops, bytes } = self.kernel.cost();
        let [n, c, s] = self.reduction.sizes();
        let read = |&(operand, first): &(&Prologue, usize)| {
            let code = operand.code();
            let given = (0..code.layouts.len()).filter(|&i| self.places[first + code.argument(i)].is_none());
            let spared: usize = given.map(|i| Stored::bytes(&code.layouts[i], code.half(i))).sum();
            operand.work().1 - spared as u64
        };
        let more: u64 = self.reduction.operands().iter().map(read).sum();
        Cost { flops: flops + 4 * (n * c * s) as u64, bytes: bytes + more }
    }
}
