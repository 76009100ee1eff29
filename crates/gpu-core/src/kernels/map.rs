//! Element-wise maps over strided inputs: every point-wise function, copy, cast, fill, broadcast and scatter of a block.

use rayon::prelude::*;

use super::code::{Code, Stored};
use super::interpreter::{BLOCK, Interpreter, runs};
use super::program::{Instr, Program};
use super::prologue::vectors;
use super::scratch::{ScratchVec, pooled};
use crate::layout::simplify;
use crate::wgsl::{Source, wgsl};
use crate::{Access, Args, Cost, DType, Half, Kernel, Layout, Shader};

/// `outputs[0][i], .. = program(inputs[0][i], inputs[1][i], ..)` for every index `i` of a common shape.
///
/// Arguments: the inputs, then the outputs. Each is read or written through its own layout, so that broadcasting,
/// transposing, flipping, slicing and writing into a part of a larger output cost no copy. Inputs and outputs may be packed as
/// halves; values are rounded to the nearest one when written.
#[derive(Clone, Debug)]
pub struct Map {
    pub(super) code: Code,
    pub(super) outputs: Vec<Layout>,
    /// The type that each output is packed as.
    pub(super) halves: Vec<Option<Half>>,
}

/// Elements per task.
const TASK: usize = 16 * BLOCK;

/// An output that several tasks write.
#[derive(Clone, Copy)]
struct Shared {
    pointer: *mut u32,
    len: usize,
}

// SAFETY: tasks write disjoint elements.
unsafe impl Send for Shared {}
unsafe impl Sync for Shared {}

pooled!(Shared);

impl From<&mut [u32]> for Shared {
    fn from(values: &mut [u32]) -> Shared {
        Shared { pointer: values.as_mut_ptr(), len: values.len() }
    }
}

impl Map {
    /// A map with one result, and one argument per input.
    ///
    /// # Panics
    /// When the layouts' shapes or their number do not fit.
    pub fn new(program: Program, inputs: &[Layout], output: Layout) -> Map {
        let inputs = inputs.iter().cloned().map(Stored::from).enumerate().collect();
        Map::fused(program, inputs, vec![output.into()])
    }

    /// A map with one argument per result, after those of the inputs. Each input is given by the number of its argument and its layout
    /// there.
    ///
    /// # Panics
    /// When the layouts' shapes or their number do not fit, an argument has no input, or a packed output does not fill its
    /// argument.
    pub fn fused(program: Program, inputs: Vec<(usize, Stored)>, outputs: Vec<Stored>) -> Map {
        assert_eq!(program.outputs().len(), outputs.len(), "one layout a result");
        let mut code = Code::new(program, inputs);
        let (outputs, halves): (Vec<Layout>, Vec<Option<Half>>) =
            outputs.into_iter().map(|s| (s.layout, s.half)).unzip();
        let whole =
            |(l, half): (&Layout, &Option<Half>)| half.is_none() || l.is_contiguous() && l.offset() == 0;
        assert!(outputs.iter().zip(&halves).all(whole), "a packed output fills its argument");
        let layouts: Vec<Layout> = code.layouts.iter().chain(&outputs).cloned().collect();
        assert!(
            layouts.iter().all(|l| l.shape() == outputs[0].shape()),
            "inputs are broadcast to the output's shape"
        );
        let overlaps = |l: &Layout| l.shape().iter().zip(l.strides()).any(|(&n, &s)| n > 1 && s == 0);
        assert!(!outputs.iter().any(overlaps), "elements of an output share a place");
        code.layouts = simplify(&layouts);
        let outputs = code.layouts.split_off(code.layouts.len() - outputs.len());
        Map { code, outputs, halves }
    }

    /// Copies from one layout to another.
    pub fn copy(dtype: DType, input: &Layout, output: Layout) -> Map {
        Map::new(Program::identity(dtype), std::slice::from_ref(input), output)
    }

    /// Writes a constant, given by its bits.
    pub fn fill(dtype: DType, bits: u32, output: Layout) -> Map {
        Map::new(Program::new(&[], &[Instr::Const(dtype, bits)]), &[], output)
    }

    pub(super) fn count(&self) -> usize {
        self.outputs[0].numel()
    }

    fn packs(&self) -> bool {
        self.halves.iter().any(Option::is_some)
    }

    /// Layouts of the inputs and outputs.
    pub(super) fn layouts(&self) -> Vec<Layout> {
        self.code.layouts.iter().chain(&self.outputs).cloned().collect()
    }

    fn output_type(&self, o: usize) -> &'static str {
        let program = &self.code.program;
        program.types()[usize::from(program.outputs()[o])].wgsl()
    }

    /// For every input, whether four neighbouring elements are a vector, and not one repeated element. `None` if those of an output are not
    /// an aligned vector, or those of an input neither, or if an argument is read both ways: it may not consist of whole vectors.
    pub(super) fn quads(&self) -> Option<Vec<bool>> {
        let mut inputs = vectors(&self.layouts())?;
        let outputs = inputs.split_off(self.code.layouts.len());
        let same =
            |i: usize, j: usize| self.code.argument(i) != self.code.argument(j) || inputs[i] == inputs[j];
        let one_way = (0..inputs.len()).all(|i| (0..i).all(|j| same(i, j)));
        (one_way && outputs.iter().all(|&vector| vector)).then_some(inputs)
    }

    /// WGSL of a function that computes the outputs of an element from its inputs.
    pub(super) fn mapped(&self) -> String {
        let program = &self.code.program;
        let of = |f: &dyn Fn(usize) -> String, count: usize| (0..count).map(f).collect::<Vec<_>>().join(", ");
        let outputs = self.outputs.len();
        format!(
            "\nstruct Mapped {{ {} }}\n\nfn mapped({}) -> Mapped {{\n{}    return Mapped({});\n}}\n",
            of(&|o| format!("m{o}: {}", self.output_type(o)), outputs),
            of(&|i| format!("r{i}: {}", program.inputs()[i].wgsl()), program.inputs().len()),
            program.wgsl(),
            of(&|o| format!("r{}", program.outputs()[o]), outputs),
        )
    }

    /// WGSL that computes the outputs `x`, `y`, `z` and `w` of four elements from inputs `vI`; `vectors` are the [`quads`](Map::quads).
    pub(super) fn mapped_quad(&self, vectors: &[bool]) -> String {
        let element = |part: &str| {
            let argument =
                |(i, &vector): (usize, &bool)| if vector { format!("v{i}.{part}") } else { format!("v{i}") };
            let arguments: Vec<String> = vectors.iter().enumerate().map(argument).collect();
            format!("    let {part} = mapped({});\n", arguments.join(", "))
        };
        ["x", "y", "z", "w"].map(element).concat()
    }

    /// WGSL that stores output `o` of four elements in the array `out{to}`, as read back in `all{to}`.
    pub(super) fn store_quad(&self, o: usize, to: usize) -> String {
        let place = format!("out{to}[u32(p{}) / 4u]", self.code.layouts.len() + o);
        let all = format!("vec4<{}>(x.m{o}, y.m{o}, z.m{o}, w.m{o})", self.output_type(o));
        match self.halves[o].map(|half| half.wgsl()) {
            None => format!("    let all{to} = {all};\n    {place} = all{to};\n"),
            Some(half) => format!(
                "    let words{to} = pack4_{half}({all});\n    {place} = words{to};\n    \
                 let all{to} = unpack4_{half}(words{to});\n"
            ),
        }
    }

    /// WGSL that binds output `o`, of words or of vectors of four elements.
    pub(super) fn bind_output(&self, o: usize, binding: usize, vectors: bool) -> String {
        let t = match (vectors, self.halves[o]) {
            (true, Some(_)) => "vec2<u32>".to_owned(),
            (true, None) => format!("vec4<{}>", self.output_type(o)),
            (false, Some(_)) => "u32".to_owned(),
            (false, None) => self.output_type(o).to_owned(),
        };
        format!("@group(0) @binding({binding}) var<storage, read_write> out{o}: array<{t}>;\n")
    }

    fn bind_outputs(&self, vectors: bool) -> String {
        let binding = |o: usize| self.bind_output(o, self.code.arguments() + o, vectors);
        (0..self.outputs.len()).map(binding).collect()
    }

    /// The bindings and functions, and the body, of a shader whose invocations compute four elements each. The program is that of single
    /// elements, and so are the results, to the bit.
    fn fours(&self, vectors: &[bool]) -> (String, String) {
        let code = &self.code;
        let bindings: String =
            (0..code.arguments()).map(|a| code.binding_quad("in", a, a, vectors)).collect();
        let loads: String = (0..vectors.len()).map(|i| code.load_quad("in", i, vectors)).collect();
        let stores: String = (0..self.outputs.len()).map(|o| self.store_quad(o, o)).collect();
        let functions = format!(
            "{bindings}{}{}\nfn elements(i: u32) {{\n{}{loads}{}{stores}}}",
            self.bind_outputs(true),
            self.mapped(),
            index_code(&self.layouts()),
            self.mapped_quad(vectors),
        );
        (functions, "    elements(4u * i);\n".into())
    }

    /// WGSL that computes element `i` and writes it, or, if the output is packed, keeps its bits in `halfO`.
    fn element(&self) -> String {
        let (inputs, program) = (self.code.layouts.len(), &self.code.program);
        let mut body = index_code(&self.layouts()) + &self.code.body("in");
        for (o, (register, half)) in program.outputs().iter().zip(&self.halves).enumerate() {
            body += &match half {
                Some(half) => format!("    half{o} = pack_{}(r{register});\n", half.wgsl()),
                None => format!("    out{o}[u32(p{})] = r{register};\n", inputs + o),
            };
        }
        body
    }

    /// The functions and the body of a shader whose invocations compute pairs of elements.
    fn pairs(&self) -> (String, String) {
        let packed: Vec<usize> = (0..self.halves.len()).filter(|&o| self.halves[o].is_some()).collect();
        let each = |f: &dyn Fn(usize) -> String| packed.iter().map(|&o| f(o)).collect::<String>();
        let functions = format!(
            "{}\nfn element(i: u32) {{\n{}}}",
            each(&|o| format!("var<private> half{o}: u32;\n")),
            self.element()
        );
        let body = format!(
            "    element(2u * i);\n{}    if (2u * i + 1u < {}u) {{\n        element(2u * i + 1u);\n    }}\n{}",
            each(&|o| format!("    let low{o} = half{o};\n    half{o} = 0u;\n")),
            self.count(),
            each(&|o| format!("    out{o}[i] = low{o} | (half{o} << 16u);\n")),
        );
        (functions, body)
    }
}

impl Kernel for Map {
    fn name(&self) -> &'static str {
        "map"
    }

    fn shape(&self) -> String {
        match (&self.code.layouts[..], &self.outputs[..]) {
            ([input], [output]) if self.code.program.code().is_empty() && !self.packs() => {
                format!("copy {input:?} to {output:?}")
            }
            (_, outputs) => {
                let packed =
                    self.halves.iter().flatten().next().map_or(String::new(), |h| format!(" to {h}"));
                format!("{:?} {}{packed}", outputs[0].shape(), self.code.program.summary())
            }
        }
    }

    fn access(&self) -> Vec<Access> {
        let mut access = vec![Access::Read; self.code.arguments()];
        access.extend(vec![Access::Write; self.outputs.len()]);
        access
    }

    fn shaders(&self) -> Vec<Shader> {
        let scalars = || self.code.bindings("in", 0) + &self.bind_outputs(false);
        let (count, (bindings, body)) = match self.quads() {
            Some(vectors) => (self.count() / 4, self.fours(&vectors)),
            None if self.packs() => {
                let (functions, body) = self.pairs();
                (self.count().div_ceil(2), (scalars() + &functions, body))
            }
            None => (self.count(), (scalars(), self.element())),
        };
        let source = Source::new(wgsl!("map")).set("COUNT", count);
        let source = source.block("bindings", bindings.trim_end()).block("body", body.trim_end());
        vec![Shader::linear(source.with(wgsl!("math")).finish(), count, 64)]
    }

    fn run(&self, args: &Args) {
        let (count, first) = (self.count(), self.code.arguments());
        let memory = self.code.memory(args, 0);
        let interpreter = || Interpreter::new(&self.code, &self.code.layouts, &memory);
        if let ([layout], [None]) = (&self.outputs[..], &self.halves[..])
            && layout.is_contiguous()
        {
            let out = &mut args.write(first)[layout.offset()..layout.offset() + count];
            let task = |(t, out): (usize, &mut [u32])| interpreter().run(t * TASK, out);
            if count <= TASK {
                task((0, out));
            } else {
                out.par_chunks_mut(TASK).enumerate().for_each(task);
            }
            return;
        }
        let outputs: ScratchVec<Shared> =
            (first..first + self.outputs.len()).map(|o| args.write(o).into()).collect();
        let task = |t: usize| {
            let (start, put) = (t * TASK, |at, o: usize, values: &[u32]| {
                // SAFETY: tasks write different elements, and an output's layout gives each its own position.
                unsafe {
                    match self.halves[o] {
                        Some(half) => pack(half, at, values, outputs[o]),
                        None => scatter(&self.outputs[o], at, values, outputs[o]),
                    }
                }
            });
            interpreter().run_all(start, TASK.min(count - start), put);
        };
        if count <= TASK {
            task(0);
        } else {
            (0..count.div_ceil(TASK)).into_par_iter().for_each(task);
        }
    }

    fn cost(&self) -> Cost {
        let count = self.count() as u64;
        let flops = count * self.code.program.code().len() as u64;
        let written = self.outputs.iter().zip(&self.halves).map(|(l, &half)| Stored::bytes(l, half));
        Cost { flops, bytes: (self.code.bytes() + written.sum::<usize>()) as u64 }
    }
}

/// WGSL that turns the element number `i` into the position `pK` of every layout.
pub(super) fn index_code(layouts: &[Layout]) -> String {
    positions("i", "p", layouts)
}

/// WGSL that turns the element number `from` into the position `toK` of every layout; the coordinates are `fromD`.
pub(super) fn positions(from: &str, to: &str, layouts: &[Layout]) -> String {
    let shape = layouts[0].shape();
    let mut text = String::new();
    if layouts.iter().any(|l| !l.is_contiguous()) {
        text += &format!("    var rest_{from} = {from};\n");
        for (d, &size) in shape.iter().enumerate().rev() {
            // Without elements, nothing is read, but a division by 0 would not compile.
            let size = size.max(1);
            if d == 0 {
                text += &format!("    let {from}0 = i32(rest_{from});\n");
            } else {
                text += &format!(
                    "    let {from}{d} = i32(rest_{from} % {size}u);\n    rest_{from} = rest_{from} / {size}u;\n"
                );
            }
        }
    }
    for (k, layout) in layouts.iter().enumerate() {
        let offset = layout.offset();
        if layout.is_contiguous() {
            text += &format!("    let {to}{k} = i32({from}) + {offset};\n");
            continue;
        }
        let terms = layout.strides().iter().enumerate().filter(|&(_, &s)| s != 0);
        let sum: String = terms.map(|(d, s)| format!(" + {from}{d} * ({s})")).collect();
        text += &format!("    let {to}{k} = {offset}{sum};\n");
    }
    text
}

/// Writes elements `start..start + values.len()` of `layout`.
///
/// # Safety
/// No other task writes these elements meanwhile.
unsafe fn scatter(layout: &Layout, start: usize, values: &[u32], out: Shared) {
    runs(layout, start, values.len(), |first, at, stride, run| {
        let last = at + (run as isize - 1) * stride;
        assert!(
            (0..out.len as isize).contains(&at.min(last)) && at.max(last) < out.len as isize,
            "out of range"
        );
        for (j, &value) in values[first..first + run].iter().enumerate() {
            // SAFETY: between two positions that are in range.
            unsafe { *out.pointer.offset(at + j as isize * stride) = value }
        }
    });
}

/// Writes elements `start..start + values.len()` of a packed output.
///
/// # Safety
/// No other task writes these elements meanwhile.
unsafe fn pack(half: Half, start: usize, values: &[u32], out: Shared) {
    assert!(start + values.len() <= 2 * out.len, "out of range");
    // SAFETY: in range, and the caller guarantees that no other task writes them.
    let out = unsafe { std::slice::from_raw_parts_mut(out.pointer.cast::<u16>().add(start), values.len()) };
    half.pack(values, out);
}
