//! Fused optimizer updates over flat memory: one launch for all parameters of a group.

use rayon::prelude::*;

use crate::simd::vectorized;
use crate::wgsl::{Source, wgsl};
use crate::{Access, Args, Cost, Kernel, Shader};

/// Elements per task of the CPU twin.
const TASK: usize = 16 * 1024;

/// One step of stochastic gradient descent as `torch.optim.SGD` defines it, over `count` parameters `p`:
///
/// ```text
/// g = factor grad + weight_decay p        (-factor grad with `maximize`)
/// v = momentum v + (1 - dampening) g      (v = g at the first step)
/// p = p - lr v                            (p - lr (g + momentum v) with `nesterov`, p - lr g without `momentum`)
/// ```
///
/// (Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning".)
///
/// Arguments: hyper `[lr, momentum, dampening, weight_decay, first, factor]` (`first` is 1 at the first step, else 0), ok `u32 [1]`,
/// grad `[count]`; read and written: param `[count]` and, with `momentum`, velocity `[count]`. Nothing changes when `ok` is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SgdStep {
    /// Parameters.
    pub count: usize,
    /// Whether there is a velocity.
    pub momentum: bool,
    /// Whether the step looks ahead by Nesterov's rule; needs `momentum`.
    pub nesterov: bool,
    /// Ascends instead.
    pub maximize: bool,
    /// Whether the new parameters are also written to a further argument `[count]`, which may be packed as halves.
    pub copies: bool,
}

/// One step of Adam (Kingma and Ba 2015), AdamW (Loshchilov and Hutter 2019) or AMSGrad (Reddi et al. 2018) as
/// `torch.optim.Adam` and `AdamW` define them, over `count` parameters `p`:
///
/// ```text
/// g = factor grad                           (-factor grad with `maximize`)
/// p = p (1 - lr weight_decay)               (`decoupled`, AdamW)
/// g = g + weight_decay p                    (otherwise)
/// m = beta1 m + (1 - beta1) g
/// v = beta2 v + (1 - beta2) g^2
/// w = vmax = max(vmax, v)                   (`amsgrad`; otherwise w = v)
/// p = p - lr / bias_correction1 * m / (sqrt(w) / bias_correction2_sqrt + eps)
/// ```
///
/// Arguments: hyper `[lr, beta1, beta2, eps, weight_decay, bias_correction1, bias_correction2_sqrt, factor]`, ok `u32 [1]`, grad
/// `[count]`; read and written: param, m, v and, with `amsgrad`, vmax, each `[count]`. Nothing changes when `ok` is 0.
/// `bias_correction1 = 1 - beta1^t` and `bias_correction2_sqrt = sqrt(1 - beta2^t)` should be computed from the betas as
/// rounded to `f32`, so that the rounding of `1 - beta2` cancels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdamStep {
    /// Parameters.
    pub count: usize,
    /// Divides by the largest second moment so far.
    pub amsgrad: bool,
    /// Decays weights directly instead of through the gradient.
    pub decoupled: bool,
    /// Ascends instead.
    pub maximize: bool,
    /// Whether the new parameters are also written to a further argument `[count]`, which may be packed as halves.
    pub copies: bool,
}

/// The access of the read-only arguments, followed by `states` read-write ones, and the copy's, if there is one.
fn access(states: usize, copies: bool) -> Vec<Access> {
    [vec![Access::Read; 3], vec![Access::ReadWrite; states], vec![Access::Write; copies.into()]].concat()
}

/// The blocks of a shader that write the copy, which is bound after `states` states.
fn copy(source: Source, states: usize, copies: bool) -> Source {
    if !copies {
        return ["copy", "unchanged", "updated"]
            .into_iter()
            .fold(source, |source, name| source.block(name, ""));
    }
    let binding = 3 + states;
    source.block("copy", &format!("@group(0) @binding({binding}) var<storage, read_write> copy: array<T>;"))
}

/// Processes elements in vectors of 4 if `count` allows: a shader over `count` or `count / 4` of them.
fn vectors(source: Source, count: usize) -> Shader {
    let (width, t) = if count.is_multiple_of(4) { (4, "vec4<f32>") } else { (1, "f32") };
    let source = source.block("type", &format!("alias T = {t};")).set("COUNT", count / width);
    Shader::linear(source.finish(), count / width, 64)
}

impl Kernel for SgdStep {
    fn name(&self) -> &'static str {
        "sgd_step"
    }

    fn access(&self) -> Vec<Access> {
        access(self.states(), self.copies)
    }

    fn shaders(&self) -> Vec<Shader> {
        let mut source =
            Source::new(wgsl!("sgd")).set("MAXIMIZE", self.maximize).set("NESTEROV", self.nesterov);
        if !self.momentum {
            source = source.block("velocity", "").block("momentum", "");
        }
        let source = copy(source, self.states(), self.copies);
        vec![vectors(source, self.count)]
    }

    fn run(&self, args: &Args) {
        let params = args.write::<f32>(3);
        self.update(args, params);
        if self.copies {
            args.write::<f32>(3 + self.states()).copy_from_slice(params);
        }
    }

    fn cost(&self) -> Cost {
        let (flops, words) = if self.momentum { (7, 5) } else { (4, 3) };
        Cost {
            flops: flops * self.count as u64,
            bytes: (words + u64::from(self.copies)) * 4 * self.count as u64,
        }
    }
}

impl SgdStep {
    /// Number of arguments that are read and written.
    fn states(&self) -> usize {
        1 + usize::from(self.momentum)
    }

    fn update(&self, args: &Args, params: &mut [f32]) {
        let (hyper, ok): (&[f32], &[u32]) = (args.read(0), args.read(1));
        if ok[0] == 0 {
            return;
        }
        let hyper: [f32; 6] = hyper[..6].try_into().expect("six numbers");
        let grads = args.read::<f32>(2).par_chunks(TASK);
        let params = params.par_chunks_mut(TASK).zip(grads);
        if self.momentum {
            let velocities = args.write::<f32>(4).par_chunks_mut(TASK);
            params.zip(velocities).for_each(|((p, g), v)| {
                vectorized(
                    #[inline(always)]
                    || self.with_velocity(hyper, g, p, v),
                );
            });
        } else {
            params.for_each(|(p, g)| {
                vectorized(
                    #[inline(always)]
                    || self.plain(hyper, g, p),
                );
            });
        }
    }

    #[inline(always)]
    fn plain(&self, [lr, _, _, decay, _, factor]: [f32; 6], grad: &[f32], param: &mut [f32]) {
        let sign = if self.maximize { -1.0 } else { 1.0 };
        for (p, &g) in param.iter_mut().zip(grad) {
            *p -= lr * (sign * (factor * g) + decay * *p);
        }
    }

    #[inline(always)]
    fn with_velocity(&self, hyper: [f32; 6], grad: &[f32], param: &mut [f32], velocity: &mut [f32]) {
        let [lr, momentum, dampening, decay, first, factor] = hyper;
        let sign = if self.maximize { -1.0 } else { 1.0 };
        let (first, nesterov) = (first > 0.5, self.nesterov);
        for ((p, v), &g) in param.iter_mut().zip(velocity).zip(grad) {
            let g = sign * (factor * g) + decay * *p;
            *v = if first { g } else { momentum * *v + (1.0 - dampening) * g };
            *p -= lr * if nesterov { g + momentum * *v } else { *v };
        }
    }
}

impl Kernel for AdamStep {
    fn name(&self) -> &'static str {
        "adam_step"
    }

    fn access(&self) -> Vec<Access> {
        access(self.states(), self.copies)
    }

    fn shaders(&self) -> Vec<Shader> {
        let mut source =
            Source::new(wgsl!("adam")).set("MAXIMIZE", self.maximize).set("DECOUPLED", self.decoupled);
        if !self.amsgrad {
            source = source.block("largest", "").block("maximum", "");
        }
        let source = copy(source, self.states(), self.copies);
        vec![vectors(source, self.count)]
    }

    fn run(&self, args: &Args) {
        let params = args.write::<f32>(3);
        self.update(args, params);
        if self.copies {
            args.write::<f32>(3 + self.states()).copy_from_slice(params);
        }
    }

    fn cost(&self) -> Cost {
        let words = if self.amsgrad { 9 } else { 7 };
        Cost {
            flops: 15 * self.count as u64,
            bytes: (words + u64::from(self.copies)) * 4 * self.count as u64,
        }
    }
}

impl AdamStep {
    /// Number of arguments that are read and written.
    fn states(&self) -> usize {
        3 + usize::from(self.amsgrad)
    }

    fn update(&self, args: &Args, params: &mut [f32]) {
        let (hyper, ok): (&[f32], &[u32]) = (args.read(0), args.read(1));
        if ok[0] == 0 {
            return;
        }
        let hyper: [f32; 8] = hyper[..8].try_into().expect("eight numbers");
        let grads = args.read::<f32>(2).par_chunks(TASK);
        let moments = args.write::<f32>(4).par_chunks_mut(TASK);
        let state = params.par_chunks_mut(TASK).zip(moments);
        let state = state.zip(args.write::<f32>(5).par_chunks_mut(TASK)).zip(grads);
        if self.amsgrad {
            state.zip(args.write::<f32>(6).par_chunks_mut(TASK)).for_each(|((((p, m), v), g), w)| {
                vectorized(
                    #[inline(always)]
                    || {
                        let state = p.iter_mut().zip(m).zip(v).zip(g).zip(w);
                        state.for_each(|((((p, m), v), &g), w)| {
                            self.element(hyper, g, p, m, v, Some(w));
                        });
                    },
                );
            });
        } else {
            state.for_each(|(((p, m), v), g)| {
                vectorized(
                    #[inline(always)]
                    || {
                        let state = p.iter_mut().zip(m).zip(v).zip(g);
                        state.for_each(|(((p, m), v), &g)| self.element(hyper, g, p, m, v, None));
                    },
                );
            });
        }
    }

    #[inline(always)]
    fn element(
        &self,
        [lr, beta1, beta2, eps, decay, correction1, correction2, factor]: [f32; 8],
        g: f32,
        p: &mut f32,
        m: &mut f32,
        v: &mut f32,
        largest: Option<&mut f32>,
    ) {
        let mut g = if self.maximize { -(factor * g) } else { factor * g };
        if self.decoupled {
            *p *= 1.0 - lr * decay;
        } else {
            g += decay * *p;
        }
        *m = beta1 * *m + (1.0 - beta1) * g;
        *v = beta2 * *v + (1.0 - beta2) * (g * g);
        let mut second = *v;
        if let Some(w) = largest {
            // A NaN propagates, unlike in `f32::max`.
            second = if *v <= *w { *w } else { *v };
            *w = second;
        }
        *p -= (lr / correction1) * (*m / (second.sqrt() / correction2 + eps));
    }
}
