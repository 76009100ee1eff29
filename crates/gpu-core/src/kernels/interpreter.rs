//! Programs on the CPU: a block of elements at a time, one vectorised pass an instruction.

mod functions;

use super::program::{Instr, Program};
use crate::Layout;

/// Elements handled at a time: few enough that the results in use stay in the first cache, enough to amortise dispatch.
pub(super) const BLOCK: usize = 1024;
/// Rows of at least this many elements are handled by themselves, so that what is constant along a row is one number.
const ROW: usize = 256;

/// Evaluates one program over strided inputs.
pub(super) struct Interpreter<'a> {
    program: &'a Program,
    layouts: &'a [Layout],
    inputs: Vec<&'a [u32]>,
    contiguous: Vec<bool>,
    /// The slot of every register; a slot is used again when the register that had it is not read any more.
    slot: Vec<usize>,
    slots: Vec<Vec<u32>>,
    /// Values of the registers of the current block.
    values: Vec<Value<'a>>,
}

#[derive(Clone, Copy)]
enum Value<'a> {
    /// Read where it lies.
    Input(&'a [u32]),
    Slot(usize),
    /// The same for every element.
    One(u32),
}

impl<'a> Interpreter<'a> {
    /// `layouts` of one shape, one an input; fewest dimensions are fastest (see [`simplify`](crate::layout::simplify)).
    pub fn new(program: &'a Program, layouts: &'a [Layout], inputs: Vec<&'a [u32]>) -> Interpreter<'a> {
        let slot = assign_slots(program);
        let count = slot.iter().max().map_or(0, |s| s + 1);
        let contiguous = layouts.iter().map(Layout::is_contiguous).collect();
        let slots = vec![vec![]; count];
        Interpreter { program, layouts, inputs, contiguous, slot, slots, values: vec![] }
    }

    /// The only result of elements `start..start + out.len()` in row-major order.
    pub fn run(&mut self, start: usize, out: &mut [u32]) {
        let mut done = 0;
        while done < out.len() {
            let len = self.block_len(start + done, out.len() - done);
            self.block(start + done, &mut out[done..done + len]);
            done += len;
        }
    }

    /// All results of elements `start..start + len` in row-major order, block by block: `put(element, result, values)`.
    pub fn run_all(&mut self, start: usize, len: usize, mut put: impl FnMut(usize, usize, &[u32])) {
        let (end, mut at) = (start + len, start);
        let mut filled = [0; BLOCK];
        while at < end {
            let len = self.block_len(at, end - at);
            self.registers(at, len, self.program.code());
            for (o, &register) in self.program.outputs().iter().enumerate() {
                match &self.values[usize::from(register)] {
                    Value::Input(values) => put(at, o, values),
                    Value::Slot(slot) => put(at, o, &self.slots[*slot][..len]),
                    Value::One(value) => {
                        filled[..len].fill(*value);
                        put(at, o, &filled[..len]);
                    }
                }
            }
            at += len;
        }
    }

    /// Elements of the block at `at`, of which `left` are wanted.
    fn block_len(&self, at: usize, left: usize) -> usize {
        let inner = self.layouts.first().and_then(|l| l.shape().last().copied()).unwrap_or(usize::MAX);
        let row = if inner >= ROW { inner - at % inner } else { BLOCK };
        left.min(row).min(BLOCK)
    }

    fn block(&mut self, start: usize, out: &mut [u32]) {
        let Some((last, first)) = self.program.code().split_last() else {
            return gather(&self.layouts[0], start, self.inputs[0], out);
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
            let slot = self.slot[self.values.len()];
            let value = if self.is_one(instr) {
                Value::One(self.one(instr))
            } else {
                // Taken out while the other slots are read.
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
        operands(instr).all(|r| matches!(self.values[r], Value::One(_)))
    }

    fn one(&self, instr: &Instr) -> u32 {
        let mut value = [0];
        self.apply(instr, &mut value);
        value[0]
    }

    /// Elements `start..start + len` of input `i`.
    fn input(&mut self, i: usize, start: usize, len: usize) -> Value<'a> {
        let (layout, input) = (&self.layouts[i], self.inputs[i]);
        if self.contiguous[i] {
            return Value::Input(&input[layout.offset() + start..][..len]);
        }
        // Not contiguous, so there is a dimension.
        let inner = layout.rank() - 1;
        let (size, stride) = (layout.shape()[inner], layout.strides()[inner]);
        if start % size + len <= size {
            let at = layout.position(start);
            match stride {
                0 => return Value::One(input[at]),
                1 => return Value::Input(&input[at..at + len]),
                _ => {}
            }
        }
        let slot = self.slot[i];
        self.slots[slot].resize(BLOCK, 0);
        gather(layout, start, input, &mut self.slots[slot][..len]);
        Value::Slot(slot)
    }

    fn apply(&self, instr: &Instr, out: &mut [u32]) {
        let len = out.len();
        let get = |r: u16| match &self.values[usize::from(r)] {
            Value::Input(values) => values,
            Value::Slot(slot) => &self.slots[*slot][..len],
            Value::One(value) => std::slice::from_ref(value),
        };
        let of = |r: u16| self.program.types()[usize::from(r)];
        match *instr {
            Instr::Unary(op, a) => functions::unary(op, of(a), get(a), out),
            Instr::Binary(op, a, b) => functions::binary(op, of(a), get(a), get(b), out),
            Instr::Select(c, a, b) => functions::select(get(c), get(a), get(b), out),
            Instr::Const(_, bits) => out.fill(bits),
        }
    }
}

/// Registers that an instruction reads.
fn operands(instr: &Instr) -> impl Iterator<Item = usize> {
    let (count, registers) = match *instr {
        Instr::Unary(_, a) => (1, [a; 3]),
        Instr::Binary(_, a, b) => (2, [a, b, b]),
        Instr::Select(c, a, b) => (3, [c, a, b]),
        Instr::Const(..) => (0, [0; 3]),
    };
    registers.into_iter().take(count).map(usize::from)
}

fn assign_slots(program: &Program) -> Vec<usize> {
    let inputs = program.inputs().len();
    let mut last_use = vec![0; program.types().len()];
    for (k, instr) in program.code().iter().enumerate() {
        operands(instr).for_each(|r| last_use[r] = inputs + k);
    }
    // Results are read at the end.
    program.outputs().iter().for_each(|&r| last_use[usize::from(r)] = usize::MAX);
    // Inputs are gathered before the first instruction.
    let mut slots: Vec<usize> = (0..inputs).collect();
    let (mut free, mut count) = (vec![], inputs);
    for k in inputs..program.types().len() {
        slots.push(free.pop().unwrap_or_else(|| {
            count += 1;
            count - 1
        }));
        free.extend((0..k).filter(|&r| last_use[r] == k).map(|r| slots[r]));
    }
    slots
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
