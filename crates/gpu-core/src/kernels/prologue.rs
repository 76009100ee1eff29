//! Operands that are computed as they are read.

use super::code::{Code, Memory, Stored};
use super::interpreter::Interpreter;
use super::map::{index_code, positions};
use super::program::Program;
use super::scratch::{Pooled, ScratchVec};
use crate::layout::simplify;
use crate::wgsl::{Source, wgsl};
use crate::{Access, Args, DType, Half, Layout};

/// An operand that a kernel computes while it loads it: element `i` is `program(inputs[0][i], inputs[1][i], ..)`, every
/// input broadcast to the operand's shape by its layout. The inputs are bound as neighbouring arguments.
///
/// So a chain of element-wise functions before a reduction, a convolution or a product costs no pass over memory.
#[derive(Clone, Debug)]
pub struct Prologue {
    code: Code,
    /// Layouts of the inputs, for the order of elements.
    simple: Vec<Layout>,
}

/// The dimensions of an operand in two groups, with separate element numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Split {
    /// Number of outer dimensions.
    pub outer: usize,
    /// Whether these are the last dimensions, not the first.
    pub outer_last: bool,
}

impl Prologue {
    /// An operand with one argument per input.
    ///
    /// # Panics
    /// When there is no input, or the layouts' shapes or their number do not fit.
    pub fn new(program: Program, layouts: Vec<Layout>) -> Prologue {
        Prologue::shared(program, layouts.into_iter().map(Stored::from).enumerate().collect())
    }

    /// An operand whose inputs are given by the number of their argument, counted from the operand's first, and their layout there.
    ///
    /// # Panics
    /// When there is no input, the layouts' shapes or their number do not fit, or an argument has no input.
    pub fn shared(program: Program, inputs: Vec<(usize, Stored)>) -> Prologue {
        let code = Code::new(program, inputs);
        let layouts = &code.layouts;
        assert!(!layouts.is_empty(), "an operand has an input");
        assert!(layouts.iter().all(|l| l.shape() == layouts[0].shape()), "inputs are broadcast to one shape");
        Prologue { simple: simplify(layouts), code }
    }

    /// The elements of one buffer as they are.
    pub fn plain(dtype: DType, layout: Layout) -> Prologue {
        Prologue::new(Program::identity(dtype), vec![layout])
    }

    /// Number of arguments bound.
    pub fn arity(&self) -> usize {
        self.code.arguments()
    }

    /// Shape of the operand.
    pub fn shape(&self) -> &[usize] {
        self.code.layouts[0].shape()
    }

    /// Number of elements.
    pub fn numel(&self) -> usize {
        self.code.layouts[0].numel()
    }

    /// Type of the elements.
    pub fn dtype(&self) -> DType {
        self.code.program.output()
    }

    /// Whether it is one buffer, read densely from any offset.
    pub fn is_plain(&self) -> bool {
        self.is_identity() && self.code.layouts[0].is_contiguous()
    }

    /// The type of the values, if it is one packed buffer, read densely from any offset.
    pub(super) fn packed(&self) -> Option<Half> {
        let alone = self.code.program.code().is_empty() && self.code.layouts[0].is_contiguous();
        self.code.half(0).filter(|_| alone)
    }

    /// Whether it is one buffer, read as it is through any layout.
    pub(super) fn is_identity(&self) -> bool {
        self.code.program.code().is_empty() && !self.code.unpacks()
    }

    pub(super) fn layouts(&self) -> &[Layout] {
        &self.code.layouts
    }

    /// The same elements in another order or shape: `f` is applied to the layout of every input.
    pub(super) fn relayout(&self, f: impl FnMut(&Layout) -> Layout) -> Prologue {
        let mut code = self.code.clone();
        code.layouts = self.code.layouts.iter().map(f).collect();
        Prologue { simple: simplify(&code.layouts), code }
    }

    /// How the arguments of the operand are used.
    pub(super) fn access(&self) -> impl Iterator<Item = Access> {
        std::iter::repeat_n(Access::Read, self.arity())
    }

    /// Floating-point operations and bytes read for the whole operand.
    pub(super) fn work(&self) -> (u64, u64) {
        let flops = self.numel() * self.code.program.code().len();
        (flops as u64, self.code.bytes() as u64)
    }

    /// The operand on the CPU, its inputs bound from argument `first` on.
    pub(super) fn bind<'a>(&'a self, args: &'a Args, first: usize) -> Operand<'a> {
        Operand { of: self, memory: self.code.memory(args, first) }
    }

    /// WGSL that binds the inputs from binding `first` on as `NAME0..` and defines `fn load_NAME(i: u32) -> T`: element
    /// `i` in row-major order, or for a `width` of 4 a `vec4` of the elements from `4 i` on.
    pub(super) fn wgsl(&self, name: &str, first: usize, width: usize) -> String {
        let offset = self.code.layouts[0].offset();
        if width == 4 && self.is_plain() && offset.is_multiple_of(4) {
            return format!(
                "@group(0) @binding({first}) var<storage, read> {name}0: array<vec4<f32>>;\n\n\
                 fn load_{name}(i: u32) -> vec4<f32> {{\n    return {name}0[i + {}u];\n}}\n",
                offset / 4
            );
        }
        if width == 4
            && let Some(text) = self.wgsl_quads(name, first)
        {
            return text;
        }
        let mut text = self.code.bindings(name, first);
        let element = if width == 4 { format!("{name}_element") } else { format!("load_{name}") };
        text += &format!("\nfn {element}(i: u32) -> {} {{\n", self.dtype().wgsl());
        text += &index_code(&self.simple);
        text += &self.code.body(name);
        text += &format!("    return r{};\n}}\n", self.code.program.types().len() - 1);
        if width == 4 {
            text += &format!(
                "\nfn load_{name}(i: u32) -> vec4<f32> {{\n    let e = 4u * i;\n    return vec4<f32>({element}(e), \
                 {element}(e + 1u), {element}(e + 2u), {element}(e + 3u));\n}}\n"
            );
        }
        text
    }

    /// As [`wgsl`](Prologue::wgsl), of a plain operand whose values are f16, and which may be stored as f32: it is loaded as f16.
    pub(super) fn wgsl_f16(&self, stored: &str, name: &str, first: usize, width: usize) -> String {
        let offset = self.code.layouts[0].offset();
        assert!(self.is_plain() && offset.is_multiple_of(width), "f16 as they are stored");
        let of = |element: &str| if width == 4 { format!("vec4<{element}>") } else { element.to_owned() };
        let (from, to) = (of(stored), of("f16"));
        format!(
            "@group(0) @binding({first}) var<storage, read> {name}0: array<{from}>;\n\n\
             fn load_{name}(i: u32) -> {to} {{\n    return {to}({name}0[i + {}u]);\n}}\n",
            offset / width
        )
    }

    /// WGSL of `fn load_NAME(i: u32, given: f32) -> T`, which reads its arguments as `NAME0..`, except those that `are_given`, whose
    /// element is `given`.
    pub(super) fn wgsl_given(&self, name: &str, are_given: impl Fn(usize) -> bool) -> String {
        let load = |i: usize| match are_given(self.code.argument(i)) {
            true => format!("    let r{i} = given;\n"),
            false => self.code.load(name, i),
        };
        let loads: String = (0..self.simple.len()).map(load).collect();
        format!(
            "fn load_{name}(i: u32, given: f32) -> {} {{\n{}{loads}{}    return r{};\n}}\n",
            self.dtype().wgsl(),
            index_code(&self.simple),
            self.code.program.wgsl(),
            self.code.program.types().len() - 1
        )
    }

    /// The code and the layouts of its inputs.
    pub(super) fn code(&self) -> &Code {
        &self.code
    }

    /// WGSL that binds the inputs from binding `first` on as `NAME0..` and defines `fn load_NAME(o: u32, e: u32) -> T`: the element
    /// with number `o` in the outer dimensions and `e` in the others. A single number would overflow if the operand has more than 2^32
    /// elements.
    pub(super) fn wgsl_split(&self, name: &str, first: usize, Split { outer, outer_last }: Split) -> String {
        let rank = self.shape().len();
        let at = if outer_last { rank - outer } else { outer };
        let part = |dims: std::ops::Range<usize>, offset: bool| {
            let part = |l: &Layout| {
                let offset = if offset { l.offset() } else { 0 };
                Layout::new(l.shape()[dims.clone()].to_vec(), l.strides()[dims.clone()].to_vec(), offset)
            };
            simplify(&self.code.layouts.iter().map(part).collect::<Vec<_>>())
        };
        let (front, back) = (part(0..at, true), part(at..rank, false));
        let (o, e) = if outer_last { (back, front) } else { (front, back) };
        let sums: String = (0..o.len()).map(|k| format!("    let p{k} = outer{k} + inner{k};\n")).collect();
        format!(
            "{}\nfn load_{name}(o: u32, e: u32) -> {} {{\n{}{}{sums}{}    return r{};\n}}\n",
            self.code.bindings(name, first),
            self.dtype().wgsl(),
            positions("o", "outer", &o),
            positions("e", "inner", &e),
            self.code.body(name),
            self.code.program.types().len() - 1,
        )
    }

    /// As [`wgsl`](Prologue::wgsl) of width 4, if four neighbouring elements are a vector or one repeated element of each input.
    fn wgsl_quads(&self, name: &str, first: usize) -> Option<String> {
        let vectors = vectors(&self.simple)?;
        let bindings: String =
            (0..self.arity()).map(|a| self.code.binding_quad(name, a, first + a, &vectors)).collect();
        let loads: String = (0..vectors.len()).map(|i| self.code.load_quad(name, i, &vectors)).collect();
        let (t, result) = (self.dtype().wgsl(), self.code.program.types().len() - 1);
        let inputs = self.code.program.inputs();
        let parameters: Vec<String> =
            inputs.iter().enumerate().map(|(i, t)| format!("r{i}: {}", t.wgsl())).collect();
        let element = |part: &str| {
            let argument =
                |(i, &vector): (usize, &bool)| if vector { format!("v{i}.{part}") } else { format!("v{i}") };
            let arguments: Vec<String> = vectors.iter().enumerate().map(argument).collect();
            format!("{name}_element({})", arguments.join(", "))
        };
        Some(format!(
            "{bindings}\nfn {name}_element({}) -> {t} {{\n{}    return r{result};\n}}\n\n\
             fn load_{name}(quad: u32) -> vec4<{t}> {{\n    let i = 4u * quad;\n{}{loads}    \
             return vec4<{t}>({});\n}}\n",
            parameters.join(", "),
            self.code.program.wgsl(),
            index_code(&self.simple),
            ["x", "y", "z", "w"].map(element).join(", "),
        ))
    }
}

/// For every layout of one shape, whether four neighbouring elements from a multiple of four on are an aligned vector or one repeated
/// element; `None` if they are neither.
pub(super) fn vectors(layouts: &[Layout]) -> Option<Vec<bool>> {
    let (last, outer) = layouts[0].shape().split_last()?;
    if !last.is_multiple_of(4) {
        return None;
    }
    let whole = |n: isize| n % 4 == 0;
    let vector = |l: &Layout| match l.strides()[outer.len()] {
        0 => Some(false),
        1 => (whole(l.offset() as isize) && l.strides()[..outer.len()].iter().all(|&s| whole(s)))
            .then_some(true),
        _ => None,
    };
    layouts.iter().map(vector).collect()
}

/// Appends `math.wgsl` if an operand needs it.
pub(super) fn with_math(source: Source, operands: &[&Prologue]) -> Source {
    if operands.iter().all(|o| o.is_identity()) { source } else { source.with(wgsl!("math")) }
}

/// The element types that a [`Prologue`] can be read as.
pub(super) trait Element: bytemuck::Pod + Default + Pooled {}
impl<T: bytemuck::Pod + Default + Pooled> Element for T {}

/// A [`Prologue`] bound to memory.
pub(super) struct Operand<'a> {
    of: &'a Prologue,
    memory: Memory<'a>,
}

impl<'a> Operand<'a> {
    /// All elements in place, if they are not computed.
    pub fn plain<T: bytemuck::Pod>(&self) -> Option<&'a [T]> {
        let layout = &self.of.code.layouts[0];
        let words = || &self.memory[0][layout.offset()..][..layout.numel()];
        self.of.is_plain().then(|| bytemuck::cast_slice(words()))
    }

    /// A reader for one thread.
    pub fn reader<T: Element>(&'a self) -> Reader<'a, T> {
        match self.plain() {
            Some(values) => Reader::Plain(values),
            None => {
                let interpreter = Interpreter::new(&self.of.code, &self.of.simple, &self.memory);
                Reader::Computed(interpreter, ScratchVec::at_least(0))
            }
        }
    }
}

/// Reads ranges of an operand of elements `T`.
pub(super) enum Reader<'a, T: Element> {
    Plain(&'a [T]),
    /// What computes the elements, and memory for them.
    Computed(Interpreter<'a>, ScratchVec<T>),
}

impl<'a, T: Element> Reader<'a, T> {
    /// All elements in place, if they are not computed.
    pub fn plain(&self) -> Option<&'a [T]> {
        match self {
            Reader::Plain(values) => Some(values),
            Reader::Computed(..) => None,
        }
    }

    /// Copies elements `start..start + out.len()` in row-major order.
    pub fn copy(&mut self, start: usize, out: &mut [T]) {
        match self {
            Reader::Plain(values) => out.copy_from_slice(&values[start..start + out.len()]),
            Reader::Computed(interpreter, _) => interpreter.run(start, bytemuck::cast_slice_mut(out)),
        }
    }

    /// Elements `start..start + len` in row-major order: in place, or computed.
    pub fn read(&mut self, start: usize, len: usize) -> &[T] {
        match self {
            Reader::Plain(values) => &values[start..start + len],
            Reader::Computed(interpreter, values) => {
                values.grow(len);
                let values = &mut values[..len];
                interpreter.run(start, bytemuck::cast_slice_mut(values));
                values
            }
        }
    }
}
