//! Muon.

use autograd::Tensor;

use super::optimizer::Optimizer;
use super::rule::{Rule, Update};
use crate::Params;

/// The dependence of Muon's learning rate on a matrix's shape `[A, B]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AdjustLr {
    /// `sqrt(max(1, A / B))` (Jordan et al. 2024).
    #[default]
    Original,
    /// `0.2 sqrt(max(A, B))`, so that AdamW's learning rates and decay can be used (Liu et al. 2025).
    MatchRmsAdamW,
}

/// Muon, "momentum orthogonalized by Newton-Schulz" (Jordan et al. 2024) as `torch.optim.Muon`, for the matrices of hidden layers:
/// `m = m + (1 - momentum) (g - m)`, and a step along the nearest matrix with orthonormal rows or columns, approximated by five
/// Newton-Schulz iterations. They run in f32, where torch rounds to bf16. Convolution filters `[O, I, ..]` are treated as matrices
/// `[O, I ..]`, which torch leaves to its users. Use another optimizer for other parameters:
///
/// ```
/// use autograd::Device;
/// use models::{AdamW, Linear, Muon, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let layer = Linear::new(&params, 3, 2);
/// let mut muon = Muon::new(&params).only(|p| p.value().rank() == 2);
/// let mut adam = AdamW::new(&params).only(|p| p.value().rank() != 2);
/// let x = autograd::Tensor::ones(&device, &[4, 3]);
/// let loss = layer.forward(&x).square().mean_all();
/// let gradients = loss.backward();
/// muon.step(gradients.clone(), 0.02)?;
/// adam.step(gradients, 0.001)?;
/// # Ok::<(), autograd::Error>(())
/// ```
pub type Muon = Optimizer<MuonRule>;

/// The rule of [`Muon`].
#[derive(Clone, Debug)]
pub struct MuonRule {
    momentum: f64,
    nesterov: bool,
    coefficients: [f32; 3],
    eps: f32,
    iterations: usize,
    adjust: AdjustLr,
}

impl Muon {
    /// Torch's defaults: weight decay .1, momentum .95, Nesterov's, five iterations with coefficients 3.4445, -4.775 and 2.0315,
    /// eps 1e-7.
    pub fn new(params: &Params) -> Muon {
        let rule = MuonRule {
            momentum: 0.95,
            nesterov: true,
            coefficients: [3.4445, -4.775, 2.0315],
            eps: 1e-7,
            iterations: 5,
            adjust: AdjustLr::Original,
        };
        Optimizer::with_rule(params, rule).weight_decay(0.1)
    }

    /// Decay of the mean gradient per step; .95 by default.
    pub fn momentum(mut self, momentum: impl Into<f64>) -> Muon {
        self.rule.momentum = momentum.into();
        self
    }

    /// Whether steps follow `(1 - momentum) g + momentum m` instead of `m`; true by default.
    pub fn nesterov(mut self, nesterov: bool) -> Muon {
        self.rule.nesterov = nesterov;
        self
    }

    /// `a`, `b` and `c` of the iteration `X = a X + (b X X^T + c (X X^T)^2) X`.
    pub fn ns_coefficients(mut self, coefficients: [f32; 3]) -> Muon {
        self.rule.coefficients = coefficients;
        self
    }

    /// Number of iterations.
    pub fn ns_steps(mut self, steps: usize) -> Muon {
        self.rule.iterations = steps;
        self
    }

    /// The smallest norm that a gradient is divided by.
    pub fn eps(mut self, eps: f32) -> Muon {
        self.rule.eps = eps;
        self
    }

    /// How the learning rate depends on a matrix's shape.
    pub fn adjust_lr(mut self, adjust: AdjustLr) -> Muon {
        self.rule.adjust = adjust;
        self
    }
}

impl MuonRule {
    /// An approximation of the nearest matrix with orthonormal rows or columns.
    fn orthogonalized(&self, g: &Tensor) -> Tensor {
        let tall = g.size(0) > g.size(1);
        let mut x = if tall { g.t() } else { g.clone() };
        x = &x / x.norm(2.0, &[0, 1], false).clamp_min(self.eps);
        let [a, b, c] = self.coefficients;
        for _ in 0..self.iterations {
            let gram = x.matmul(&x.t());
            let update = gram.addmm(&gram, &gram, b, c);
            x = x.addmm(&update, &x, a, 1.0);
        }
        if tall { x.t() } else { x }
    }

    fn factor(&self, [rows, columns]: [usize; 2]) -> f32 {
        let (rows, columns) = (rows as f32, columns as f32);
        match self.adjust {
            AdjustLr::Original => (rows / columns).max(1.0).sqrt(),
            AdjustLr::MatchRmsAdamW => 0.2 * rows.max(columns).sqrt(),
        }
    }
}

impl Rule for MuonRule {
    fn state(&self, shape: &[usize]) -> Vec<Vec<usize>> {
        vec![shape.to_vec()]
    }

    /// # Panics
    /// When a parameter has fewer than two dimensions.
    fn update(&self, u: &Update) -> Vec<Tensor> {
        let g = u.gradient();
        let mean = &u.state[0] + (&g - &u.state[0]) * (1.0 - self.momentum) as f32;
        let along = if self.nesterov { g.lerp(&mean, self.momentum as f32) } else { mean.clone() };
        let mut steps = vec![];
        for ((matrix, shape), name) in u.split(&along).iter().zip(u.shapes).zip(&u.names) {
            assert!(
                shape.len() >= 2,
                "Muon: {name} of shape {shape:?} is not a matrix; give it to another optimizer"
            );
            let size = [shape[0], shape[1..].iter().product()];
            let step = self.orthogonalized(&matrix.reshape(&size)) * (u.lr * self.factor(size));
            steps.push(step.reshape(shape));
        }
        vec![u.decayed_param() - u.join(&steps), mean]
    }
}
