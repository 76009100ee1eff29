//! A program with its inputs: the argument and layout of each.

use super::program::Program;
use crate::{Args, DType, Half, Layout, limits};

/// The words of every argument of a [`Code`].
pub(super) type Memory<'a> = [&'a [u32]; limits::CPU_ARGUMENTS];

/// How the values of an operand lie in an argument.
#[derive(Clone, Debug)]
pub struct Stored {
    /// In elements.
    pub layout: Layout,
    /// The type that f32 values are packed as, two per word.
    pub half: Option<Half>,
}

impl From<Layout> for Stored {
    fn from(layout: Layout) -> Stored {
        Stored { layout, half: None }
    }
}

impl Stored {
    /// Bytes of the elements that are read or written at least once.
    pub(super) fn bytes(layout: &Layout, half: Option<Half>) -> usize {
        let touched = layout.shape().iter().zip(layout.strides()).filter(|d| *d.1 != 0).map(|d| d.0);
        touched.product::<usize>() * if half.is_some() { Half::BYTES } else { DType::BYTES }
    }
}

/// Straight-line code over strided inputs. Several inputs may lie in one argument.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub program: Program,
    /// One per input.
    pub layouts: Vec<Layout>,
    /// The type that each input is packed as.
    halves: Vec<Option<Half>>,
    /// The argument of each input.
    arguments: Vec<usize>,
}

impl Code {
    /// # Panics
    /// When the number of inputs is not the program's, a packed input is not f32 in the program, or an argument has no
    /// input.
    pub fn new(program: Program, inputs: Vec<(usize, Stored)>) -> Code {
        assert_eq!(program.inputs().len(), inputs.len(), "one layout an input");
        let (arguments, stored): (Vec<usize>, Vec<Stored>) = inputs.into_iter().unzip();
        let (layouts, halves): (Vec<Layout>, Vec<Option<Half>>) =
            stored.into_iter().map(|s| (s.layout, s.half)).unzip();
        let fits = |(t, half): (&DType, &Option<Half>)| *t == DType::F32 || half.is_none();
        assert!(program.inputs().iter().zip(&halves).all(fits), "halves are read as f32");
        let count = arguments.iter().max().map_or(0, |a| a + 1);
        assert!((0..count).all(|a| arguments.contains(&a)), "every argument has an input");
        Code { program, layouts, halves, arguments }
    }

    /// Number of arguments.
    pub fn arguments(&self) -> usize {
        self.arguments.iter().max().map_or(0, |a| a + 1)
    }

    /// The arguments' memory, the first being number `first`.
    pub fn memory<'a>(&self, args: &'a Args, first: usize) -> Memory<'a> {
        let mut memory: Memory = [&[]; limits::CPU_ARGUMENTS];
        for (a, memory) in memory[..self.arguments()].iter_mut().enumerate() {
            *memory = args.read(first + a);
        }
        memory
    }

    /// The argument that input `i` lies in.
    pub fn argument(&self, i: usize) -> usize {
        self.arguments[i]
    }

    /// The type that input `i` is packed as.
    pub fn half(&self, i: usize) -> Option<Half> {
        self.halves[i]
    }

    /// Whether any input is packed.
    pub fn unpacks(&self) -> bool {
        self.halves.iter().any(Option::is_some)
    }

    /// Bytes read at least once.
    pub fn bytes(&self) -> usize {
        self.layouts.iter().zip(&self.halves).map(|(l, &half)| Stored::bytes(l, half)).sum()
    }

    /// Whether an argument holds packed values.
    fn packed(&self, argument: usize) -> bool {
        self.arguments.iter().zip(&self.halves).any(|(a, half)| *a == argument && half.is_some())
    }

    /// The type of an argument: that of its inputs, or words if they differ or are packed.
    pub fn argument_type(&self, argument: usize) -> DType {
        if self.packed(argument) {
            return DType::U32;
        }
        let mut types = self.arguments.iter().zip(self.program.inputs()).filter(|(a, _)| **a == argument);
        let first = *types.next().expect("every argument has an input").1;
        if types.all(|(_, t)| t.wgsl() == first.wgsl()) { first } else { DType::U32 }
    }

    /// WGSL that binds argument `a` at `binding` as `NAMEa`.
    pub fn binding(&self, name: &str, a: usize, binding: usize) -> String {
        let t = self.argument_type(a).wgsl();
        format!("@group(0) @binding({binding}) var<storage, read> {name}{a}: array<{t}>;\n")
    }

    /// WGSL that binds the arguments from binding `first` on as `NAME0..`.
    pub fn bindings(&self, name: &str, first: usize) -> String {
        (0..self.arguments()).map(|a| self.binding(name, a, first + a)).collect()
    }

    /// Whether argument `a` is bound as vectors; `vectors` tells which inputs are loaded as vectors.
    fn whole(&self, a: usize, vectors: &[bool]) -> bool {
        !self.packed(a) && self.arguments.iter().zip(vectors).any(|(b, vector)| *b == a && *vector)
    }

    /// As [`binding`](Code::binding), for [`load_quad`](Code::load_quad).
    pub fn binding_quad(&self, name: &str, a: usize, binding: usize, vectors: &[bool]) -> String {
        let t = self.argument_type(a).wgsl();
        let t = if self.whole(a, vectors) { format!("vec4<{t}>") } else { t.to_owned() };
        format!("@group(0) @binding({binding}) var<storage, read> {name}{a}: array<{t}>;\n")
    }

    /// WGSL that loads input `i` at position `pI` as `vI`: four neighbouring elements if `vectors[i]`, else one.
    pub fn load_quad(&self, name: &str, i: usize, vectors: &[bool]) -> String {
        let (t, a) = (self.program.inputs()[i].wgsl(), self.arguments[i]);
        if let Some(half) = self.halves[i] {
            return unpacked_quad(half, i, &format!("{name}{a}"), vectors[i]);
        }
        let words = match (self.whole(a, vectors), vectors[i]) {
            (true, true) => format!("{name}{a}[u32(p{i}) / 4u]"),
            (true, false) => format!("{name}{a}[u32(p{i}) / 4u][u32(p{i}) % 4u]"),
            (false, _) => format!("{name}{a}[u32(p{i})]"),
        };
        let t = if vectors[i] { format!("vec4<{t}>") } else { t.to_owned() };
        format!("    let v{i} = bitcast<{t}>({words});\n")
    }

    /// WGSL that loads input `i` as `rI` from its position `pI`.
    pub fn load(&self, name: &str, i: usize) -> String {
        let (t, a) = (self.program.inputs()[i].wgsl(), self.arguments[i]);
        let word = format!("{name}{a}[u32(p{i})]");
        let value = match self.halves[i] {
            Some(half) => unpacked(half, i, &format!("{name}{a}")),
            None if self.argument_type(a).wgsl() == t => word,
            None => format!("bitcast<{t}>({word})"),
        };
        format!("    let r{i}: {t} = {value};\n")
    }

    /// WGSL that computes all registers `rI` from the positions `pI` of the inputs.
    pub fn body(&self, name: &str) -> String {
        let loads: String = (0..self.layouts.len()).map(|i| self.load(name, i)).collect();
        loads + &self.program.wgsl()
    }
}

/// The packed value of input `i`.
fn unpacked(half: Half, i: usize, buffer: &str) -> String {
    format!("unpack_{}({buffer}[u32(p{i}) / 2u] >> (16u * (u32(p{i}) & 1u)))", half.wgsl())
}

/// WGSL that loads four neighbouring packed values, or one of them, as `vI`.
fn unpacked_quad(half: Half, i: usize, buffer: &str, vector: bool) -> String {
    if !vector {
        return format!("    let v{i} = {};\n", unpacked(half, i, buffer));
    }
    let half = half.wgsl();
    format!(
        "    let w{i} = u32(p{i}) / 2u;\n    \
         let v{i} = unpack4_{half}(vec2<u32>({buffer}[w{i}], {buffer}[w{i} + 1u]));\n"
    )
}
