//! Element-wise code behind a split reduction of channels, such as a batch norm's, which combines the parts itself.

use super::CombineParts;
use super::wgsl::MERGE_MOMENTS;
use crate::kernel::RawArg;
use crate::kernels::batch_norm::{MOMENTS, SUMS};
use crate::kernels::code::{Code, Memory, Stored};
use crate::kernels::interpreter::Interpreter;
use crate::kernels::program::Program;
use crate::kernels::prologue::vectors;
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
    code: Code,
    /// For each argument that the code reads: the result of the combination that it is, if any.
    taken: Vec<Option<usize>>,
    outputs: Vec<Stored>,
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
        let outputs = outputs.into_iter().map(along).collect::<Option<_>>()?;
        let map = CombinedMap { combine, code: Code::new(program, inputs), taken, outputs };
        let of_channel = |i: usize| {
            map.result(i).is_none() || per_channel(&map.code.layouts[i]) && map.code.half(i).is_none()
        };
        let halves = map.outputs.iter().any(|output| output.half.is_some());
        let fits = (0..map.code.layouts.len()).all(of_channel) && (!halves || map.vectors().is_some());
        fits.then_some(map)
    }

    /// `[N, C, S]`
    fn sizes(&self) -> [usize; 3] {
        self.outputs[0].layout.shape().try_into().expect("planes")
    }

    /// The result of the combination that input `i` of the code is, if any.
    fn result(&self, i: usize) -> Option<usize> {
        self.taken[self.code.argument(i)]
    }

    /// The arguments that the code reads from memory.
    fn read(&self) -> impl Iterator<Item = usize> {
        (0..self.taken.len()).filter(|&a| self.taken[a].is_none())
    }

    fn layouts(&self) -> Vec<Layout> {
        self.code.layouts.iter().chain(self.outputs.iter().map(|output| &output.layout)).cloned().collect()
    }

    /// Which inputs, followed by the outputs, are read and written as vectors of four, if all can be.
    fn vectors(&self) -> Option<Vec<bool>> {
        let vectors = vectors(&self.layouts())?;
        let outputs = self.outputs.iter().zip(&vectors[self.code.layouts.len()..]);
        let whole = |(output, vector): (&Stored, &bool)| *vector || per_channel(&output.layout);
        outputs.into_iter().all(whole).then_some(vectors)
    }

    fn output_type(&self, o: usize) -> DType {
        self.code.program.types()[usize::from(self.code.program.outputs()[o])]
    }

    fn bindings(&self, vectors: Option<&[bool]>) -> String {
        let inputs = self.code.layouts.len();
        let mut text = "@group(0) @binding(0) var<storage, read> parts: array<Part>;\n".to_owned();
        for (n, a) in self.read().enumerate() {
            text += &match vectors {
                Some(vectors) => self.code.binding_quad("in", a, 1 + n, &vectors[..inputs]),
                None => self.code.binding("in", a, 1 + n),
            };
        }
        let first = 1 + self.read().count();
        for (o, output) in self.outputs.iter().enumerate() {
            let t = self.output_type(o).wgsl();
            let t = match (vectors.is_some_and(|v| v[inputs + o]), output.half) {
                (true, Some(_)) => "vec2<u32>".to_owned(),
                (true, None) => format!("vec4<{t}>"),
                _ => t.to_owned(),
            };
            text +=
                &format!("@group(0) @binding({}) var<storage, read_write> out{o}: array<{t}>;\n", first + o);
        }
        text
    }

    /// `fn mapped`, all outputs of one element.
    fn function(&self) -> String {
        let list =
            |count: usize, f: &dyn Fn(usize) -> String| (0..count).map(f).collect::<Vec<_>>().join(", ");
        let program = &self.code.program;
        format!(
            "\nstruct Mapped {{ {} }}\n\nfn mapped({}) -> Mapped {{\n{}    return Mapped({});\n}}\n",
            list(self.outputs.len(), &|o| format!("m{o}: {}", self.output_type(o).wgsl())),
            list(self.code.layouts.len(), &|i| format!("r{i}: {}", program.inputs()[i].wgsl())),
            program.wgsl(),
            list(self.outputs.len(), &|o| format!("r{}", program.outputs()[o])),
        )
    }

    /// Computes and stores the item at `n`, `c` and `s`.
    fn body(&self, vectors: Option<&[bool]>) -> String {
        let inputs = self.code.layouts.len();
        let mut text = positions(&self.layouts());
        for i in 0..inputs {
            text += &match (self.result(i), vectors) {
                (Some(r), Some(_)) => format!("    let v{i} = value{r};\n"),
                (Some(r), None) => format!("    let r{i} = value{r};\n"),
                (None, Some(vectors)) => self.code.load_quad("in", i, &vectors[..inputs]),
                (None, None) => self.code.load("in", i),
            };
        }
        let parts: &[&str] = if vectors.is_some() { &["x", "y", "z", "w"] } else { &["x"] };
        for part in parts {
            let argument = |i: usize| match vectors {
                Some(vectors) if vectors[i] => format!("v{i}.{part}"),
                Some(_) => format!("v{i}"),
                None => format!("r{i}"),
            };
            let arguments: Vec<String> = (0..inputs).map(argument).collect();
            text += &format!("    let {part} = mapped({});\n", arguments.join(", "));
        }
        for (o, output) in self.outputs.iter().enumerate() {
            let (t, at) = (self.output_type(o).wgsl(), format!("u32(p{})", inputs + o));
            let all = format!("vec4<{t}>(x.m{o}, y.m{o}, z.m{o}, w.m{o})");
            text += &match (vectors.is_some_and(|v| v[inputs + o]), output.half) {
                _ if per_channel(&output.layout) => {
                    format!("    if (item == 0u) {{\n        out{o}[{at}] = x.m{o};\n    }}\n")
                }
                (true, Some(half)) => format!("    out{o}[{at} / 4u] = pack4_{}({all});\n", half.wgsl()),
                (true, None) => format!("    out{o}[{at} / 4u] = {all};\n"),
                (false, _) => format!("    out{o}[{at}] = x.m{o};\n"),
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
        let (parts, code) = (self.combine.parts, self.code.program.summary());
        format!("{:?} {code}, of {parts} parts", self.sizes())
    }

    fn access(&self) -> Vec<Access> {
        let read = std::iter::repeat_n(Access::Read, 1 + self.read().count());
        read.chain(std::iter::repeat_n(Access::Write, self.outputs.len())).collect()
    }

    fn shaders(&self) -> Vec<Shader> {
        let [n, channels, s] = self.sizes();
        let vectors = self.vectors();
        let width = if vectors.is_some() { 4 } else { 1 };
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
            .block("bindings", &(self.bindings(vectors.as_deref()) + &self.function()))
            .block("values", values.trim_end())
            .block("body", self.body(vectors.as_deref()).trim_end());
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
            (first..first + self.outputs.len()).map(|o| args.write(o)).collect();
        let mut interpreter = Interpreter::new(&self.code, &self.code.layouts, &memory);
        interpreter.run_all(0, n * channels * s, |at, o, values| {
            let (Stored { layout, half }, out) = (&self.outputs[o], &mut *outputs[o]);
            match half {
                Some(half) => put_halves(*half, at, values, out),
                None => values.iter().zip(at..).for_each(|(&v, i)| out[layout.position(i)] = v),
            }
        });
    }

    fn cost(&self) -> Cost {
        let [n, c, s] = self.sizes();
        let inputs = (0..self.code.layouts.len()).filter(|&i| self.result(i).is_none());
        let read: usize = inputs.map(|i| Stored::bytes(&self.code.layouts[i], self.code.half(i))).sum();
        let written: usize = self.outputs.iter().map(|o| Stored::bytes(&o.layout, o.half)).sum();
        let combine = self.combine.cost().flops;
        Cost {
            flops: combine + (n * c * s * self.code.program.code().len()) as u64,
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
