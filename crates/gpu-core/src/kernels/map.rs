//! Element-wise maps over strided inputs: every point-wise function, copy, cast, fill, broadcast and scatter of a block.

use rayon::prelude::*;

use super::interpreter::{BLOCK, Interpreter, runs};
use super::program::{Instr, Program};
use crate::layout::simplify;
use crate::wgsl::{Source, wgsl};
use crate::{Access, Args, Cost, DType, Kernel, Layout, Shader};

/// `output[i] = program(inputs[0][i], inputs[1][i], ..)` for every index `i` of a common shape.
///
/// Arguments: the inputs, then the output. Each is read or written through its own layout, so that broadcasting,
/// transposing, flipping, slicing and writing into a part of a larger output cost no copy.
#[derive(Clone, Debug)]
pub struct Map {
    program: Program,
    /// Inputs, then the output.
    layouts: Vec<Layout>,
}

/// Blocks a task.
const TASK: usize = 16;

impl Map {
    /// # Panics
    /// When the layouts' shapes or their number do not fit.
    pub fn new(program: Program, inputs: &[Layout], output: Layout) -> Map {
        assert_eq!(program.inputs().len(), inputs.len(), "one layout an input");
        assert!(
            inputs.iter().all(|l| l.shape() == output.shape()),
            "inputs are broadcast to the output's shape"
        );
        let layouts: Vec<Layout> = inputs.iter().cloned().chain([output]).collect();
        Map { program, layouts: simplify(&layouts) }
    }

    /// Copies from one layout to another.
    pub fn copy(dtype: DType, input: &Layout, output: Layout) -> Map {
        Map::new(Program::identity(dtype), std::slice::from_ref(input), output)
    }

    /// Writes a constant, given by its bits.
    pub fn fill(dtype: DType, bits: u32, output: Layout) -> Map {
        Map::new(Program::new(&[], &[Instr::Const(dtype, bits)]), &[], output)
    }

    fn output(&self) -> &Layout {
        self.layouts.last().expect("a map has an output")
    }

    fn inputs(&self) -> &[Layout] {
        &self.layouts[..self.layouts.len() - 1]
    }
}

impl Kernel for Map {
    fn name(&self) -> &'static str {
        "map"
    }

    fn shape(&self) -> String {
        match self.inputs() {
            [input] if self.program.code().is_empty() => format!("copy {input:?} to {:?}", self.output()),
            _ => format!("{:?} {}", self.output().shape(), self.program.summary()),
        }
    }

    fn access(&self) -> Vec<Access> {
        let mut access = vec![Access::Read; self.inputs().len()];
        access.push(Access::Write);
        access
    }

    fn shaders(&self) -> Vec<Shader> {
        let count = self.output().numel();
        let mut bindings = String::new();
        for (i, t) in self.program.inputs().iter().enumerate() {
            bindings += &format!("@group(0) @binding({i}) var<storage, read> in{i}: array<{}>;\n", t.wgsl());
        }
        let (last, t) = (self.inputs().len(), self.program.output().wgsl());
        bindings += &format!("@group(0) @binding({last}) var<storage, read_write> out: array<{t}>;");
        let mut body = index_code(&self.layouts);
        for (i, t) in self.program.inputs().iter().enumerate() {
            body += &format!("    let r{i}: {} = in{i}[u32(p{i})];\n", t.wgsl());
        }
        body += &self.program.wgsl();
        body += &format!("    out[u32(p{last})] = r{};", self.program.types().len() - 1);
        let source =
            Source::new(wgsl!("map")).set("COUNT", count).block("bindings", &bindings).block("body", &body);
        vec![Shader::linear(source.with(wgsl!("math")).finish(), count, 64)]
    }

    fn run(&self, args: &Args) {
        let inputs: Vec<&[u32]> = (0..self.inputs().len()).map(|i| args.read(i)).collect();
        let out: &mut [u32] = args.write(inputs.len());
        let layout = self.output();
        let count = layout.numel();
        let interpreter = || Interpreter::new(&self.program, self.inputs(), inputs.clone());
        if layout.is_contiguous() {
            let out = &mut out[layout.offset()..layout.offset() + count];
            let task = |(t, out): (usize, &mut [u32])| interpreter().run(t * TASK * BLOCK, out);
            if count <= TASK * BLOCK {
                task((0, out));
            } else {
                out.par_chunks_mut(TASK * BLOCK).enumerate().for_each(task);
            }
        } else {
            let (mut interpreter, mut values) = (interpreter(), [0; BLOCK]);
            for start in (0..count).step_by(BLOCK) {
                let values = &mut values[..BLOCK.min(count - start)];
                interpreter.run(start, values);
                scatter(layout, start, values, out);
            }
        }
    }

    fn cost(&self) -> Cost {
        let count = self.output().numel() as u64;
        let flops = count * self.program.code().len() as u64;
        Cost { flops, bytes: count * 4 * self.layouts.len() as u64 }
    }
}

/// WGSL that turns the element number `i` into the position `pK` of every layout.
pub(super) fn index_code(layouts: &[Layout]) -> String {
    let shape = layouts[0].shape();
    let mut text = String::new();
    if layouts.iter().any(|l| !l.is_contiguous()) {
        text += "    var rest = i;\n";
        for (d, size) in shape.iter().enumerate().rev() {
            if d == 0 {
                text += "    let i0 = i32(rest);\n";
            } else {
                text += &format!("    let i{d} = i32(rest % {size}u);\n    rest = rest / {size}u;\n");
            }
        }
    }
    for (k, layout) in layouts.iter().enumerate() {
        let offset = layout.offset();
        if layout.is_contiguous() {
            text += &format!("    let p{k} = i32(i) + {offset};\n");
            continue;
        }
        let terms = layout.strides().iter().enumerate().filter(|&(_, &s)| s != 0);
        let sum: String = terms.map(|(d, s)| format!(" + i{d} * ({s})")).collect();
        text += &format!("    let p{k} = {offset}{sum};\n");
    }
    text
}

fn scatter(layout: &Layout, start: usize, values: &[u32], out: &mut [u32]) {
    runs(layout, start, values.len(), |first, at, stride, run| {
        for (j, &value) in values[first..first + run].iter().enumerate() {
            out[(at + j as isize * stride) as usize] = value;
        }
    });
}
