//! The plain recurrent cell (Elman 1990).

use rayon::prelude::*;

use super::product::Panels;
use super::tile::RowTile;
use super::{Sequence, add, before_and_at};
use crate::simd::vectorized;
use crate::tune::{GpuProfile, Variants};
use crate::vecmath::tanh;
use crate::wgsl::{Source, wgsl};
use crate::{Access, Args, Cost, Kernel, Shader, Target};

/// All steps of a plain cell: `h = tanh(x w_ih^T + h' w_hh^T + bias)`, where `h'` is the state before the step; with
/// `relu`, `max(.., 0)` instead.
///
/// Arguments, all f32: w_hh `[H, H]`, bias `[H]`, h0 `[N, H]`, `x w_ih^T` `[T, N, H]`; written: h `[T, N, H]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rnn {
    sequence: Sequence,
    relu: bool,
    tile: RowTile,
}

impl Rnn {
    /// The kernel for sequences of these sizes, with ReLU or tanh as its non-linearity.
    pub fn new(sequence: Sequence, relu: bool) -> Rnn {
        Rnn { sequence, relu, tile: RowTile::default() }
    }
}

impl Kernel for Rnn {
    fn name(&self) -> &'static str {
        "rnn"
    }

    fn access(&self) -> Vec<Access> {
        use Access::*;
        vec![Read, Read, Read, Read, Write]
    }

    fn scratch(&self, target: Target) -> usize {
        match target {
            Target::Cpu => Panels::floats(self.sequence.hidden, self.sequence.hidden) * 4,
            Target::Gpu => self.sequence.scratch(),
        }
    }

    fn shaders(&self) -> Vec<Shader> {
        let text = Source::new(wgsl!("rnn")).set("RELU", self.relu).finish();
        self.sequence.forward_shaders(&text, 1, 5, self.tile)
    }

    fn variants(&self, gpu: &GpuProfile) -> Option<Variants> {
        self.sequence.offer(self.name(), gpu, |tile| Rnn { tile, ..*self })
    }

    fn run(&self, args: &Args) {
        let Sequence { steps, hidden, .. } = self.sequence;
        let [w, bias, h0, x] = [0, 1, 2, 3].map(|i| args.read::<f32>(i));
        let w = Panels::transposed(w, hidden, hidden, args.write(5));
        let blocks = self.sequence.blocks(args.write(4), hidden).into_par_iter();
        blocks.enumerate().for_each(|(b, mut y)| {
            for t in 0..steps {
                let (before, h) = before_and_at(&mut y, t, &h0[self.sequence.range(0, b, hidden)]);
                h.copy_from_slice(&x[self.sequence.range(t, b, hidden)]);
                w.add_product(before, hidden, h);
                self.step(bias, h);
            }
        });
    }

    fn cost(&self) -> Cost {
        self.sequence.cost(1, 2)
    }
}

impl Rnn {
    fn step(&self, bias: &[f32], h: &mut [f32]) {
        vectorized(
            #[inline(always)]
            || {
                for h in h.chunks_exact_mut(bias.len()) {
                    let units = h.iter_mut().zip(bias);
                    match self.relu {
                        true => units.for_each(|(h, b)| *h = if *h + b <= 0.0 { 0.0 } else { *h + b }),
                        false => units.for_each(|(h, b)| *h = tanh(*h + b)),
                    }
                }
            },
        );
    }
}

/// Gradient of [`Rnn`].
///
/// Arguments, all f32: w_hh `[H, H]`, h `[T, N, H]`, dh `[T, N, H]`; written: the gradient before the non-linearity
/// `[T, N, H]`, and that of h0 `[N, H]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RnnGrad {
    sequence: Sequence,
    relu: bool,
    tile: RowTile,
}

impl RnnGrad {
    /// The kernel for sequences of these sizes, with the non-linearity of the forward pass.
    pub fn new(sequence: Sequence, relu: bool) -> RnnGrad {
        RnnGrad { sequence, relu, tile: RowTile::default() }
    }
}

impl Kernel for RnnGrad {
    fn name(&self) -> &'static str {
        "rnn_grad"
    }

    fn access(&self) -> Vec<Access> {
        use Access::*;
        vec![Read, Read, Read, Write, Write]
    }

    fn scratch(&self, target: Target) -> usize {
        match target {
            Target::Cpu => Panels::floats(self.sequence.hidden, self.sequence.hidden) * 4,
            Target::Gpu => 8,
        }
    }

    fn shaders(&self) -> Vec<Shader> {
        let source = self.sequence.constants(wgsl!("rnn_grad")).set("RELU", self.relu);
        self.sequence.backward_shaders(source, 1, 1, self.tile)
    }

    fn variants(&self, gpu: &GpuProfile) -> Option<Variants> {
        self.sequence.offer(self.name(), gpu, |tile| RnnGrad { tile, ..*self })
    }

    fn run(&self, args: &Args) {
        let Sequence { steps, hidden, .. } = self.sequence;
        let [w, y, dy] = [0, 1, 2].map(|i| args.read::<f32>(i));
        let w = Panels::new(w, hidden, hidden, args.write(5));
        let blocks = self.sequence.blocks(args.write(3), hidden).into_par_iter();
        let blocks = blocks.zip(args.write::<f32>(4).par_chunks_mut(self.sequence.rows() * hidden));
        blocks.enumerate().for_each(|(b, (mut dgates, dh))| {
            let dh = &mut dh[..self.sequence.range(0, b, hidden).len()];
            dh.fill(0.0);
            for t in (0..steps).rev() {
                let state = self.sequence.range(t, b, hidden);
                add(dh, &dy[state.clone()]);
                self.step_back(&y[state], dh, dgates[t]);
                dh.fill(0.0);
                w.add_product(dgates[t], hidden, dh);
            }
        });
    }

    fn cost(&self) -> Cost {
        self.sequence.cost(1, 3)
    }
}

impl RnnGrad {
    fn step_back(&self, h: &[f32], dh: &[f32], dgates: &mut [f32]) {
        vectorized(
            #[inline(always)]
            || {
                let units = dgates.iter_mut().zip(h.iter().zip(dh));
                match self.relu {
                    true => units.for_each(|(d, (h, dh))| *d = if *h > 0.0 { *dh } else { 0.0 }),
                    false => units.for_each(|(d, (h, dh))| *d = dh * (1.0 - h * h)),
                }
            },
        );
    }
}
