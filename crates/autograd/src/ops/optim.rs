//! Optimizer updates as graph nodes, which write in place if the step donates the memory of the old versions.

use gpu_core::kernels;

use crate::Tensor;
use crate::compile::Lower;
use crate::op::KernelOp;

/// One SGD update over flat memory; see [`gpu_core::kernels::SgdStep`] for the formula.
#[derive(Clone, Copy, Debug, Hash)]
pub struct SgdStep {
    /// Whether there is a velocity.
    pub momentum: bool,
    /// Whether the step looks ahead by Nesterov's rule; needs `momentum`.
    pub nesterov: bool,
    /// Whether to ascend.
    pub maximize: bool,
}

impl SgdStep {
    /// New parameter and velocity (only with momentum). `hyper` is `[lr, momentum, dampening, weight_decay, first, factor]`, `ok [1]` u32 or
    /// bool (0 leaves everything unchanged); the gradient and `state`, parameter and velocity, are flat `[count]`.
    #[track_caller]
    pub fn apply(self, hyper: &Tensor, ok: &Tensor, grad: &Tensor, state: &[Tensor]) -> Vec<Tensor> {
        assert!(
            state.len() == 1 + usize::from(self.momentum),
            "SgdStep: parameter and, with momentum, velocity"
        );
        record(self, hyper, ok, grad, state)
    }
}

/// One Adam, AdamW or AMSGrad update over flat memory; see [`gpu_core::kernels::AdamStep`] for the formula.
#[derive(Clone, Copy, Debug, Hash)]
pub struct AdamStep {
    /// Whether to divide by the largest second moment so far (Reddi et al. 2018).
    pub amsgrad: bool,
    /// Whether weight decay is decoupled, as in AdamW.
    pub decoupled: bool,
    /// Whether to ascend.
    pub maximize: bool,
}

impl AdamStep {
    /// New parameter, m, v (and vmax with `amsgrad`). `hyper` is
    /// `[lr, beta1, beta2, eps, weight_decay, bias_correction1, bias_correction2_sqrt, factor]`, `ok [1]` u32 or bool (0 leaves everything
    /// unchanged); the gradient and `state` are flat `[count]`.
    #[track_caller]
    pub fn apply(self, hyper: &Tensor, ok: &Tensor, grad: &Tensor, state: &[Tensor]) -> Vec<Tensor> {
        assert!(
            state.len() == 3 + usize::from(self.amsgrad),
            "AdamStep: parameter, m, v and, with amsgrad, vmax"
        );
        record(self, hyper, ok, grad, state)
    }
}

#[track_caller]
fn record(
    op: impl KernelOp + 'static,
    hyper: &Tensor,
    ok: &Tensor,
    grad: &Tensor,
    state: &[Tensor],
) -> Vec<Tensor> {
    let inputs: Vec<&Tensor> = [hyper, ok, grad].into_iter().chain(state).collect();
    for t in &inputs[2..] {
        assert!(t.shape() == grad.shape(), "{}: state for a gradient of shape {:?}", op.name(), grad.shape());
    }
    Tensor::record(op, &inputs, state.iter().map(|t| t.meta().clone()).collect())
}

/// The in-place pairs of ops whose state follows three inputs that are only read.
const PAIRS: [(usize, usize); 4] = [(3, 0), (4, 1), (5, 2), (6, 3)];

fn lower(cx: &mut Lower, kernel: impl gpu_core::Kernel + 'static, states: usize) {
    let mut args = vec![cx.dense(0), cx.dense(1), cx.dense(2)];
    args.extend(PAIRS[..states].iter().map(|&(i, o)| cx.in_place(i, o)));
    cx.launch(kernel, &args);
}

impl KernelOp for SgdStep {
    fn name(&self) -> &'static str {
        "sgd_step"
    }

    fn lower(&self, cx: &mut Lower) {
        let SgdStep { momentum, nesterov, maximize } = *self;
        let count = cx.input_meta(2).numel();
        lower(
            cx,
            kernels::SgdStep { count, momentum, nesterov, maximize, copies: false },
            1 + usize::from(momentum),
        );
    }

    fn gradient(&self, inputs: &[Tensor], _: &[Tensor], _: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
        vec![None; inputs.len()]
    }

    fn differentiable(&self) -> bool {
        false
    }

    fn in_place(&self) -> &[(usize, usize)] {
        &PAIRS[..1 + usize::from(self.momentum)]
    }
}

impl KernelOp for AdamStep {
    fn name(&self) -> &'static str {
        "adam_step"
    }

    fn lower(&self, cx: &mut Lower) {
        let AdamStep { amsgrad, decoupled, maximize } = *self;
        let count = cx.input_meta(2).numel();
        lower(
            cx,
            kernels::AdamStep { count, amsgrad, decoupled, maximize, copies: false },
            3 + usize::from(amsgrad),
        );
    }

    fn gradient(&self, inputs: &[Tensor], _: &[Tensor], _: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
        vec![None; inputs.len()]
    }

    fn differentiable(&self) -> bool {
        false
    }

    fn in_place(&self) -> &[(usize, usize)] {
        &PAIRS[..3 + usize::from(self.amsgrad)]
    }
}
