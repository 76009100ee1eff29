//! The gated recurrent unit (Cho et al. 2014), in the form of cuDNN and PyTorch: the reset gate acts on the product with the
//! state, bias included.

use rayon::prelude::*;

use super::product::Panels;
use super::tile::RowTile;
use super::{Sequence, add, before_and_at};
use crate::simd::vectorized;
use crate::tune::{GpuProfile, Variants};
use crate::vecmath::{sigmoid, tanh};
use crate::wgsl::wgsl;
use crate::{Access, Args, Cost, Kernel, Shader, Target};

/// All steps of a GRU: with `a = x w_ih^T` and `b = h' w_hh^T` of the gates r, z, n, where `h'` is the state before the
/// step,
///
/// ```text
/// r, z = sigmoid(a_r + b_r + bias_r), sigmoid(a_z + b_z + bias_z)
/// m = b_n + bias_m        n = tanh(a_n + bias_n + r m)        h = (1 - z) n + z h'
/// ```
///
/// Arguments, all f32: w_hh `[3H, H]`, bias `[4H]` in the order r, z, n, m, h0 `[N, H]`; gates `[T, N, 3H]`, which hold
/// `x w_ih^T` before, and r, z, n after; written: m `[T, N, H]` and h `[T, N, H]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gru {
    sequence: Sequence,
    tile: RowTile,
}

impl Gru {
    /// The kernel for sequences of these sizes.
    pub fn new(sequence: Sequence) -> Gru {
        Gru { sequence, tile: RowTile::default() }
    }
}

impl Kernel for Gru {
    fn name(&self) -> &'static str {
        "gru"
    }

    fn access(&self) -> Vec<Access> {
        use Access::*;
        vec![Read, Read, Read, ReadWrite, Write, Write]
    }

    fn scratch(&self, target: Target) -> usize {
        let Sequence { batch, hidden, .. } = self.sequence;
        match target {
            Target::Cpu => (Panels::floats(hidden, 3 * hidden) + batch * 3 * hidden) * 4,
            Target::Gpu => self.sequence.scratch(),
        }
    }

    fn shaders(&self) -> Vec<Shader> {
        self.sequence.forward_shaders(wgsl!("gru"), 3, 6, self.tile)
    }

    fn variants(&self, gpu: &GpuProfile) -> Option<Variants> {
        self.sequence.offer(self.name(), gpu, |tile| Gru { tile, ..*self })
    }

    fn run(&self, args: &Args) {
        let Sequence { steps, hidden, .. } = self.sequence;
        let [w, bias, h0] = [0, 1, 2].map(|i| args.read::<f32>(i));
        let (packed, products) = args.write::<f32>(6).split_at_mut(Panels::floats(hidden, 3 * hidden));
        let w = Panels::transposed(w, hidden, 3 * hidden, packed);
        let blocks = self.sequence.blocks(args.write(3), 3 * hidden).into_par_iter();
        let blocks = blocks.zip(self.sequence.blocks(args.write(4), hidden));
        let blocks = blocks.zip(self.sequence.blocks(args.write(5), hidden));
        let blocks = blocks.zip(products.par_chunks_mut(self.sequence.rows() * 3 * hidden));
        blocks.enumerate().for_each(|(b, (((mut gates, mut m), mut y), products))| {
            let products = &mut products[..gates[0].len()];
            for t in 0..steps {
                let (before, h) = before_and_at(&mut y, t, &h0[self.sequence.range(0, b, hidden)]);
                products.fill(0.0);
                w.add_product(before, hidden, products);
                m[t].chunks_exact_mut(hidden)
                    .zip(products.chunks_exact(3 * hidden))
                    .for_each(|(m, products)| m.copy_from_slice(&products[2 * hidden..]));
                step(hidden, gates[t], products, bias, before, m[t], h);
            }
        });
    }

    fn cost(&self) -> Cost {
        self.sequence.cost(3, 8)
    }
}

/// The parts of a row for the three gates.
#[inline(always)]
fn three(row: &[f32]) -> [&[f32]; 3] {
    let hidden = row.len() / 3;
    [0, 1, 2].map(
        #[inline(always)]
        |g| &row[g * hidden..][..hidden],
    )
}

/// One step of some rows, from the products with input and state; `m` already holds its own product.
fn step(
    hidden: usize,
    gates: &mut [f32],
    products: &[f32],
    bias: &[f32],
    before: &[f32],
    m: &mut [f32],
    h: &mut [f32],
) {
    let ([br, bz, bn], bm) = (three(&bias[..3 * hidden]), &bias[3 * hidden..]);
    vectorized(
        #[inline(always)]
        || {
            let rows = gates.chunks_exact_mut(3 * hidden).zip(products.chunks_exact(3 * hidden));
            let states = before.chunks_exact(hidden).zip(m.chunks_exact_mut(hidden));
            let states = states.zip(h.chunks_exact_mut(hidden));
            for ((gates, products), ((before, m), h)) in rows.zip(states) {
                let [pr, pz, _] = three(products);
                let (r, rest) = gates.split_at_mut(hidden);
                let (z, n) = rest.split_at_mut(hidden);
                // One function per loop: a single loop needs too many registers.
                for j in 0..hidden {
                    r[j] = sigmoid(r[j] + pr[j] + br[j]);
                }
                for j in 0..hidden {
                    z[j] = sigmoid(z[j] + pz[j] + bz[j]);
                }
                for j in 0..hidden {
                    m[j] += bm[j];
                    n[j] = tanh(n[j] + bn[j] + r[j] * m[j]);
                    h[j] = (1.0 - z[j]) * n[j] + z[j] * before[j];
                }
            }
        },
    );
}

/// Gradient of [`Gru`], from the gates that it has written.
///
/// Arguments, all f32: w_hh `[3H, H]`, gates `[T, N, 3H]`, m `[T, N, H]`, h `[T, N, H]`, dh `[T, N, H]`; written: gradients
/// before the non-linearities `[T, N, 4H]` in the order n, r, z, m (the first three belong to `x w_ih^T`, the last three to
/// `h w_hh^T`), and that of h0 `[N, H]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GruGrad {
    sequence: Sequence,
    tile: RowTile,
}

impl GruGrad {
    /// The kernel for sequences of these sizes.
    pub fn new(sequence: Sequence) -> GruGrad {
        GruGrad { sequence, tile: RowTile::default() }
    }
}

impl Kernel for GruGrad {
    fn name(&self) -> &'static str {
        "gru_grad"
    }

    fn access(&self) -> Vec<Access> {
        use Access::*;
        vec![Read, Read, Read, Read, Read, Write, Write]
    }

    fn scratch(&self, target: Target) -> usize {
        match target {
            Target::Cpu => Panels::floats(3 * self.sequence.hidden, self.sequence.hidden) * 4,
            Target::Gpu => 8,
        }
    }

    fn shaders(&self) -> Vec<Shader> {
        let source = self.sequence.constants(wgsl!("gru_grad"));
        self.sequence.backward_shaders(source, 3, 4, self.tile)
    }

    fn variants(&self, gpu: &GpuProfile) -> Option<Variants> {
        self.sequence.offer(self.name(), gpu, |tile| GruGrad { tile, ..*self })
    }

    fn run(&self, args: &Args) {
        let Sequence { steps, hidden, .. } = self.sequence;
        let [w, gates, m, y, dy] = [0, 1, 2, 3, 4].map(|i| args.read::<f32>(i));
        let w = Panels::new(w, 3 * hidden, hidden, args.write(7));
        let blocks = self.sequence.blocks(args.write(5), 4 * hidden).into_par_iter();
        let blocks = blocks.zip(args.write::<f32>(6).par_chunks_mut(self.sequence.rows() * hidden));
        blocks.enumerate().for_each(|(b, (mut dgates, dh))| {
            let dh = &mut dh[..self.sequence.range(0, b, hidden).len()];
            dh.fill(0.0);
            for t in (0..steps).rev() {
                let state = self.sequence.range(t, b, hidden);
                add(dh, &dy[state.clone()]);
                let gates = &gates[self.sequence.range(t, b, 3 * hidden)];
                step_back(hidden, gates, &m[state.clone()], &y[state], dh, dgates[t]);
                w.add_product(&dgates[t][hidden..], 4 * hidden, dh);
            }
        });
    }

    fn cost(&self) -> Cost {
        self.sequence.cost(3, 10)
    }
}

/// Gradients of the gates of some rows, given that of `h`, which becomes the direct part of the previous state's
/// gradient.
fn step_back(hidden: usize, gates: &[f32], m: &[f32], h: &[f32], dh: &mut [f32], dgates: &mut [f32]) {
    vectorized(
        #[inline(always)]
        || {
            let rows = gates.chunks_exact(3 * hidden).zip(dgates.chunks_exact_mut(4 * hidden));
            let states = m.chunks_exact(hidden).zip(h.chunks_exact(hidden)).zip(dh.chunks_exact_mut(hidden));
            for ((gates, dgates), ((m, h), dh)) in rows.zip(states) {
                let [r, z, n] = three(gates);
                let (dn, rest) = dgates.split_at_mut(hidden);
                let (dr, rest) = rest.split_at_mut(hidden);
                let (dz, dm) = rest.split_at_mut(hidden);
                for j in 0..hidden {
                    dn[j] = dh[j] * (1.0 - z[j]) * (1.0 - n[j] * n[j]);
                    dr[j] = dn[j] * m[j] * r[j] * (1.0 - r[j]);
                    // h - n is z (h' - n).
                    dz[j] = dh[j] * (h[j] - n[j]) * (1.0 - z[j]);
                    dm[j] = dn[j] * r[j];
                    dh[j] *= z[j];
                }
            }
        },
    );
}
