//! A kernel and its epilogue, the element-wise code that follows it, in one launch.

use std::sync::Arc;

use super::channel_parts::ChannelParts;
use super::map::{Map, index_code};
use crate::cpu::HOST_ALIGN;
use crate::kernel::RawArg;
use crate::tune::{GpuProfile, Variants};
use crate::wgsl::wgsl;
use crate::{Access, Args, Cost, DType, Half, Kernel, Shader, Target};

/// A kernel whose results element-wise code reads while they are in registers: bias, activation and residual after a product. A result
/// without other consumers never gets memory.
///
/// Arguments: those of the kernel, with the outputs in the places of its results; the other inputs of the code; the other outputs; the
/// kernel's scratch memory. The outputs are the results that are kept, then those of the code. [`arguments`](Fused::arguments) puts the
/// arguments of two launches in this order.
///
/// On a GPU the last dispatches of the kernel store these outputs only. The CPU twin runs the kernel, then the code.
#[derive(Clone, Debug)]
pub struct Fused {
    kernel: Arc<dyn Kernel>,
    map: Map,
    /// For each argument that the map reads: the kernel's result that it is, if any.
    taken: Vec<Option<usize>>,
    /// For each result: whether it is stored, too.
    kept: Vec<bool>,
}

/// One output of a [`Fused`].
#[derive(Clone, Copy)]
enum Output {
    /// A result of the kernel.
    Kept(usize),
    /// One of the map's.
    Mapped(usize),
}

impl Fused {
    /// `taken` says for each input argument of `map` which result of the kernel it is, in the order of the kernel's written
    /// arguments. Returns `None` if this kernel or code can't be fused.
    pub fn new(
        kernel: Arc<dyn Kernel>,
        map: Map,
        taken: Vec<Option<usize>>,
        kept: Vec<bool>,
    ) -> Option<Fused> {
        let whole = |a: usize| {
            let mut inputs = (0..map.code.layouts.len()).filter(|&i| map.code.argument(i) == a);
            let contiguous = |i: usize| {
                let layout = &map.code.layouts[i];
                layout.is_contiguous() && layout.offset() == 0 && map.code.half(i).is_none()
            };
            matches!((inputs.next(), inputs.next()), (Some(i), None) if contiguous(i))
        };
        let packs = map.halves.iter().any(Option::is_some);
        let quads = || kernel.shaders().iter().all(|shader| shader.emits().is_none_or(|width| width == 4));
        let fits = kernel.emits()
            && (!packs || quads())
            && taken.iter().enumerate().all(|(a, result)| result.is_none() || whole(a));
        let fused = Fused { kernel, map, taken, kept };
        let fits =
            fits && fused.outputs().len() >= fused.kept.len() && (!packs || fused.emit_vectors().is_some());
        fits.then_some(fused)
    }

    /// The arguments of the fused launch from those of the kernel, scratch memory included, and of the map.
    pub fn arguments<T: Clone>(&self, kernel: &[T], map: &[T]) -> Vec<T> {
        let (mut outputs, results) = (self.outputs().into_iter(), self.results());
        let mut output = || {
            outputs.next().map(|output| match output {
                Output::Kept(r) => kernel[results[r]].clone(),
                Output::Mapped(o) => map[self.taken.len() + o].clone(),
            })
        };
        let own = self.kernel.access().len();
        let mut all: Vec<T> = (0..own)
            .map(|a| {
                if results.contains(&a) {
                    output().expect("as many outputs as results")
                } else {
                    kernel[a].clone()
                }
            })
            .collect();
        all.extend(self.others().map(|a| map[a].clone()));
        all.extend(std::iter::from_fn(output));
        all.extend(kernel[own..].iter().cloned());
        all
    }

    /// The kernel's written arguments.
    fn results(&self) -> Vec<usize> {
        let access = self.kernel.access();
        (0..access.len()).filter(|&a| access[a] == Access::Write).collect()
    }

    fn outputs(&self) -> Vec<Output> {
        let kept = (0..self.kept.len()).filter(|&r| self.kept[r]).map(Output::Kept);
        kept.chain((0..self.map.outputs.len()).map(Output::Mapped)).collect()
    }

    /// The arguments that the map reads, other than results.
    fn others(&self) -> impl Iterator<Item = usize> {
        (0..self.taken.len()).filter(|&a| self.taken[a].is_none())
    }

    /// Number of arguments without scratch memory.
    fn arity(&self) -> usize {
        self.kernel.access().len() + self.others().count() + self.outputs().len() - self.kept.len()
    }

    /// The binding of each output.
    fn output_bindings(&self) -> Vec<usize> {
        let behind = self.kernel.access().len() + self.others().count();
        self.results().into_iter().chain(behind..).take(self.outputs().len()).collect()
    }

    /// The result that input `i` of the map is, if any.
    fn result_of(&self, i: usize) -> Option<usize> {
        self.taken[self.map.code.argument(i)]
    }

    /// The type of result `r`.
    fn result_type(&self, r: usize) -> DType {
        let taken = (0..self.map.code.layouts.len()).find(|&i| self.result_of(i) == Some(r));
        taken.map_or(DType::F32, |i| self.map.code.program.inputs()[i])
    }

    fn output_type(&self, output: Output) -> DType {
        match output {
            Output::Kept(r) => self.result_type(r),
            Output::Mapped(o) => {
                let program = &self.map.code.program;
                program.types()[usize::from(program.outputs()[o])]
            }
        }
    }

    /// The type that an output is packed as.
    fn half(&self, output: Output) -> Option<Half> {
        match output {
            Output::Kept(_) => None,
            Output::Mapped(o) => self.map.halves[o],
        }
    }

    /// WGSL of the outputs' bindings, of elements or vectors of four.
    fn bind_outputs(&self, width: usize) -> String {
        let binding = |(o, (output, binding)): (usize, (Output, usize))| {
            let t = self.output_type(output).wgsl();
            let t = match (width, self.half(output)) {
                (4, Some(_)) => "vec2<u32>".to_owned(),
                (4, None) => format!("vec4<{t}>"),
                _ => t.to_owned(),
            };
            format!("@group(0) @binding({binding}) var<storage, read_write> out{o}: array<{t}>;\n")
        };
        self.outputs().into_iter().zip(self.output_bindings()).enumerate().map(binding).collect()
    }

    /// WGSL: the parameters of an emitting function.
    fn parameters(&self, t: impl Fn(&str) -> String) -> String {
        (0..self.kept.len()).map(|r| format!(", value{r}: {}", t(self.result_type(r).wgsl()))).collect()
    }

    /// WGSL that binds everything that the code needs, and `fn emit(i: u32, value0: T, ..)`, which stores the outputs of element `i`, and
    /// returns the last one.
    fn emit(&self) -> String {
        let (code, first) = (&self.map.code, self.kernel.access().len());
        let mut text: String =
            self.others().enumerate().map(|(n, a)| code.binding("in", a, first + n)).collect();
        text += &self.bind_outputs(1);
        let last = self.last();
        text += &format!(
            "\nfn emit(i: u32{}) -> {} {{\n{}",
            self.parameters(str::to_owned),
            self.output_type(last).wgsl(),
            index_code(&self.map.layouts())
        );
        for i in 0..code.layouts.len() {
            text += &match self.result_of(i) {
                Some(r) => format!("    let r{i} = value{r};\n"),
                None => code.load("in", i),
            };
        }
        text += &code.program.wgsl();
        for (o, output) in self.outputs().into_iter().enumerate() {
            text += &match output {
                Output::Kept(r) => format!("    out{o}[i] = value{r};\n"),
                Output::Mapped(m) => {
                    format!(
                        "    out{o}[u32(p{})] = r{};\n",
                        code.layouts.len() + m,
                        code.program.outputs()[m]
                    )
                }
            };
        }
        text += &match last {
            Output::Kept(r) => format!("    return value{r};\n}}"),
            Output::Mapped(m) => format!("    return r{};\n}}", code.program.outputs()[m]),
        };
        text
    }

    /// As [`emit`](Fused::emit), with `fn emit4(i: u32, value0: vec4<T>, ..)` of the elements from `i` on, a multiple of four: as vectors
    /// if all layouts allow it, else one by one.
    fn emit4(&self) -> String {
        self.emit_vectors().unwrap_or_else(|| {
            let call = |part: &str, c: usize| {
                let values: String = (0..self.kept.len()).map(|r| format!(", value{r}.{part}")).collect();
                format!("    let e{c} = emit(i + {c}u{values});\n")
            };
            let calls: String = ["x", "y", "z", "w"].iter().zip(0..).map(|(part, c)| call(part, c)).collect();
            let parameters = self.parameters(|t| format!("vec4<{t}>"));
            let t = self.output_type(self.last()).wgsl();
            format!(
                "{}\n\nfn emit4(i: u32{parameters}) -> vec4<{t}> {{\n{calls}    return vec4<{t}>(e0, e1, e2, e3);\n}}",
                self.emit()
            )
        })
    }

    /// The output whose stored values emitting functions return.
    fn last(&self) -> Output {
        *self.outputs().last().expect("an output")
    }

    fn emit_vectors(&self) -> Option<String> {
        let (map, code, first) = (&self.map, &self.map.code, self.kernel.access().len());
        let vectors = map.quads()?;
        let mut text: String =
            self.others().enumerate().map(|(n, a)| code.binding_quad("in", a, first + n, &vectors)).collect();
        text += &self.bind_outputs(4);
        text += &map.mapped();
        let parameters = self.parameters(|t| format!("vec4<{t}>"));
        let last = self.output_type(self.last()).wgsl();
        text += &format!("\nfn emit4(i: u32{parameters}) -> vec4<{last}> {{\n{}", index_code(&map.layouts()));
        for i in 0..vectors.len() {
            text += &match self.result_of(i) {
                Some(r) => format!("    let v{i} = value{r};\n"),
                None => code.load_quad("in", i, &vectors),
            };
        }
        text += &map.mapped_quad(&vectors);
        for (o, output) in self.outputs().into_iter().enumerate() {
            text += &match output {
                Output::Kept(r) => format!("    let all{o} = value{r};\n    out{o}[i / 4u] = all{o};\n"),
                Output::Mapped(m) => map.store_quad(m, o),
            };
        }
        Some(text + &format!("    return all{};\n}}", self.outputs().len() - 1))
    }

    /// Bytes of each result that gets no memory, rounded up to the alignment: scratch memory of the CPU twin in addition to the kernel's
    /// own.
    fn result_bytes(&self) -> usize {
        (self.map.count() * DType::BYTES).next_multiple_of(HOST_ALIGN)
    }

    fn dropped(&self) -> usize {
        self.kept.iter().filter(|&&kept| !kept).count()
    }
}

/// WGSL of a kernel's own block `results`, with one result of type `t` bound at `binding`: `emit`, or for a width of 4 `emit4`, which
/// the shader calls once with every element and its number. Both return what they have stored.
pub(super) fn plain_result(binding: usize, t: &str, width: usize) -> String {
    match width {
        4 => format!(
            "@group(0) @binding({binding}) var<storage, read_write> y: array<vec4<{t}>>;\n\n\
             fn emit4(i: u32, value: vec4<{t}>) -> vec4<{t}> {{\n    y[i / 4u] = value;\n    return value;\n}}"
        ),
        _ => format!(
            "@group(0) @binding({binding}) var<storage, read_write> y: array<{t}>;\n\n\
             fn emit(i: u32, value: {t}) -> {t} {{\n    y[i] = value;\n    return value;\n}}"
        ),
    }
}

impl Kernel for Fused {
    fn name(&self) -> &'static str {
        self.kernel.name()
    }

    fn shape(&self) -> String {
        format!("{}, then {}", self.kernel.shape(), self.map.code.program.summary())
    }

    fn access(&self) -> Vec<Access> {
        let map =
            [vec![Access::Read; self.taken.len()], vec![Access::Write; self.map.outputs.len()]].concat();
        self.arguments(&self.kernel.access(), &map)
    }

    fn scratch(&self, target: Target) -> usize {
        let own = self.kernel.scratch(target);
        match target {
            Target::Gpu => own,
            Target::Cpu => own.next_multiple_of(HOST_ALIGN) + self.dropped() * self.result_bytes(),
        }
    }

    fn shaders(&self) -> Vec<Shader> {
        let mut shaders = self.kernel.shaders();
        for shader in &mut shaders {
            shader.rebind(self.kernel.access().len(), self.arity());
            match shader.emits() {
                Some(4) => shader.block("results", &self.emit4(), wgsl!("math")),
                Some(_) => shader.block("results", &self.emit(), wgsl!("math")),
                None => {}
            }
        }
        shaders
    }

    fn parts(&self) -> Option<ChannelParts> {
        self.kernel.parts().filter(|_| self.output_type(self.last()) == DType::F32)
    }

    fn operand_elements(&self) -> usize {
        self.kernel.operand_elements()
    }

    fn variants(&self, gpu: &GpuProfile) -> Option<Variants> {
        let Variants { class, options, cooperative } = self.kernel.variants(gpu)?;
        let fused = |(name, kernel): (String, Arc<dyn Kernel>)| {
            let fused = Fused::new(kernel, self.map.clone(), self.taken.clone(), self.kept.clone())?;
            Some((name, Arc::new(fused) as Arc<dyn Kernel>))
        };
        Some(Variants { class, options: options.into_iter().filter_map(fused).collect(), cooperative })
    }

    fn run(&self, args: &Args) {
        let arity = self.arity();
        let scratch = (self.scratch(Target::Cpu) > 0).then(|| args.raw(arity));
        let part = |start: usize, bytes: usize, access: Access| {
            let whole = scratch.expect("memory for what is not kept");
            assert!(start + bytes <= whole.bytes, "scratch memory is too short");
            // SAFETY: inside of the scratch memory, as asserted.
            RawArg { pointer: unsafe { whole.pointer.add(start) }, bytes, access }
        };
        let (own, results, bindings) =
            (self.kernel.scratch(Target::Cpu), self.results(), self.output_bindings());
        let outputs = self.outputs();
        let mut dropped = 0;
        let memory: Vec<RawArg> = (0..self.kept.len())
            .map(|r| match outputs.iter().position(|o| matches!(o, Output::Kept(k) if *k == r)) {
                Some(at) => args.raw(bindings[at]),
                None => {
                    dropped += 1;
                    let start = own.next_multiple_of(HOST_ALIGN) + (dropped - 1) * self.result_bytes();
                    part(start, self.map.count() * DType::BYTES, Access::Write)
                }
            })
            .collect();
        let of_kernel = (0..self.kernel.access().len())
            .map(|a| results.iter().position(|&r| r == a).map_or_else(|| args.raw(a), |r| memory[r]));
        let own = (own > 0).then(|| part(0, own, Access::ReadWrite));
        // SAFETY: the ranges are arguments of this kernel or parts of its scratch memory that do not overlap.
        self.kernel.run(&unsafe { Args::new(of_kernel.chain(own)) });
        let mut others = self.kernel.access().len()..;
        let mut read = |result: &Option<usize>| match result {
            Some(r) => RawArg { access: Access::Read, ..memory[*r] },
            None => args.raw(others.next().expect("an argument")),
        };
        let inputs: Vec<RawArg> = self.taken.iter().map(&mut read).collect();
        let mapped = outputs.iter().zip(&bindings).filter(|(o, _)| matches!(o, Output::Mapped(_)));
        let mapped = mapped.map(|(_, &binding)| args.raw(binding));
        // SAFETY: as above; the kernel has run.
        self.map.run(&unsafe { Args::new(inputs.into_iter().chain(mapped)) });
    }

    fn cost(&self) -> Cost {
        let (kernel, map) = (self.kernel.cost(), self.map.cost());
        let result = (self.map.count() * DType::BYTES) as u64;
        let taken = self.taken.iter().flatten().count() as u64;
        let spared = (taken + self.dropped() as u64) * result;
        Cost { flops: kernel.flops + map.flops, bytes: (kernel.bytes + map.bytes).saturating_sub(spared) }
    }
}
