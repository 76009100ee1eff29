//! Long short-term memory (Hochreiter and Schmidhuber 1997), with the gates' order and biases of PyTorch.

use rayon::prelude::*;

use super::product::Panels;
use super::tile::RowTile;
use super::{Sequence, add, before_and_at};
use crate::simd::vectorized;
use crate::tune::{GpuProfile, Variants};
use crate::vecmath::{sigmoid, tanh};
use crate::wgsl::wgsl;
use crate::{Access, Args, Cost, Kernel, Shader, Target};

/// All steps of an LSTM: with `a = x w_ih^T + h' w_hh^T + bias` of the gates i, f, g, o, where `h'` and `c'` are the
/// states before the step,
///
/// ```text
/// i, f, o = sigmoid(a_i), sigmoid(a_f), sigmoid(a_o)    g = tanh(a_g)
/// c = f c' + i g                                        h = o tanh(c)
/// ```
///
/// Arguments, all f32: w_hh `[4H, H]`, bias `[4H]`, h0 `[N, H]`, c0 `[N, H]`; gates `[T, N, 4H]`, which hold
/// `x w_ih^T` before, and i, f, g, o after; written: c `[T, N, H]` and h `[T, N, H]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lstm {
    sequence: Sequence,
    tile: RowTile,
}

impl Lstm {
    /// The kernel for sequences of these sizes.
    pub fn new(sequence: Sequence) -> Lstm {
        Lstm { sequence, tile: RowTile::default() }
    }
}

impl Kernel for Lstm {
    fn name(&self) -> &'static str {
        "lstm"
    }

    fn access(&self) -> Vec<Access> {
        use Access::*;
        vec![Read, Read, Read, Read, ReadWrite, Write, Write]
    }

    fn scratch(&self, target: Target) -> usize {
        match target {
            Target::Cpu => Panels::floats(self.sequence.hidden, 4 * self.sequence.hidden) * 4,
            Target::Gpu => self.sequence.scratch(),
        }
    }

    fn shaders(&self) -> Vec<Shader> {
        self.sequence.forward_shaders(wgsl!("lstm"), 4, 7, self.tile)
    }

    fn variants(&self, gpu: &GpuProfile) -> Option<Variants> {
        self.sequence.offer(self.name(), gpu, |tile| Lstm { tile, ..*self })
    }

    fn run(&self, args: &Args) {
        let hidden = self.sequence.hidden;
        let [w, bias, h0, c0] = [0, 1, 2, 3].map(|i| args.read::<f32>(i));
        let w = Panels::transposed(w, hidden, 4 * hidden, args.write(7));
        let blocks = self.sequence.blocks(args.write(4), 4 * hidden).into_par_iter();
        let blocks = blocks.zip(self.sequence.blocks(args.write(5), hidden));
        let blocks = blocks.zip(self.sequence.blocks(args.write(6), hidden));
        blocks.enumerate().for_each(|(b, ((gates, mut cells), mut y))| {
            let first = self.sequence.range(0, b, hidden);
            for (t, gates) in gates.into_iter().enumerate() {
                let (h_before, h) = before_and_at(&mut y, t, &h0[first.clone()]);
                let (c_before, c) = before_and_at(&mut cells, t, &c0[first.clone()]);
                w.add_product(h_before, hidden, gates);
                step(hidden, gates, bias, c_before, c, h);
            }
        });
    }

    fn cost(&self) -> Cost {
        self.sequence.cost(4, 10)
    }
}

/// The four gates of a row.
#[inline(always)]
fn four(row: &[f32]) -> [&[f32]; 4] {
    let hidden = row.len() / 4;
    [0, 1, 2, 3].map(
        #[inline(always)]
        |g| &row[g * hidden..][..hidden],
    )
}

#[inline(always)]
fn four_mut(row: &mut [f32]) -> [&mut [f32]; 4] {
    let (first, second) = row.split_at_mut(row.len() / 2);
    let (i, f) = first.split_at_mut(first.len() / 2);
    let (g, o) = second.split_at_mut(second.len() / 2);
    [i, f, g, o]
}

/// `gate = f(gate + bias)`. One function per loop: a single loop needs too many registers.
#[inline(always)]
fn activate(gate: &mut [f32], bias: &[f32], f: impl Fn(f32) -> f32) {
    gate.iter_mut().zip(bias).for_each(
        #[inline(always)]
        |(gate, bias)| *gate = f(*gate + bias),
    );
}

/// One step of some rows, from gates without bias.
fn step(hidden: usize, gates: &mut [f32], bias: &[f32], before: &[f32], c: &mut [f32], h: &mut [f32]) {
    vectorized(
        #[inline(always)]
        || {
            let rows = gates.chunks_exact_mut(4 * hidden).zip(before.chunks_exact(hidden));
            let rows = rows.zip(c.chunks_exact_mut(hidden).zip(h.chunks_exact_mut(hidden)));
            for ((gates, before), (c, h)) in rows {
                let ([i, f, g, o], [bi, bf, bg, bo]) = (four_mut(gates), four(bias));
                activate(i, bi, sigmoid);
                activate(f, bf, sigmoid);
                activate(g, bg, tanh);
                activate(o, bo, sigmoid);
                for j in 0..hidden {
                    c[j] = f[j] * before[j] + i[j] * g[j];
                }
                for j in 0..hidden {
                    h[j] = o[j] * tanh(c[j]);
                }
            }
        },
    );
}

/// Gradient of [`Lstm`], from the gates that it has written.
///
/// Arguments, all f32: w_hh `[4H, H]`, gates `[T, N, 4H]`, c `[T, N, H]`, dh `[T, N, H]`, and with `cells` dc `[T, N, H]`;
/// written: the gradient of `a` `[T, N, 4H]`, and those of h0 and c0 `[2, N, H]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LstmGrad {
    sequence: Sequence,
    /// Whether gradients come from the cells, too, and not only from the outputs.
    cells: bool,
    tile: RowTile,
}

impl LstmGrad {
    /// The kernel for sequences of these sizes; with `cells`, the cells have gradients of their own.
    pub fn new(sequence: Sequence, cells: bool) -> LstmGrad {
        LstmGrad { sequence, cells, tile: RowTile::default() }
    }
}

impl LstmGrad {
    /// Number of the first argument that is written.
    fn written(&self) -> usize {
        if self.cells { 5 } else { 4 }
    }
}

impl Kernel for LstmGrad {
    fn name(&self) -> &'static str {
        "lstm_grad"
    }

    fn access(&self) -> Vec<Access> {
        let mut access = vec![Access::Read; self.written()];
        access.extend([Access::Write; 2]);
        access
    }

    fn scratch(&self, target: Target) -> usize {
        match target {
            Target::Cpu => Panels::floats(4 * self.sequence.hidden, self.sequence.hidden) * 4,
            Target::Gpu => 8,
        }
    }

    fn shaders(&self) -> Vec<Shader> {
        let mut source = self.sequence.constants(wgsl!("lstm_grad"));
        if self.cells {
            let bind = |(i, name): (usize, &str)| {
                let access = if i == 4 { "read" } else { "read_write" };
                format!("@group(0) @binding({i}) var<storage, {access}> {name}: array<f32>;\n")
            };
            let names = ["dcells", "dgates", "dstates", "scratch"];
            let bindings: String = (4..8).zip(names).map(bind).collect();
            source = source.block("optional", bindings.trim_end()).block("dcell", "    dc += dcells[state];");
        }
        self.sequence.backward_shaders(source, 4, 4, self.tile)
    }

    fn variants(&self, gpu: &GpuProfile) -> Option<Variants> {
        self.sequence.offer(self.name(), gpu, |tile| LstmGrad { tile, ..*self })
    }

    fn run(&self, args: &Args) {
        let Sequence { steps, hidden, .. } = self.sequence;
        let [w, gates, cells, dy] = [0, 1, 2, 3].map(|i| args.read::<f32>(i));
        let dcells: Option<&[f32]> = self.cells.then(|| args.read(4));
        let w = Panels::new(w, 4 * hidden, hidden, args.write(self.written() + 2));
        let (dh, dc) = args.write::<f32>(self.written() + 1).split_at_mut(self.sequence.state());
        let width = self.sequence.rows() * hidden;
        let blocks = self.sequence.blocks(args.write(self.written()), 4 * hidden).into_par_iter();
        let blocks = blocks.zip(dh.par_chunks_mut(width).zip(dc.par_chunks_mut(width)));
        blocks.enumerate().for_each(|(b, (mut dgates, (dh, dc)))| {
            dh.fill(0.0);
            dc.fill(0.0);
            for t in (0..steps).rev() {
                let state = self.sequence.range(t, b, hidden);
                add(dh, &dy[state.clone()]);
                if let Some(dcells) = dcells {
                    add(dc, &dcells[state.clone()]);
                }
                let gates = &gates[self.sequence.range(t, b, 4 * hidden)];
                step_back(hidden, gates, &cells[state], dh, dc, dgates[t]);
                dh.fill(0.0);
                w.add_product(dgates[t], 4 * hidden, dh);
            }
        });
    }

    fn cost(&self) -> Cost {
        self.sequence.cost(4, 10)
    }
}

/// The gradient of the gates of some rows, given those of `h` and of `c`; the latter becomes that of the previous cell.
fn step_back(hidden: usize, gates: &[f32], c: &[f32], dh: &[f32], dc: &mut [f32], dgates: &mut [f32]) {
    vectorized(
        #[inline(always)]
        || {
            let rows = gates.chunks_exact(4 * hidden).zip(dgates.chunks_exact_mut(4 * hidden));
            let states = c.chunks_exact(hidden).zip(dh.chunks_exact(hidden)).zip(dc.chunks_exact_mut(hidden));
            for ((gates, dgates), ((c, dh), dc)) in rows.zip(states) {
                let ([i, f, g, o], [di, df, dg, d_o]) = (four(gates), four_mut(dgates));
                d_o.iter_mut().zip(c).for_each(
                    #[inline(always)]
                    |(t, &c)| *t = tanh(c),
                );
                for j in 0..hidden {
                    let t = d_o[j];
                    let d = dc[j] + dh[j] * o[j] * (1.0 - t * t);
                    di[j] = d * g[j] * i[j] * (1.0 - i[j]);
                    // f times the previous cell is c - i g.
                    df[j] = d * (c[j] - i[j] * g[j]) * (1.0 - f[j]);
                    dg[j] = d * i[j] * (1.0 - g[j] * g[j]);
                    d_o[j] = dh[j] * t * o[j] * (1.0 - o[j]);
                    dc[j] = d * f[j];
                }
            }
        },
    );
}
