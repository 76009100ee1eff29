//! Element-wise code that has no launch of its own: it is computed inside of the launches that read it.

use std::ops::{Add, Mul, Sub};

use gpu_core::kernels::{Binary, Instr, Program, Stored, Unary};
use gpu_core::{Arg, DType, Half, Layout};

use super::place::{Place, bind_together};
use crate::op::MapOp;

/// Values of `shape` computed from tensors in memory. There is one result, or several in horizontally fused launches. Registers are
/// numbered as in a [`Program`].
#[derive(Clone, Debug)]
pub struct Expr {
    shape: Vec<usize>,
    /// Each has a layout of `shape`.
    inputs: Vec<(Place, DType)>,
    code: Vec<Instr>,
    results: Vec<u16>,
}

impl Expr {
    /// The values of a tensor in memory.
    pub(super) fn load(place: Place, dtype: DType) -> Expr {
        let shape = place.layout.shape().to_vec();
        Expr { shape, inputs: vec![(place, dtype)], code: vec![], results: vec![0] }
    }

    /// A scalar that is part of the plan, by its bits.
    pub(super) fn literal(dtype: DType, bits: u32) -> Expr {
        Expr { shape: vec![], inputs: vec![], code: vec![Instr::Const(dtype, bits)], results: vec![0] }
    }

    /// Size of every dimension, after broadcasting.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Number of elements.
    pub(super) fn numel(&self) -> usize {
        self.shape.iter().product()
    }

    pub(super) fn inputs(&self) -> &[(Place, DType)] {
        &self.inputs
    }

    /// The slots that are read, without duplicates.
    pub(super) fn slots(&self) -> Vec<usize> {
        let mut slots = vec![];
        for (place, _) in &self.inputs {
            if !slots.contains(&place.slot) {
                slots.push(place.slot);
            }
        }
        slots
    }

    /// The ranges to bind, one per slot, and for every input the number of its range and its layout there.
    pub(super) fn bind(&self) -> (Vec<Arg>, Vec<(usize, Stored)>) {
        self.bind_apart(&[])
    }

    /// As [`bind`](Expr::bind), with a range of its own for each of the ranges `apart` that an input covers exactly.
    pub(super) fn bind_apart(&self, apart: &[Arg]) -> (Vec<Arg>, Vec<(usize, Stored)>) {
        let is_apart = |place: &Place| Some(place.bind().0).filter(|arg| apart.contains(arg));
        let groups: Vec<_> = self.inputs.iter().map(|(place, _)| (place.slot, is_apart(place))).collect();
        let (mut args, mut inputs) = (vec![], vec![None; self.inputs.len()]);
        for (first, group) in groups.iter().enumerate() {
            if inputs[first].is_some() {
                continue;
            }
            let members: Vec<usize> = (first..groups.len()).filter(|&i| groups[i] == *group).collect();
            let places: Vec<&Place> = members.iter().map(|&i| &self.inputs[i].0).collect();
            let (arg, stored) = bind_together(&places);
            members.into_iter().zip(stored).for_each(|(i, stored)| inputs[i] = Some((args.len(), stored)));
            args.push(arg);
        }
        (args, inputs.into_iter().map(|i| i.expect("every input is in a group")).collect())
    }

    /// Number of instructions.
    pub(super) fn len(&self) -> usize {
        self.code.len()
    }

    /// Whether an instruction rounds to halves.
    pub(super) fn rounds(&self) -> bool {
        self.code.iter().any(|instr| matches!(instr, Instr::Unary(Unary::AsHalf(_), _)))
    }

    pub(super) fn program(&self) -> Program {
        let types: Vec<DType> = self.inputs.iter().map(|(_, t)| *t).collect();
        Program::with_outputs(&types, &self.code, &self.results)
    }

    pub(super) fn dtype(&self) -> DType {
        self.program().output()
    }

    /// The place in memory, if the expression only loads a tensor.
    pub(super) fn place(&self) -> Option<&Place> {
        self.code.is_empty().then(|| &self.inputs[usize::from(self.results[0])].0)
    }

    /// The same elements seen through `view`; `None` if an input does not allow it.
    pub(super) fn view(&self, shape: &[usize], view: impl Fn(&Layout) -> Option<Layout>) -> Option<Expr> {
        let seen = |(place, t): &(Place, DType)| Some((Place { layout: view(&place.layout)?, ..*place }, *t));
        let inputs = self.inputs.iter().map(seen).collect::<Option<_>>()?;
        Some(Expr { shape: shape.to_vec(), inputs, ..self.clone() })
    }

    /// The same values for memory packed as `half`, where storing rounds anyway: final roundings to `half` are dropped.
    pub(super) fn packed_as(mut self, half: Half) -> Expr {
        for at in 0..self.results.len() {
            if let Some(Instr::Unary(Unary::AsHalf(h), a)) = self.instr(self.results[at])
                && h == half
            {
                self.results[at] = a;
            }
        }
        self.trim();
        self
    }

    /// Broadcast to `shape` by NumPy's rules.
    pub(super) fn expand(&self, shape: &[usize]) -> Expr {
        self.view(shape, |layout| Some(layout.expand(shape))).expect("layouts can always be expanded")
    }

    /// Several expressions of one shape as one, with all their results.
    pub(super) fn side_by_side(parts: &[&Expr]) -> Expr {
        let shape = parts[0].shape.clone();
        let mut all = Expr { shape, inputs: vec![], code: vec![], results: vec![] };
        // All inputs first, because the registers of instructions are numbered after them.
        for (place, t) in parts.iter().flat_map(|e| &e.inputs) {
            if !all.inputs.iter().any(|(known, _)| known == place) {
                all.inputs.push((place.clone(), *t));
            }
        }
        for part in parts {
            let results = all.append(part, |_| None);
            all.results.extend(results);
        }
        all
    }

    /// The `kept` results of this expression, which are stored at `places`, and those of `next`, which reads results there and gets them in
    /// registers instead. `None` if `next` reads other parts of the same slots, or results of f32: drivers may simplify `(a + b) - a` to `b` in one
    /// shader, which compensated sums would not survive.
    pub(super) fn followed_by(&self, places: &[Place], kept: &[bool], next: &Expr) -> Option<Expr> {
        let stored = |place: &Place| places.iter().position(|p| p == place);
        let refused = |place: &Place| match stored(place) {
            Some(_) => place.half.is_none(),
            None => places.iter().any(|p| p.slot == place.slot),
        };
        if next.inputs.iter().any(|(place, _)| refused(place)) {
            return None;
        }
        let mut all = Expr { inputs: self.inputs.clone(), code: vec![], ..self.clone() };
        for (place, t) in next.inputs.iter().filter(|(place, _)| stored(place).is_none()) {
            if !all.inputs.iter().any(|(known, _)| known == place) {
                all.inputs.push((place.clone(), *t));
            }
        }
        all.results = all.append(self, |_| None);
        // What is read from packed memory is rounded.
        let rounded: Vec<u16> = (places.iter().zip(all.results.clone()))
            .map(|(place, r)| place.half.map_or(r, |half| all.push(Instr::Unary(Unary::AsHalf(half), r))))
            .collect();
        let results = all.append(next, |place| stored(place).map(|at| rounded[at]));
        let mut keep = kept.iter();
        all.results.retain(|_| *keep.next().expect("a flag a result"));
        all.results.extend(results);
        all.trim();
        Some(all)
    }

    /// `op` of operands, which are broadcast to `shape`.
    pub(super) fn apply(op: MapOp, operands: &[Expr], shape: &[usize]) -> Expr {
        let operands: Vec<Expr> = operands.iter().map(|e| e.expand(shape)).collect();
        let mut out = Expr::side_by_side(&operands.iter().collect::<Vec<_>>());
        let before = out.code.len();
        let result = out.push(match (op, &out.results[..]) {
            (MapOp::Unary(f), &[a]) => Instr::Unary(f, a),
            (MapOp::Binary(f), &[a, b]) => Instr::Binary(f, a, b),
            (MapOp::Select, &[c, a, b]) => Instr::Select(c, a, b),
            _ => unreachable!("the number of operands of {op:?}"),
        });
        out.results = vec![result];
        if out.code.len() == before {
            // The result existed already, and other operands may have become unused.
            out.trim();
        }
        out
    }

    /// Appends the code of another expression over the same inputs, of which some are in registers already; returns the registers of its
    /// results.
    fn append(&mut self, other: &Expr, register: impl Fn(&Place) -> Option<u16>) -> Vec<u16> {
        let place = |(p, _): &(Place, DType)| {
            let input = || self.inputs.iter().position(|(known, _)| known == p);
            register(p).unwrap_or_else(|| input().expect("inputs are collected") as u16)
        };
        let mut registers: Vec<u16> = other.inputs.iter().map(place).collect();
        // The first expression has no duplicates yet, and searching for them would take quadratic time for long chains.
        let first = self.code.is_empty();
        for instr in &other.code {
            let moved = renumber(*instr, |r| registers[usize::from(r)]);
            registers.push(if first { self.append_instr(moved) } else { self.push(moved) });
        }
        other.results.iter().map(|&r| registers[usize::from(r)]).collect()
    }

    /// Appends an instruction and returns its register: that of an equal instruction, or of the operand that it simplifies to, if any.
    fn push(&mut self, instr: Instr) -> u16 {
        if let Some(register) = self.simplified(instr) {
            return register;
        }
        match self.code.iter().position(|i| *i == instr) {
            Some(at) => (self.inputs.len() + at) as u16,
            None => self.append_instr(instr),
        }
    }

    fn append_instr(&mut self, instr: Instr) -> u16 {
        self.code.push(instr);
        (self.inputs.len() + self.code.len() - 1) as u16
    }

    /// The operand that the instruction always equals: for `x + -0`, `x - 0`, `x * 1`, `x / 1`, double negation, and selections between
    /// equals.
    fn simplified(&self, instr: Instr) -> Option<u16> {
        let is = |r: u16, value: f32| self.constant(r) == Some((DType::F32, value.to_bits()));
        match instr {
            Instr::Binary(Binary::Mul, a, b) if is(b, 1.0) => Some(a),
            Instr::Binary(Binary::Mul, a, b) if is(a, 1.0) => Some(b),
            Instr::Binary(Binary::Div, a, b) if is(b, 1.0) => Some(a),
            // Not x + 0, which turns -0 into 0; x - 0 and x + -0 are exact.
            Instr::Binary(Binary::Sub, a, b) if is(b, 0.0) => Some(a),
            Instr::Binary(Binary::Add, a, b) if is(b, -0.0) => Some(a),
            Instr::Select(_, a, b) if a == b => Some(a),
            Instr::Unary(Unary::Neg, a) => match self.instr(a) {
                Some(Instr::Unary(Unary::Neg, inner)) => Some(inner),
                _ => None,
            },
            _ => None,
        }
    }

    fn instr(&self, register: u16) -> Option<Instr> {
        usize::from(register).checked_sub(self.inputs.len()).map(|at| self.code[at])
    }

    fn constant(&self, register: u16) -> Option<(DType, u32)> {
        match self.instr(register)? {
            Instr::Const(t, bits) => Some((t, bits)),
            _ => None,
        }
    }

    /// Drops instructions and inputs that the result does not depend on.
    fn trim(&mut self) {
        let inputs = self.inputs.len();
        let mut live = vec![false; inputs + self.code.len()];
        self.results.iter().for_each(|&r| live[usize::from(r)] = true);
        for at in (0..self.code.len()).rev() {
            if live[inputs + at] {
                renumber(self.code[at], |r| {
                    live[usize::from(r)] = true;
                    r
                });
            }
        }
        let mut count = 0;
        let number: Vec<u16> = live
            .iter()
            .map(|&l| {
                count += u16::from(l);
                count.saturating_sub(1)
            })
            .collect();
        let mut keep = live.iter();
        self.inputs.retain(|_| *keep.next().expect("a flag an input"));
        self.code.retain(|_| *keep.next().expect("a flag an instruction"));
        self.code.iter_mut().for_each(|i| *i = renumber(*i, |r| number[usize::from(r)]));
        self.results.iter_mut().for_each(|r| *r = number[usize::from(*r)]);
    }
}

/// Methods for lowering rules.
impl Expr {
    /// A number that is part of the plan.
    pub fn number(value: f32) -> Expr {
        Expr::literal(DType::F32, value.to_bits())
    }

    /// `op` of every element.
    pub fn unary(self, op: Unary) -> Expr {
        let shape = self.shape.clone();
        Expr::apply(MapOp::Unary(op), &[self], &shape)
    }

    /// `op` of two operands that broadcast.
    pub fn binary(self, op: Binary, other: Expr) -> Expr {
        let shape = crate::ops::broadcast("expression", &[&self.shape, &other.shape]);
        Expr::apply(MapOp::Binary(op), &[self, other], &shape)
    }

    /// A vector `[C]`, shaped to broadcast with tensors `[N, C, ..]` of `rank` dimensions.
    pub fn channels(self, rank: usize) -> Expr {
        let mut shape = vec![1; rank - 1];
        shape[0] = self.numel();
        self.view(&shape, |layout| layout.reshape(&shape)).expect("a vector can be laid along any dimension")
    }
}

impl Add for Expr {
    type Output = Expr;
    fn add(self, other: Expr) -> Expr {
        self.binary(Binary::Add, other)
    }
}

impl Sub for Expr {
    type Output = Expr;
    fn sub(self, other: Expr) -> Expr {
        self.binary(Binary::Sub, other)
    }
}

impl Mul for Expr {
    type Output = Expr;
    fn mul(self, other: Expr) -> Expr {
        self.binary(Binary::Mul, other)
    }
}

fn renumber(instr: Instr, mut register: impl FnMut(u16) -> u16) -> Instr {
    match instr {
        Instr::Unary(f, a) => Instr::Unary(f, register(a)),
        Instr::Binary(f, a, b) => Instr::Binary(f, register(a), register(b)),
        Instr::Select(c, a, b) => Instr::Select(register(c), register(a), register(b)),
        constant @ Instr::Const(..) => constant,
    }
}
