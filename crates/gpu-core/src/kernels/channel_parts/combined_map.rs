//! Element-wise code behind a split reduction of channels, such as a batch norm's, which combines the parts itself.

use super::CombineParts;
use super::wgsl::MERGE_MOMENTS;
use crate::kernel::RawArg;
use crate::kernels::batch_norm::{MOMENTS, SUMS};
use crate::kernels::code::{Code, Memory, Stored};
use crate::kernels::interpreter::Interpreter;
use crate::kernels::map::Map;
use crate::kernels::program::Program;
use crate::wgsl::{Source, wgsl};
use crate::{Access, Args, Cost, DType, Half, Kernel, Layout, Shader, limits};

/// Element-wise code over `[N, C, S]` that reads the two results of [`CombineParts`], each of them one number a channel. Every workgroup
/// combines the parts of its channel, which costs a few kilobytes from a cache, and saves a dispatch between the reduction and the code.
///
/// Arguments: the parts; the arguments that the code reads, except the two results; written: the outputs. An output of one number a channel
/// is written once, by the channel's first workgroup.
#[derive(Clone, Debug)]
pub struct CombinedMap {
    combine: CombineParts,
    /// Its layouts have the shape `[N, C, S]`.
    map: Map,
    /// For each argument that the map reads: the result of the combination that it is, if any.
    taken: Vec<Option<usize>>,
}

/// Invocations of a workgroup.
const LANES: usize = 256;
/// Workgroups of a dispatch, as long as every invocation then has an item, and most items of an invocation.
const WORKGROUPS: usize = 512;
const MOST_ITEMS: usize = 8;

impl CombinedMap {
    /// `inputs` and `outputs` are those of [`Map::fused`](crate::kernels::Map::fused), of shape `[N, C, ..]`; `taken` says for each argument
    /// which result of `combine` it is. Returns `None` if workgroups can't compute this code channel by channel.
    pub fn new(
        combine: CombineParts,
        program: Program,
        inputs: Vec<(usize, Stored)>,
        taken: Vec<Option<usize>>,
        outputs: Vec<Stored>,
    ) -> Option<CombinedMap> {
        let shape = outputs.first()?.layout.shape();
        let planes = [*shape.first()?, *shape.get(1)?, shape[2..].iter().product()];
        if planes[1] != combine.channels || planes.contains(&0) {
            return None;
        }
        let along = |s: Stored| Some(Stored { layout: s.layout.reshape(&planes)?, ..s });
        let inputs: Vec<_> = inputs.into_iter().map(|(a, s)| Some((a, along(s)?))).collect::<Option<_>>()?;
        let outputs: Vec<Stored> = outputs.into_iter().map(along).collect::<Option<_>>()?;
        let (outputs, halves) = outputs.into_iter().map(|s| (s.layout, s.half)).unzip();
        let map =
            CombinedMap { combine, map: Map { code: Code::new(program, inputs), outputs, halves }, taken };
        let code = &map.map.code;
        let of_channel =
            |i: usize| map.result(i).is_none() || per_channel(&code.layouts[i]) && code.half(i).is_none();
        let packs = map.map.halves.iter().any(Option::is_some);
        let fits = (0..code.layouts.len()).all(of_channel) && (!packs || map.quads().is_some());
        fits.then_some(map)
    }

    /// `[N, C, S]`
    fn sizes(&self) -> [usize; 3] {
        self.map.outputs[0].shape().try_into().expect("planes")
    }

    /// The result of the combination that input `i` of the code is, if any.
    fn result(&self, i: usize) -> Option<usize> {
        self.taken[self.map.code.argument(i)]
    }

    /// The arguments that the code reads from memory.
    fn read(&self) -> impl Iterator<Item = usize> {
        (0..self.taken.len()).filter(|&a| self.taken[a].is_none())
    }

    /// As [`Map::quads`], where outputs of one number a channel need not be vectors.
    fn quads(&self) -> Option<Vec<bool>> {
        let outputs = self.map.outputs.iter().filter(|layout| !per_channel(layout)).cloned().collect();
        Map { outputs, ..self.map.clone() }.quads()
    }

    fn bindings(&self, quads: Option<&[bool]>) -> String {
        let code = &self.map.code;
        let mut text = "@group(0) @binding(0) var<storage, read> parts: array<Part>;\n".to_owned();
        for (n, a) in self.read().enumerate() {
            text += &match quads {
                Some(quads) => code.binding_quad("in", a, 1 + n, quads),
                None => code.binding("in", a, 1 + n),
            };
        }
        let first = 1 + self.read().count();
        for (o, layout) in self.map.outputs.iter().enumerate() {
            let binding = first + o;
            text += &self.map.bind_output(o, binding, quads.is_some() && !per_channel(layout));
        }
        text
    }

    /// Computes and stores the item at `n`, `c` and `s`.
    fn body(&self, quads: Option<&[bool]>) -> String {
        let (code, inputs) = (&self.map.code, self.map.code.layouts.len());
        let mut text = positions(&self.map.layouts());
        for i in 0..inputs {
            text += &match (self.result(i), quads) {
                (Some(r), Some(_)) => format!("    let v{i} = value{r};\n"),
                (Some(r), None) => format!("    let r{i} = value{r};\n"),
                (None, Some(quads)) => code.load_quad("in", i, quads),
                (None, None) => code.load("in", i),
            };
        }
        text += &match quads {
            Some(quads) => self.map.mapped_quad(quads),
            None => {
                let arguments: Vec<String> = (0..inputs).map(|i| format!("r{i}")).collect();
                format!("    let x = mapped({});\n", arguments.join(", "))
            }
        };
        for (o, layout) in self.map.outputs.iter().enumerate() {
            let store = format!("out{o}[u32(p{})] = x.m{o};\n", inputs + o);
            text += &match quads {
                _ if per_channel(layout) => format!("    if (item == 0u) {{\n        {store}    }}\n"),
                Some(_) => self.map.store_quad(o, o),
                None => format!("    {store}"),
            };
        }
        text
    }
}

/// Whether a layout `[N, C, S]` has one number a channel.
fn per_channel(layout: &Layout) -> bool {
    let repeated = |d: usize| layout.strides()[d] == 0 || layout.shape()[d] == 1;
    repeated(0) && repeated(2)
}

impl Kernel for CombinedMap {
    fn name(&self) -> &'static str {
        "combined_map"
    }

    fn shape(&self) -> String {
        let (parts, code) = (self.combine.parts, self.map.code.program.summary());
        format!("{:?} {code}, of {parts} parts", self.sizes())
    }

    fn access(&self) -> Vec<Access> {
        let read = std::iter::repeat_n(Access::Read, 1 + self.read().count());
        read.chain(std::iter::repeat_n(Access::Write, self.map.outputs.len())).collect()
    }

    fn shaders(&self) -> Vec<Shader> {
        let [n, channels, s] = self.sizes();
        let quads = self.quads();
        let width = if quads.is_some() { 4 } else { 1 };
        let (plane, items) = (s / width, n * s / width);
        let share = LANES * (channels * items).div_ceil(WORKGROUPS * LANES).clamp(1, MOST_ITEMS);
        let splits = items.div_ceil(share);
        let parts = self.combine.parts;
        let mut source = Source::new(wgsl!("combined_map"))
            .set("CHANNELS", channels)
            .set("COUNT", parts)
            .set("HALF", parts.next_power_of_two().min(LANES) / 2)
            .set("SPLITS", splits)
            .set("SHARE", share)
            .set("ITEMS", items)
            .set("PLANE", plane)
            .set("WIDTH", width);
        if self.combine.moments {
            source = source.block("part", &format!("alias Part = vec4<f32>;\n{MERGE_MOMENTS}"));
        }
        let values = if self.combine.moments { MOMENTS } else { SUMS };
        let value = |(r, value): (usize, &str)| format!("    let value{r} = {value};\n");
        let values: String = values.into_iter().enumerate().map(value).collect();
        let source = source
            .block("bindings", &(self.bindings(quads.as_deref()) + &self.map.mapped()))
            .block("values", values.trim_end())
            .block("body", self.body(quads.as_deref()).trim_end());
        vec![Shader::linear(source.with(wgsl!("math")).finish(), channels * splits, 1)]
    }

    fn run(&self, args: &Args) {
        let [n, channels, s] = self.sizes();
        let mut results = [vec![0u32; channels], vec![0u32; channels]];
        let [first, second] = results.each_mut().map(|result| RawArg {
            pointer: result.as_mut_ptr().cast(),
            bytes: channels * DType::BYTES,
            access: Access::Write,
        });
        // SAFETY: the parts, and memory of its own for each result.
        self.combine.run(&unsafe { Args::new([args.raw(0), first, second].into_iter()) });
        let mut memory: Memory = [&[]; limits::CPU_ARGUMENTS];
        let mut bound = 1..;
        for (a, taken) in self.taken.iter().enumerate() {
            memory[a] = match taken {
                Some(r) => &results[*r],
                None => args.read(bound.next().expect("an argument")),
            };
        }
        let first = bound.start;
        let mut outputs: Vec<&mut [u32]> =
            (first..first + self.map.outputs.len()).map(|o| args.write(o)).collect();
        let code = &self.map.code;
        let mut interpreter = Interpreter::new(code, &code.layouts, &memory);
        interpreter.run_all(0, n * channels * s, |at, o, values| {
            let (layout, out) = (&self.map.outputs[o], &mut *outputs[o]);
            match self.map.halves[o] {
                Some(half) => put_halves(half, at, values, out),
                None => values.iter().zip(at..).for_each(|(&v, i)| out[layout.position(i)] = v),
            }
        });
    }

    fn cost(&self) -> Cost {
        let [n, c, s] = self.sizes();
        let code = &self.map.code;
        let inputs = (0..code.layouts.len()).filter(|&i| self.result(i).is_none());
        let read: usize = inputs.map(|i| Stored::bytes(&code.layouts[i], code.half(i))).sum();
        let outputs = self.map.outputs.iter().zip(&self.map.halves);
        let written: usize = outputs.map(|(layout, &half)| Stored::bytes(layout, half)).sum();
        let combine = self.combine.cost().flops;
        Cost {
            flops: combine + (n * c * s * code.program.code().len()) as u64,
            bytes: (self.combine.bytes() + read + written) as u64,
        }
    }
}

/// WGSL of the position `pK` in every layout `[N, C, S]` of the element at `n: i32`, `c: u32` and `s: i32`.
fn positions(layouts: &[Layout]) -> String {
    let position = |(k, layout): (usize, &Layout)| {
        let terms = ["n", "i32(c)", "s"].iter().zip(layout.strides()).filter(|(_, stride)| **stride != 0);
        let sum: String = terms.map(|(at, stride)| format!(" + {at} * ({stride})")).collect();
        format!("    let p{k} = {}{sum};\n", layout.offset())
    };
    layouts.iter().enumerate().map(position).collect()
}

/// Packs elements from number `at` on.
fn put_halves(half: Half, at: usize, values: &[u32], out: &mut [u32]) {
    let out: &mut [u16] = bytemuck::cast_slice_mut(out);
    half.pack(values, &mut out[at..at + values.len()]);
}
