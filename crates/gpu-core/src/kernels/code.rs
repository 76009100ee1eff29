//! A program with its inputs: in which argument each lies, and how.

use super::program::Program;
use crate::{Args, DType, Layout, limits};

/// The words of every argument of a [`Code`].
pub(super) type Memory<'a> = [&'a [u32]; limits::CPU_ARGUMENTS];

/// Straight-line code over strided inputs. Several inputs may lie in one argument.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub program: Program,
    /// One an input.
    pub layouts: Vec<Layout>,
    /// The argument of each input.
    arguments: Vec<usize>,
}

impl Code {
    /// # Panics
    /// When the number of inputs is not the program's, or arguments are left out.
    pub fn new(program: Program, inputs: Vec<(usize, Layout)>) -> Code {
        assert_eq!(program.inputs().len(), inputs.len(), "one layout an input");
        let (arguments, layouts): (Vec<usize>, Vec<Layout>) = inputs.into_iter().unzip();
        let count = arguments.iter().max().map_or(0, |a| a + 1);
        assert!((0..count).all(|a| arguments.contains(&a)), "every argument has an input");
        Code { program, layouts, arguments }
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

    /// The type of an argument: that of its inputs, or words where they differ.
    fn argument_type(&self, argument: usize) -> DType {
        let mut types = self.arguments.iter().zip(self.program.inputs()).filter(|(a, _)| **a == argument);
        let first = *types.next().expect("every argument has an input").1;
        if types.all(|(_, t)| t.wgsl() == first.wgsl()) { first } else { DType::U32 }
    }

    /// WGSL that binds the arguments from binding `first` on as `NAME0..`.
    pub fn bindings(&self, name: &str, first: usize) -> String {
        let binding = |a: usize| {
            let t = self.argument_type(a).wgsl();
            format!("@group(0) @binding({}) var<storage, read> {name}{a}: array<{t}>;\n", first + a)
        };
        (0..self.arguments()).map(binding).collect()
    }

    /// As [`bindings`](Code::bindings), and WGSL that loads an element of each input, or where `vectors` says so four
    /// neighbouring ones, as `vI` from the position `pI`.
    pub fn quads(&self, name: &str, first: usize, vectors: &[bool]) -> (String, String) {
        let whole = |a: usize| self.arguments.iter().zip(vectors).any(|(b, vector)| *b == a && *vector);
        let (mut bindings, mut loads) = (String::new(), String::new());
        for a in 0..self.arguments() {
            let t = self.argument_type(a).wgsl();
            let t = if whole(a) { format!("vec4<{t}>") } else { t.to_owned() };
            bindings +=
                &format!("@group(0) @binding({}) var<storage, read> {name}{a}: array<{t}>;\n", first + a);
        }
        for (i, (t, &a)) in self.program.inputs().iter().zip(&self.arguments).enumerate() {
            let words = match (whole(a), vectors[i]) {
                (true, true) => format!("{name}{a}[u32(p{i}) / 4u]"),
                (true, false) => format!("{name}{a}[u32(p{i}) / 4u][u32(p{i}) % 4u]"),
                (false, _) => format!("{name}{a}[u32(p{i})]"),
            };
            let t = if vectors[i] { format!("vec4<{}>", t.wgsl()) } else { t.wgsl().to_owned() };
            loads += &format!("    let v{i} = bitcast<{t}>({words});\n");
        }
        (bindings, loads)
    }

    /// WGSL that computes all registers `rI` from the positions `pI` of the inputs.
    pub fn body(&self, name: &str) -> String {
        let mut text = String::new();
        for (i, (t, &a)) in self.program.inputs().iter().zip(&self.arguments).enumerate() {
            let (word, t) = (format!("{name}{a}[u32(p{i})]"), t.wgsl());
            let value =
                if self.argument_type(a).wgsl() == t { word } else { format!("bitcast<{t}>({word})") };
            text += &format!("    let r{i}: {t} = {value};\n");
        }
        text + &self.program.wgsl()
    }
}
