//! Adafactor.

use autograd::Tensor;

use super::optimizer::Optimizer;
use super::rule::{Rule, Update};
use crate::Params;

/// Adafactor (Shazeer and Stern 2018, "Adaptive learning rates with sublinear memory cost") as `torch.optim.Adafactor`: the mean squares
/// of a matrix's gradients are stored as factors for rows and columns; steps are clipped to a root mean square of `d` and scaled by the
/// parameter's root mean square. Torch's default learning rate is .01.
///
/// ```
/// use autograd::Device;
/// use models::{Adafactor, Init, Params};
/// let params = Params::new(&Device::named("cpu")?, 0);
/// let theta = params.param("theta", &[2, 2], Init::Constant(2.0));
/// let mut opt = Adafactor::new(&params);
/// opt.step(theta.value().square().sum_all().backward(), 0.01)?;
/// assert!((theta.value().to_vec::<f32>()?[0] - 1.98).abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
pub type Adafactor = Optimizer<AdafactorRule>;

/// The rule of [`Adafactor`].
#[derive(Clone, Debug)]
pub struct AdafactorRule {
    beta2_decay: f64,
    eps: [f32; 2],
    d: f32,
}

impl Adafactor {
    /// Torch's defaults: beta2 decay -.8, eps f32's epsilon and .001, d 1, no weight decay.
    pub fn new(params: &Params) -> Adafactor {
        Optimizer::with_rule(params, AdafactorRule { beta2_decay: -0.8, eps: [f32::EPSILON, 1e-3], d: 1.0 })
    }

    /// At step `t`, `beta2 = 1 - t^decay`: the weight of new squares is `t^decay`.
    pub fn beta2_decay(mut self, decay: impl Into<f64>) -> Adafactor {
        self.rule.beta2_decay = decay.into();
        self
    }

    /// `eps1^2` is the smallest mean square, `eps2` the smallest root mean square of a parameter.
    pub fn eps(mut self, eps1: f32, eps2: f32) -> Adafactor {
        self.rule.eps = [eps1, eps2];
        self
    }

    /// The largest root mean square of a step before scaling by the parameter's.
    pub fn d(mut self, d: f32) -> Adafactor {
        self.rule.d = d;
        self
    }
}

/// Shapes of the two factors of a parameter's mean squares: rows and columns of its last two dimensions; vectors are not factored.
fn factors(shape: &[usize]) -> [Vec<usize>; 2] {
    let (mut rows, mut columns) = (shape.to_vec(), shape.to_vec());
    match shape.len() {
        0 | 1 => return [rows, vec![1]],
        n => {
            rows[n - 1] = 1;
            columns[n - 2] = 1;
        }
    }
    [rows, columns]
}

fn all(t: &Tensor) -> Vec<isize> {
    (0..t.rank() as isize).collect()
}

fn rms(t: &Tensor) -> Tensor {
    t.norm(2.0, &all(t), false) / (t.numel() as f32).sqrt()
}

impl AdafactorRule {
    /// The estimate of a parameter's mean squares, and its new factors.
    fn squares(&self, g: &Tensor, rows: &Tensor, columns: &Tensor, share: f32) -> (Tensor, [Tensor; 2]) {
        let squares = g * g;
        if g.rank() < 2 {
            let mean = rows.lerp(&squares, share);
            return (mean.clone(), [mean, columns.clone()]);
        }
        let rows = rows.lerp(&squares.mean(&[-1], true), share);
        let columns = columns.lerp(&squares.mean(&[-2], true), share);
        let estimate = &rows * &columns / rows.mean(&[-2], true).clamp_min(self.eps[0]);
        (estimate, [rows, columns])
    }
}

impl Rule for AdafactorRule {
    fn state(&self, shape: &[usize]) -> Vec<Vec<usize>> {
        factors(shape).to_vec()
    }

    fn update(&self, u: &Update) -> Vec<Tensor> {
        let share = (u.step as f64).powf(self.beta2_decay) as f32;
        let rate = u.lr.min(1.0 / (u.step as f32).sqrt());
        let [rows, columns] =
            [0, 1].map(|i| u.shapes.iter().map(|s| factors(s)[i].clone()).collect::<Vec<_>>());
        let factors = u.split_state(0, &rows).into_iter().zip(u.split_state(1, &columns));
        let tensors = u.split(u.param).into_iter().zip(u.split(&u.gradient())).zip(factors);
        let mut after = [vec![], vec![], vec![]];
        for ((p, g), (rows, columns)) in tensors {
            let (squares, [rows, columns]) = self.squares(&g, &rows, &columns, share);
            let step = g * squares.clamp_min(self.eps[0] * self.eps[0]).rsqrt();
            let alpha = rms(&p).clamp_min(self.eps[1]) * rate;
            let clipped = alpha / (rms(&step) / self.d).clamp_min(1.0);
            let decay = 1.0 - f64::from(u.lr) * f64::from(u.weight_decay);
            after[0].push(p * decay as f32 - step * clipped);
            after[1].push(rows);
            after[2].push(columns);
        }
        after.map(|parts| u.join(&parts)).to_vec()
    }
}
