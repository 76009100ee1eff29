//! Sums over the paths of a lattice, and best paths: the common part of CTC, linear-chain CRFs and hidden Markov models.

use gpu_core::{DType, kernels};

use crate::compile::Lower;
use crate::gradient::decomposed;
use crate::op::{KernelOp, Meta};
use crate::{Padding, Tensor, stack};

/// A finite score so low that no path uses it, for arcs and emissions that are forbidden.
pub(crate) const IMPOSSIBLE: f32 = -1e30;

/// The scores of the arcs between the states of neighbouring steps. The first dimension is the batch, or 1.
#[derive(Clone, Copy)]
pub enum Arcs<'a> {
    /// `[B, S, S]`: from every state (the second dimension) to every state (the last).
    All(&'a Tensor),
    /// `[B, K, S]`: arc `k` into state `s` comes from state `s - k`. There is no such arc if that is negative.
    Band(&'a Tensor),
}

/// How the scores of paths that meet in a state are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Paths {
    /// `log(sum(exp(score)))` of the paths: the forward algorithm (Rabiner 1989).
    Sum,
    /// The largest score (Viterbi 1967). Its gradient is 1 along the best path, and 0 elsewhere.
    Best,
}

/// The scores of all paths through a lattice that end in each state, at each step: `[N, T, S]` for `emissions [N, T, S]`. A path's
/// score is the sum of its emissions and arcs. After `lengths [N]` steps (at least one, at most `T`), the scores of an item stay as
/// they are, so that the last step always has the final scores. The gradient with respect to an emission is the probability that a path
/// uses it.
///
/// # Panics
/// When the shapes do not fit, or there are no steps or states.
///
/// ```
/// # use autograd::{Arcs, Device, Paths, Tensor, lattice};
/// let device = Device::named("cpu")?;
/// let emissions = Tensor::from_slice(&device, &[1.0f32, 2.0, 3.0, 5.0], &[1, 2, 2])?;
/// let (arcs, lengths) = (Tensor::zeros(&device, &[1, 2, 2]), Tensor::constant(&device, &[2i32], &[1]));
/// let best = lattice(&emissions, Arcs::All(&arcs), &lengths, Paths::Best);
/// assert_eq!(best.to_vec::<f32>()?, [1.0, 2.0, 5.0, 7.0]);
/// let all = lattice(&emissions, Arcs::All(&arcs), &lengths, Paths::Sum).to_vec::<f32>()?;
/// assert!((all[2] - 3.0 - (1f32.exp() + 2f32.exp()).ln()).abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
#[track_caller]
pub fn lattice(emissions: &Tensor, arcs: Arcs, lengths: &Tensor, paths: Paths) -> Tensor {
    let (w, band) = match arcs {
        Arcs::All(w) => (w, false),
        Arcs::Band(w) => (w, true),
    };
    let shapes = format!("lattice: emissions {:?}, arcs {:?}", emissions.shape(), w.shape());
    let &[batch, steps, states] = emissions.shape() else { panic!("{shapes}") };
    let &[items, k, into] = w.shape() else { panic!("{shapes}") };
    assert!(steps > 0 && states > 0 && k > 0, "{shapes}: nothing to go through");
    assert!((items == batch || items == 1) && into == states && k <= states, "{shapes}");
    assert!(band || k == states, "{shapes}: not as many arcs as states");
    assert!(lengths.shape() == [batch], "{shapes}, lengths {:?}", lengths.shape());
    assert!(!lengths.dtype().is_float(), "lattice: lengths of type {}", lengths.dtype());
    emissions.expect_float("lattice");
    w.expect_float("lattice");
    // The kernels do not handle infinities.
    let [e, w] = [emissions, w].map(|t| t.clamp_min(IMPOSSIBLE));
    let meta = Meta::new(emissions.shape(), DType::F32);
    let op = Lattice { band, best: paths == Paths::Best };
    Tensor::record(op, &[&e, &w, &lengths.to(DType::I32)], vec![meta.clone(), meta]).remove(0)
}

/// The lattice op. Inputs: emissions, arcs and lengths. Outputs: the scores, and for each state the combined score of its incoming arcs
/// (for best paths the best arc's number), which the gradients need.
#[derive(Clone, Copy, Debug, Hash)]
struct Lattice {
    band: bool,
    best: bool,
}

impl Lattice {
    /// The kernel's sizes, from output 0 and the arcs (input `w`).
    fn kernel(self, cx: &Lower, w: usize) -> kernels::Lattice {
        let (shape, w) = (cx.output_meta(0).shape.clone(), cx.input_meta(w).shape);
        kernels::Lattice {
            batch: shape[0],
            steps: shape[1],
            states: shape[2],
            arcs: w[1],
            band: self.band,
            own_weights: w[0] > 1,
            best: self.best,
        }
    }

    /// The scores of the states that each of the `k` arcs into a state comes from, given scores `[.., S]`: `[.., k, S]` or
    /// `[.., k, 1]`.
    fn sources(self, scores: &Tensor, k: usize) -> Tensor {
        if !self.band {
            return scores.unsqueeze(-1);
        }
        let shifted = |k: isize| scores.pad(&[(k, -k)], Padding::Constant(IMPOSSIBLE));
        stack(&(0..k as isize).map(shifted).collect::<Vec<_>>().iter().collect::<Vec<_>>(), -2)
    }

    /// The share of each incoming arc in a state's score, `[N, T - 1, K, S]`, given the op's inputs and outputs.
    fn shares(self, w: &Tensor, alpha: &Tensor, z: &Tensor) -> Tensor {
        let (steps, k) = (alpha.size(1), w.size(1));
        let z = z.narrow(1, 1, steps - 1).unsqueeze(2).detach();
        if self.best {
            return z.eq(Tensor::arange(w.device(), k).to(DType::F32).unsqueeze(1)).to(DType::F32);
        }
        let parts = (self.sources(&alpha.narrow(1, 0, steps - 1), k) + w.unsqueeze(1) - z).exp();
        // The sum is 1 but for rounding. Dividing by it gives the derivative of `z`, which was detached.
        &parts / parts.sum(&[2], true)
    }

    /// The scores, computed step by step from other ops.
    fn unrolled(self, e: &Tensor, w: &Tensor, lengths: &Tensor) -> Tensor {
        let steps = e.unbind(1);
        let mut scores = vec![steps[0].clone()];
        for (t, e) in steps.iter().enumerate().skip(1) {
            let before = &scores[t - 1];
            let arcs = self.sources(before, w.size(1)) + w;
            let joined = if self.best { arcs.amax(&[1], false) } else { arcs.logsumexp(&[1], false) };
            scores.push((joined + e).where_(&lengths.gt(t as i32).unsqueeze(1), before));
        }
        stack(&scores.iter().collect::<Vec<_>>(), 1)
    }
}

impl KernelOp for Lattice {
    fn name(&self) -> &'static str {
        "lattice"
    }

    fn lower(&self, cx: &mut Lower) {
        let kernel = self.kernel(cx, 1);
        let args = [cx.dense(0), cx.dense(1), cx.dense(2), cx.output(0), cx.output(1)];
        cx.launch(kernel, &args);
    }

    fn gradient(
        &self,
        inputs: &[Tensor],
        outputs: &[Tensor],
        grads: &[Option<Tensor>],
    ) -> Vec<Option<Tensor>> {
        let (w, alpha, z) = (&inputs[1], &outputs[0], &outputs[1]);
        let Some(dalpha) = &grads[0] else { return vec![None; 3] };
        let all = [&inputs[0], w, &inputs[2], alpha, z, dalpha];
        let de = Tensor::record(LatticeGrad(*self), &all, vec![alpha.meta().clone()]).remove(0);
        let later = alpha.size(1) - 1;
        let dw = if later == 0 {
            w.zeros_like()
        } else {
            (self.shares(w, alpha, z) * de.narrow(1, 1, later).unsqueeze(2))
                .sum(&[1], false)
                .sum_to(w.shape())
        };
        vec![Some(de), Some(dw), None]
    }
}

/// The gradient of the emissions, from the inputs of [`Lattice`], its outputs and the scores' gradient.
#[derive(Debug, Hash)]
struct LatticeGrad(Lattice);

impl KernelOp for LatticeGrad {
    fn name(&self) -> &'static str {
        "lattice_grad"
    }

    fn lower(&self, cx: &mut Lower) {
        let kernel = kernels::LatticeGrad(self.0.kernel(cx, 1));
        let [w, lengths, alpha, z, dalpha] = [1, 2, 3, 4, 5].map(|i| cx.dense(i));
        let de = cx.output(0);
        cx.launch(kernel, &[w, lengths, alpha, z, dalpha, de]);
    }

    fn gradient(&self, inputs: &[Tensor], _: &[Tensor], grads: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
        decomposed(inputs, grads, |inputs| {
            let (lengths, dalpha) = (&inputs[2], inputs[5].clone());
            let found = decomposed(&inputs[..2], &[Some(dalpha)], |inputs| {
                vec![self.0.unrolled(&inputs[0], &inputs[1], lengths)]
            });
            vec![found[0].clone().expect("every score depends on its emission")]
        })
    }
}
