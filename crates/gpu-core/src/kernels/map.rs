//! Element-wise maps over strided inputs: every point-wise function, copy, cast, fill, broadcast and scatter of a block.

use rayon::prelude::*;

use super::program::{Binary, Instr, Program, Unary};
use crate::layout::simplify;
use crate::simd::vectorized;
use crate::vecmath;
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

/// Elements handled at a time by the CPU twin: small enough for the first cache, long enough to amortise dispatch.
const BLOCK: usize = 1024;
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
        if layout.is_contiguous() {
            let out = &mut out[layout.offset()..layout.offset() + count];
            let task = |(t, out): (usize, &mut [u32])| {
                let mut registers = Registers::new(&self.program);
                for (b, out) in out.chunks_mut(BLOCK).enumerate() {
                    registers.eval(self, &inputs, t * TASK * BLOCK + b * BLOCK, out.len());
                    out.copy_from_slice(registers.result(self, &inputs, out.len()));
                }
            };
            if count <= TASK * BLOCK {
                task((0, out));
            } else {
                out.par_chunks_mut(TASK * BLOCK).enumerate().for_each(task);
            }
        } else {
            let mut registers = Registers::new(&self.program);
            for start in (0..count).step_by(BLOCK) {
                let len = BLOCK.min(count - start);
                registers.eval(self, &inputs, start, len);
                scatter(layout, start, registers.result(self, &inputs, len), out);
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

/// Visits the positions of elements `start..start + len` as runs of `(first element, position, stride, length)`.
fn runs(layout: &Layout, start: usize, len: usize, mut visit: impl FnMut(usize, isize, isize, usize)) {
    let Some(inner) = layout.rank().checked_sub(1) else {
        return visit(0, layout.offset() as isize, 0, len);
    };
    let (size, stride) = (layout.shape()[inner], layout.strides()[inner]);
    let mut done = 0;
    while done < len {
        let at = start + done;
        let run = (size - at % size).min(len - done);
        visit(done, layout.position(at) as isize, stride, run);
        done += run;
    }
}

fn gather(layout: &Layout, start: usize, input: &[u32], out: &mut [u32]) {
    runs(layout, start, out.len(), |first, at, stride, run| {
        let out = &mut out[first..first + run];
        match stride {
            0 => out.fill(input[at as usize]),
            1 => out.copy_from_slice(&input[at as usize..at as usize + run]),
            _ => {
                out.iter_mut().enumerate().for_each(|(j, o)| *o = input[(at + j as isize * stride) as usize])
            }
        }
    });
}

fn scatter(layout: &Layout, start: usize, values: &[u32], out: &mut [u32]) {
    runs(layout, start, values.len(), |first, at, stride, run| {
        for (j, &value) in values[first..first + run].iter().enumerate() {
            out[(at + j as isize * stride) as usize] = value;
        }
    });
}

/// One block of values for every register. Contiguous inputs are used in place.
struct Registers {
    blocks: Vec<[u32; BLOCK]>,
    start: usize,
}

impl Registers {
    fn new(program: &Program) -> Registers {
        Registers { blocks: vec![[0; BLOCK]; program.types().len()], start: 0 }
    }

    fn eval(&mut self, map: &Map, inputs: &[&[u32]], start: usize, len: usize) {
        self.start = start;
        for (i, layout) in map.inputs().iter().enumerate() {
            if !layout.is_contiguous() {
                gather(layout, start, inputs[i], &mut self.blocks[i][..len]);
            }
        }
        for (k, instr) in map.program.code().iter().enumerate() {
            let at = map.inputs().len() + k;
            let (before, after) = self.blocks.split_at_mut(at);
            let get = |r: u16| operand(map, inputs, before, start, usize::from(r), len);
            let out = &mut after[0][..len];
            let of = |r: u16| map.program.types()[usize::from(r)];
            match *instr {
                Instr::Unary(op, a) => unary(op, of(a), get(a), out),
                Instr::Binary(op, a, b) => binary(op, of(a), get(a), get(b), out),
                Instr::Select(c, a, b) => {
                    let (c, a, b) = (get(c), get(a), get(b));
                    vectorized(
                        #[inline(always)]
                        || {
                            for (i, o) in out.iter_mut().enumerate() {
                                *o = if c[i] != 0 { a[i] } else { b[i] };
                            }
                        },
                    );
                }
                Instr::Const(_, bits) => out.fill(bits),
            }
        }
    }

    fn result<'a>(&'a self, map: &Map, inputs: &[&'a [u32]], len: usize) -> &'a [u32] {
        operand(map, inputs, &self.blocks, self.start, map.program.types().len() - 1, len)
    }
}

fn operand<'a>(
    map: &Map,
    inputs: &[&'a [u32]],
    blocks: &'a [[u32; BLOCK]],
    start: usize,
    register: usize,
    len: usize,
) -> &'a [u32] {
    match map.inputs().get(register) {
        Some(layout) if layout.is_contiguous() => &inputs[register][layout.offset() + start..][..len],
        _ => &blocks[register][..len],
    }
}

/// Applies `f` to every element, in the widest vectors.
#[inline(always)]
fn map1<A: bytemuck::Pod, R: bytemuck::Pod>(a: &[u32], out: &mut [u32], f: impl Fn(A) -> R) {
    let (a, out): (&[A], &mut [R]) = (bytemuck::cast_slice(a), bytemuck::cast_slice_mut(out));
    vectorized(
        #[inline(always)]
        || out.iter_mut().zip(a).for_each(|(o, &a)| *o = f(a)),
    );
}

#[inline(always)]
fn map2<A: bytemuck::Pod, R: bytemuck::Pod>(a: &[u32], b: &[u32], out: &mut [u32], f: impl Fn(A, A) -> R) {
    let (a, b): (&[A], &[A]) = (bytemuck::cast_slice(a), bytemuck::cast_slice(b));
    let out: &mut [R] = bytemuck::cast_slice_mut(out);
    vectorized(
        #[inline(always)]
        || out.iter_mut().zip(a.iter().zip(b)).for_each(|(o, (&a, &b))| *o = f(a, b)),
    );
}

fn unary(op: Unary, t: DType, a: &[u32], out: &mut [u32]) {
    match (op, t) {
        (Unary::Cast(to), _) => cast(t, to, a, out),
        (_, DType::F32) => unary_f32(op, a, out),
        (Unary::Not, _) => map1(a, out, |x: u32| u32::from(x == 0)),
        (Unary::Neg, _) => map1(a, out, i32::wrapping_neg),
        (Unary::Abs, DType::I32) => map1(a, out, i32::wrapping_abs),
        (Unary::Sign, DType::I32) => map1(a, out, i32::signum),
        _ => panic!("{op:?} of {t}"),
    }
}

fn unary_f32(op: Unary, a: &[u32], out: &mut [u32]) {
    use Unary::*;
    type F = f32;
    match op {
        Neg => map1(a, out, |x: F| -x),
        Abs => map1(a, out, F::abs),
        Sign => map1(a, out, |x: F| -> F {
            if x > 0.0 {
                1.0
            } else if x < 0.0 {
                -1.0
            } else {
                0.0
            }
        }),
        Recip => map1(a, out, |x: F| 1.0 / x),
        Sqrt => map1(a, out, F::sqrt),
        Rsqrt => map1(a, out, |x: F| 1.0 / x.sqrt()),
        Exp => map1(a, out, vecmath::exp),
        Expm1 => map1(a, out, vecmath::expm1),
        Log => map1(a, out, vecmath::log),
        Log1p => map1(a, out, vecmath::log1p),
        Sin => angles(a, out, vecmath::sin, F::sin),
        Cos => angles(a, out, vecmath::cos, F::cos),
        Tan => map1(a, out, F::tan),
        Asin => map1(a, out, F::asin),
        Acos => map1(a, out, F::acos),
        Atan => map1(a, out, F::atan),
        Sinh => map1(a, out, F::sinh),
        Cosh => map1(a, out, F::cosh),
        Asinh => map1(a, out, F::asinh),
        Acosh => map1(a, out, F::acosh),
        Atanh => map1(a, out, F::atanh),
        Tanh => map1(a, out, vecmath::tanh),
        Erf => map1(a, out, vecmath::erf),
        Erfc => map1(a, out, libm::erfcf),
        Sigmoid => map1(a, out, vecmath::sigmoid),
        Relu => map1(a, out, |x: F| if x <= 0.0 { 0.0 } else { x }),
        GeluTanh => map1(a, out, vecmath::gelu_tanh),
        GeluTanhGrad => map1(a, out, vecmath::gelu_tanh_grad),
        Floor => map1(a, out, F::floor),
        Ceil => map1(a, out, F::ceil),
        Round => map1(a, out, F::round_ties_even),
        Trunc => map1(a, out, F::trunc),
        IsNan => map1(a, out, |x: F| u32::from(x.is_nan())),
        IsInf => map1(a, out, |x: F| u32::from(x.is_infinite())),
        Not | Cast(_) => panic!("{op:?} of f32"),
    }
}

/// Applies `fast`, which is for angles of moderate size, to blocks without a larger one, and `exact` to others.
#[inline(always)]
fn angles(a: &[u32], out: &mut [u32], fast: impl Fn(f32) -> f32, exact: impl Fn(f32) -> f32) {
    let most = vecmath::MOST_RADIANS.to_bits();
    let largest = vectorized(
        #[inline(always)]
        || a.iter().fold(0, |largest, &x| (x & 0x7fff_ffff).max(largest)),
    );
    if largest <= most { map1(a, out, fast) } else { map1(a, out, exact) }
}

fn cast(from: DType, to: DType, a: &[u32], out: &mut [u32]) {
    use DType::*;
    match (from, to) {
        (F32, I32) => map1(a, out, |x: f32| x as i32),
        (F32, U32) => map1(a, out, |x: f32| x as u32),
        (F32, Bool) => map1(a, out, |x: f32| u32::from(x != 0.0)),
        (I32, F32) => map1(a, out, |x: i32| x as f32),
        (U32 | Bool, F32) => map1(a, out, |x: u32| x as f32),
        (I32 | U32, Bool) => map1(a, out, |x: u32| u32::from(x != 0)),
        _ => out.copy_from_slice(a),
    }
}

fn binary(op: Binary, t: DType, a: &[u32], b: &[u32], out: &mut [u32]) {
    match t {
        DType::F32 => binary_f32(op, a, b, out),
        DType::I32 => binary_i32(op, a, b, out),
        DType::U32 | DType::Bool => binary_u32(op, a, b, out),
    }
}

fn binary_f32(op: Binary, a: &[u32], b: &[u32], out: &mut [u32]) {
    use Binary::*;
    type F = f32;
    match op {
        Add => map2(a, b, out, |x: F, y| x + y),
        Sub => map2(a, b, out, |x: F, y| x - y),
        Mul => map2(a, b, out, |x: F, y| x * y),
        Div => map2(a, b, out, |x: F, y| x / y),
        Pow => map2(a, b, out, F::powf),
        Atan2 => map2(a, b, out, F::atan2),
        Fmod => map2(a, b, out, |x: F, y| x % y),
        Max => map2(a, b, out, |x: F, y| if x > y || x.is_nan() { x } else { y }),
        Min => map2(a, b, out, |x: F, y| if x < y || x.is_nan() { x } else { y }),
        Eq => map2(a, b, out, |x: F, y| u32::from(x == y)),
        Ne => map2(a, b, out, |x: F, y| u32::from(x != y)),
        Lt => map2(a, b, out, |x: F, y| u32::from(x < y)),
        Le => map2(a, b, out, |x: F, y| u32::from(x <= y)),
        Gt => map2(a, b, out, |x: F, y| u32::from(x > y)),
        Ge => map2(a, b, out, |x: F, y| u32::from(x >= y)),
        And | Or | Xor => panic!("{op:?} of f32"),
    }
}

/// Integer arithmetic wraps, and division by zero gives the dividend (as WGSL defines it).
macro_rules! integer_ops {
    ($name:ident, $t:ty) => {
        fn $name(op: Binary, a: &[u32], b: &[u32], out: &mut [u32]) {
            use Binary::*;
            match op {
                Add => map2(a, b, out, <$t>::wrapping_add),
                Sub => map2(a, b, out, <$t>::wrapping_sub),
                Mul => map2(a, b, out, <$t>::wrapping_mul),
                Div => map2(a, b, out, |x: $t, y| if y == 0 { x } else { x.wrapping_div(y) }),
                Fmod => map2(a, b, out, |x: $t, y| if y == 0 { 0 } else { x.wrapping_rem(y) }),
                Max => map2(a, b, out, |x: $t, y| x.max(y)),
                Min => map2(a, b, out, |x: $t, y| x.min(y)),
                Eq => map2(a, b, out, |x: $t, y| u32::from(x == y)),
                Ne => map2(a, b, out, |x: $t, y| u32::from(x != y)),
                Lt => map2(a, b, out, |x: $t, y| u32::from(x < y)),
                Le => map2(a, b, out, |x: $t, y| u32::from(x <= y)),
                Gt => map2(a, b, out, |x: $t, y| u32::from(x > y)),
                Ge => map2(a, b, out, |x: $t, y| u32::from(x >= y)),
                And => map2(a, b, out, |x: $t, y| x & y),
                Or => map2(a, b, out, |x: $t, y| x | y),
                Xor => map2(a, b, out, |x: $t, y| x ^ y),
                Pow | Atan2 => panic!("{op:?} of integers"),
            }
        }
    };
}
integer_ops!(binary_i32, i32);
integer_ops!(binary_u32, u32);
