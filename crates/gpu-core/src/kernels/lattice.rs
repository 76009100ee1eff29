//! Sums over the paths of a lattice in log space (the forward algorithm), or the best path (Viterbi's): CTC, linear-chain
//! CRFs and hidden Markov models.
//!
//! On a GPU every item of the batch has a workgroup, which runs all steps and distributes the states of each step over its invocations.

use rayon::prelude::*;

use crate::simd::vectorized;
use crate::vecmath::{exp, log};
use crate::wgsl::{Source, wgsl};
use crate::{Access, Args, Cost, Kernel, Shader};

/// Scores of all paths that end in each state, at every step: `alpha[0] = e[0]` and
/// `alpha[t, s] = e[t, s] + z[t, s]` with `z[t, s] = log(sum over arcs k of exp(alpha[t - 1, p] + w[k, s]))`, where `p` is the
/// state that arc `k` into state `s` comes from. From step `length` on, `alpha` repeats the last step.
///
/// Arguments: e `[batch, steps, states]`, w `[batch or 1, arcs, states]`, lengths `[batch]` (i32); written: alpha and z
/// `[batch, steps, states]`; z is not written at step 0. All but the lengths are finite f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lattice {
    /// Items, each with a lattice of its own.
    pub batch: usize,
    /// Steps of the longest item.
    pub steps: usize,
    /// States at every step.
    pub states: usize,
    /// Arcs into every state.
    pub arcs: usize,
    /// Whether arc `k` into state `s` comes from state `s - k`, if there is one. If not, it comes from state `k`.
    pub band: bool,
    /// Whether every item has weights of its own.
    pub own_weights: bool,
    /// Takes the largest score instead of the logarithm; z is then the number of the arc, the first one of equals.
    pub best: bool,
}

/// Gradient of [`Lattice`] in e.
///
/// Arguments: w, lengths, alpha and z as for [`Lattice`], dalpha `[batch, steps, states]`; written: de `[batch, steps,
/// states]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LatticeGrad(pub Lattice);

/// Iterations that an invocation makes in one dispatch. (Mesa's lavapipe ends loops after 65,535.)
const ITERATIONS: usize = 32_768;

impl Lattice {
    /// Invocations of a workgroup.
    fn lanes(&self) -> usize {
        self.states.next_multiple_of(64).min(256)
    }

    /// The dispatches for all steps: from the first one on if `forward`, else from the last.
    fn dispatches(&self, text: &str, forward: bool) -> Vec<Shader> {
        let source = Source::new(text).with(wgsl!("math")).set("LANES", self.lanes());
        let source = source.set("BATCH", self.batch).set("STEPS", self.steps).set("STATES", self.states);
        let source = source.set("ARCS", self.arcs).set("BAND", self.band).set("BEST", self.best);
        let source = source.set("OWN_WEIGHTS", self.own_weights).finish();
        let a_step = self.states.div_ceil(self.lanes()) * (2 * self.arcs.max(1) + 1);
        let chunk = (ITERATIONS / a_step).max(1);
        let part = |first: usize| {
            let end = (first + chunk).min(self.steps);
            let source = Source::new(&source).set("FIRST", first).set("END", end).finish();
            Shader::linear(source, self.batch, 1)
        };
        let mut parts: Vec<Shader> = (0..self.steps).step_by(chunk).map(part).collect();
        if !forward {
            parts.reverse();
        }
        parts
    }

    /// The weights of an item.
    fn weights<'a>(&self, w: &'a [f32], item: usize) -> &'a [f32] {
        let size = self.arcs * self.states;
        &w[if self.own_weights { item * size } else { 0 }..][..size]
    }

    /// Calls `f(a[s], b[s], score)` for every state `s` that arc `k` leads to.
    #[inline(always)]
    fn along(
        &self,
        k: usize,
        before: &[f32],
        w: &[f32],
        a: &mut [f32],
        b: &mut [f32],
        f: impl Fn(&mut f32, &mut f32, f32),
    ) {
        let w = &w[k * self.states..][..self.states];
        if self.band {
            let k = k.min(self.states);
            let states = a[k..].iter_mut().zip(&mut b[k..]).zip(&w[k..]).zip(before);
            states.for_each(|(((a, b), w), before)| f(a, b, before + w));
        } else {
            let before = before[k];
            a.iter_mut().zip(b).zip(w).for_each(|((a, b), w)| f(a, b, before + w));
        }
    }

    /// Writes `alpha` without its emissions, and `z`, of one step.
    #[inline(always)]
    fn step(&self, before: &[f32], w: &[f32], alpha: &mut [f32], z: &mut [f32]) {
        alpha.fill(f32::MIN);
        for k in 0..self.arcs {
            let arc = k as f32;
            self.along(
                k,
                before,
                w,
                alpha,
                z,
                #[inline(always)]
                |most, z, score| {
                    // A NaN stays.
                    let stays = score <= *most || most.is_nan();
                    *z = if stays { *z } else { arc };
                    *most = if stays { *most } else { score };
                },
            );
        }
        if self.best {
            return;
        }
        z.fill(0.0);
        for k in 0..self.arcs {
            self.along(
                k,
                before,
                w,
                alpha,
                z,
                #[inline(always)]
                |most, sum, score| *sum += exp(score - *most),
            );
        }
        alpha.iter_mut().zip(z).for_each(|(alpha, z)| {
            *alpha += log(*z);
            *z = *alpha;
        });
    }

    /// All steps of an item.
    #[inline(always)]
    fn item(&self, e: &[f32], w: &[f32], length: usize, alpha: &mut [f32], z: &mut [f32]) {
        let n = self.states;
        alpha[..n].copy_from_slice(&e[..n]);
        z[..n].fill(0.0);
        for t in 1..self.steps {
            let (before, alpha) = alpha[(t - 1) * n..][..2 * n].split_at_mut(n);
            self.step(before, w, alpha, &mut z[t * n..][..n]);
            if t < length {
                alpha.iter_mut().zip(&e[t * n..]).for_each(|(alpha, e)| *alpha += e);
            } else {
                alpha.copy_from_slice(before);
            }
        }
    }
}

impl Kernel for Lattice {
    fn name(&self) -> &'static str {
        "lattice"
    }

    fn access(&self) -> Vec<Access> {
        use Access::*;
        vec![Read, Read, Read, Write, Write]
    }

    fn shaders(&self) -> Vec<Shader> {
        self.dispatches(wgsl!("lattice"), true)
    }

    fn run(&self, args: &Args) {
        let size = (self.steps * self.states).max(1);
        let (e, w, lengths) = (args.read::<f32>(0), args.read::<f32>(1), args.read::<i32>(2));
        let outputs =
            args.write::<f32>(3).par_chunks_mut(size).zip(args.write::<f32>(4).par_chunks_mut(size));
        outputs.zip(e.par_chunks(size)).zip(lengths).enumerate().for_each(
            |(i, (((alpha, z), e), &length))| {
                vectorized(
                    #[inline(always)]
                    || self.item(e, self.weights(w, i), length.max(0) as usize, alpha, z),
                );
            },
        );
    }

    fn cost(&self) -> Cost {
        let (all, arcs) = ((self.batch * self.steps * self.states) as u64, self.arcs as u64);
        Cost { flops: all * (if self.best { 2 } else { 4 } * arcs + 2), bytes: 12 * all }
    }
}

impl LatticeGrad {
    /// Adds to `de` the part of the next step's gradient `next` that flows to this step. `z` is the next step's, too.
    #[inline(always)]
    fn step(&self, alpha: &[f32], w: &[f32], z: &[f32], next: &[f32], de: &mut [f32]) {
        let Lattice { states, arcs, band, best, .. } = self.0;
        for k in 0..arcs {
            let (w, arc) = (&w[k * states..][..states], k as f32);
            let share = |alpha: f32, ((w, z), next): ((&f32, &f32), &f32)| {
                let share = if best { f32::from(*z == arc) } else { exp(alpha + w - z) };
                share * next
            };
            if band {
                let from = k.min(states);
                let into = w[from..].iter().zip(&z[from..]).zip(&next[from..]);
                de.iter_mut().zip(alpha).zip(into).for_each(|((de, &alpha), into)| *de += share(alpha, into));
            } else {
                de[k] += w.iter().zip(z).zip(next).map(|into| share(alpha[k], into)).sum::<f32>();
            }
        }
    }

    /// All steps of an item.
    #[inline(always)]
    fn item(&self, w: &[f32], length: usize, [alpha, z, dalpha]: [&[f32]; 3], de: &mut [f32]) {
        let (n, last) = (self.0.states, length.clamp(1, self.0.steps) - 1);
        de.copy_from_slice(dalpha);
        // Later steps are copies of the last one, so their gradients are added to its gradient.
        let (before, after) = de.split_at_mut((last + 1) * n);
        for after in after.chunks_exact_mut(n) {
            before[last * n..].iter_mut().zip(&*after).for_each(|(de, after)| *de += after);
            after.fill(0.0);
        }
        for t in (0..last).rev() {
            let (de, next) = de[t * n..][..2 * n].split_at_mut(n);
            self.step(&alpha[t * n..][..n], w, &z[(t + 1) * n..][..n], next, de);
        }
    }
}

impl Kernel for LatticeGrad {
    fn name(&self) -> &'static str {
        "lattice_grad"
    }

    fn access(&self) -> Vec<Access> {
        use Access::*;
        vec![Read, Read, Read, Read, Read, Write]
    }

    fn shaders(&self) -> Vec<Shader> {
        self.0.dispatches(wgsl!("lattice_grad"), false)
    }

    fn run(&self, args: &Args) {
        let size = (self.0.steps * self.0.states).max(1);
        let (w, lengths) = (args.read::<f32>(0), args.read::<i32>(1));
        let reads = [2, 3, 4].map(|i| args.read::<f32>(i));
        let outputs = args.write::<f32>(5).par_chunks_mut(size).zip(lengths).enumerate();
        outputs.for_each(|(i, (de, &length))| {
            let reads = reads.map(|x| &x[i * size..][..size]);
            vectorized(
                #[inline(always)]
                || self.item(self.0.weights(w, i), length.max(0) as usize, reads, de),
            );
        });
    }

    fn cost(&self) -> Cost {
        let cost = self.0.cost();
        Cost { bytes: 16 * (self.0.batch * self.0.steps * self.0.states) as u64, ..cost }
    }
}
