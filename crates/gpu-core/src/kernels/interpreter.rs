//! Programs on the CPU: a block of elements at a time, one vectorised pass per instruction.

mod functions;

use super::code::{Code, Memory};
use super::program::Instr;
use super::scratch::{ScratchVec, pooled};
use crate::{Half, Layout};

/// Elements handled at a time: few enough that the results in use stay in the L1 cache, enough to amortise dispatch.
pub(super) const BLOCK: usize = 1024;
/// Rows of at least this many elements are handled separately, so that a value that is constant along a row is one
/// number.
const ROW: usize = 256;

/// Evaluates one program over strided inputs.
pub(super) struct Interpreter<'a> {
    code: &'a Code,
    layouts: &'a [Layout],
    memory: &'a Memory<'a>,
    /// Blocks of results; see [`Program::slots`](super::program::Program::slots).
    slots: ScratchVec<Vec<u32>>,
    /// Values of the registers of the current block.
    values: ScratchVec<Value>,
}

#[derive(Clone, Copy)]
enum Value {
    /// Read in place: an argument, and the position of the first element in it.
    Input(usize, usize),
    Slot(usize),
    /// The same for every element.
    One(u32),
}

pooled!(Value);

impl<'a> Interpreter<'a> {
    /// `layouts` of one shape, one per input; fewest dimensions are fastest (see
    /// [`simplify`](crate::layout::simplify)).
    pub fn new(code: &'a Code, layouts: &'a [Layout], memory: &'a Memory<'a>) -> Interpreter<'a> {
        let slots = code.program.slots().iter().max().map_or(0, |s| s + 1);
        Interpreter { code, layouts, memory, slots: ScratchVec::at_least(slots), values: ScratchVec::empty() }
    }

    /// Computes the only result of elements `start..start + out.len()` in row-major order.
    pub fn run(&mut self, start: usize, out: &mut [u32]) {
        let mut done = 0;
        while done < out.len() {
            let len = self.block_len(start + done, out.len() - done);
            self.block(start + done, &mut out[done..done + len]);
            done += len;
        }
    }

    /// Computes all results of elements `start..start + len` in row-major order, block by block: `put(element, result,
    /// values)`.
    pub fn run_all(&mut self, start: usize, len: usize, mut put: impl FnMut(usize, usize, &[u32])) {
        let (end, mut at) = (start + len, start);
        let mut filled = [0; BLOCK];
        while at < end {
            let len = self.block_len(at, end - at);
            self.registers(at, len, self.code.program.code());
            for (o, &register) in self.code.program.outputs().iter().enumerate() {
                match self.values[usize::from(register)] {
                    Value::Input(argument, first) => put(at, o, &self.memory[argument][first..first + len]),
                    Value::Slot(slot) => put(at, o, &self.slots[slot][..len]),
                    Value::One(value) => {
                        filled[..len].fill(value);
                        put(at, o, &filled[..len]);
                    }
                }
            }
            at += len;
        }
    }

    /// Elements of the block at `at` when `left` elements remain.
    fn block_len(&self, at: usize, left: usize) -> usize {
        let inner = self.layouts.first().and_then(|l| l.shape().last().copied()).unwrap_or(usize::MAX);
        let row = if inner >= ROW { inner - at % inner } else { BLOCK };
        left.min(row).min(BLOCK)
    }

    fn block(&mut self, start: usize, out: &mut [u32]) {
        let Some((last, first)) = self.code.program.code().split_last() else {
            if let Some(half) = self.code.half(0) {
                return unpack(half, &self.layouts[0], start, self.memory[self.code.argument(0)], out);
            }
            return gather(&self.layouts[0], start, self.memory[self.code.argument(0)], out);
        };
        self.registers(start, out.len(), first);
        if self.is_one(last) { out.fill(self.one(last)) } else { self.apply(last, out) }
    }

    /// Values of the inputs and of the results of `code`, the first instructions of the program.
    fn registers(&mut self, start: usize, len: usize, code: &[Instr]) {
        self.values.clear();
        for i in 0..self.layouts.len() {
            let value = self.input(i, start, len);
            self.values.push(value);
        }
        for instr in code {
            let slot = self.code.program.slots()[self.values.len()];
            let value = if self.is_one(instr) {
                Value::One(self.one(instr))
            } else {
                // Taken out so that the other slots can be read.
                let mut values = std::mem::take(&mut self.slots[slot]);
                values.resize(BLOCK, 0);
                self.apply(instr, &mut values[..len]);
                self.slots[slot] = values;
                Value::Slot(slot)
            };
            self.values.push(value);
        }
    }

    /// Whether a result is the same for every element.
    fn is_one(&self, instr: &Instr) -> bool {
        instr.operands().all(|r| matches!(self.values[r], Value::One(_)))
    }

    fn one(&self, instr: &Instr) -> u32 {
        let mut value = [0];
        self.apply(instr, &mut value);
        value[0]
    }

    /// Elements `start..start + len` of input `i`.
    fn input(&mut self, i: usize, start: usize, len: usize) -> Value {
        let (layout, argument) = (&self.layouts[i], self.code.argument(i));
        if let Some(half) = self.code.half(i) {
            return self.unpacked(half, i, start, len);
        }
        if layout.is_contiguous() {
            return Value::Input(argument, layout.offset() + start);
        }
        // A layout that is not contiguous has a dimension.
        let inner = layout.rank() - 1;
        let (size, stride) = (layout.shape()[inner], layout.strides()[inner]);
        if start % size + len <= size {
            let at = layout.position(start);
            match stride {
                0 => return Value::One(self.memory[argument][at]),
                1 => return Value::Input(argument, at),
                _ => {}
            }
        }
        let slot = self.code.program.slots()[i];
        self.slots[slot].resize(BLOCK, 0);
        gather(layout, start, self.memory[argument], &mut self.slots[slot][..len]);
        Value::Slot(slot)
    }

    /// Elements `start..start + len` of the packed input `i`.
    fn unpacked(&mut self, half: Half, i: usize, start: usize, len: usize) -> Value {
        let (layout, words) = (&self.layouts[i], self.memory[self.code.argument(i)]);
        let inner = layout.rank().checked_sub(1).map_or((1, 0), |d| (layout.shape()[d], layout.strides()[d]));
        if inner.1 == 0 && start % inner.0 + len <= inner.0 {
            let halves: &[u16] = bytemuck::cast_slice(words);
            return Value::One(half.unpacked(halves[layout.position(start)]));
        }
        let slot = self.code.program.slots()[i];
        self.slots[slot].resize(BLOCK, 0);
        unpack(half, layout, start, words, &mut self.slots[slot][..len]);
        Value::Slot(slot)
    }

    fn apply(&self, instr: &Instr, out: &mut [u32]) {
        let len = out.len();
        let get = |r: u16| match &self.values[usize::from(r)] {
            Value::Input(argument, at) => &self.memory[*argument][*at..][..len],
            Value::Slot(slot) => &self.slots[*slot][..len],
            Value::One(value) => std::slice::from_ref(value),
        };
        let of = |r: u16| self.code.program.types()[usize::from(r)];
        match *instr {
            Instr::Unary(op, a) => functions::unary(op, of(a), get(a), out),
            Instr::Binary(op, a, b) => functions::binary(op, of(a), get(a), get(b), out),
            Instr::Select(c, a, b) => functions::select(get(c), get(a), get(b), out),
            Instr::Const(_, bits) => out.fill(bits),
        }
    }
}

/// Visits the positions of elements `start..start + len` as runs of `(first element, position, stride, length)`.
pub(super) fn runs(
    layout: &Layout,
    start: usize,
    len: usize,
    mut visit: impl FnMut(usize, isize, isize, usize),
) {
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

/// As [`gather`] of packed elements.
fn unpack(half: Half, layout: &Layout, start: usize, input: &[u32], out: &mut [u32]) {
    let input: &[u16] = bytemuck::cast_slice(input);
    if layout.is_contiguous() {
        return half.unpack(&input[layout.offset() + start..][..out.len()], out);
    }
    runs(layout, start, out.len(), |first, at, stride, run| {
        let out = &mut out[first..first + run];
        match stride {
            0 => out.fill(half.unpacked(input[at as usize])),
            1 => half.unpack(&input[at as usize..at as usize + run], out),
            _ => out
                .iter_mut()
                .enumerate()
                .for_each(|(j, o)| *o = half.unpacked(input[(at + j as isize * stride) as usize])),
        }
    });
}
