//! The interface of an optimizer's update formula.

use autograd::{DType, Tensor};

use crate::flat::{join, split};

/// How an optimizer changes parameters; an optimizer is an [`Optimizer`](super::Optimizer) with a rule. A custom rule only needs to
/// implement this trait: the parameters of a group lie in one flat tensor, and an element-wise rule over it takes one or two launches for
/// the whole model.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Init, Optimizer, Params, Rule, Update};
///
/// /// Steps of fixed size against the signs of the gradients.
/// struct SignDescent;
/// impl Rule for SignDescent {
///     fn update(&self, u: &Update) -> Vec<Tensor> {
///         vec![u.param - u.gradient().sign() * u.lr]
///     }
/// }
///
/// let params = Params::new(&Device::named("cpu")?, 0);
/// let theta = params.param("theta", &[], Init::ONES);
/// let mut opt = Optimizer::with_rule(&params, SignDescent);
/// opt.step(theta.value().square().backward(), 0.25)?;
/// assert_eq!(theta.value().item()?, 0.75);
/// # Ok::<(), autograd::Error>(())
/// ```
pub trait Rule {
    /// Shapes of the state tensors for a parameter of `shape`; they are initially 0.
    fn state(&self, shape: &[usize]) -> Vec<Vec<usize>> {
        let _ = shape;
        vec![]
    }

    /// Called before the updates of step `step`, counted from 1.
    fn begin(&mut self, step: usize) {
        let _ = step;
    }

    /// The new values of a group's parameters, then of its state tensors. Pass numbers that change from step to step as operands
    /// (`x * lr`), so that the plan stays the same.
    #[track_caller]
    fn update(&self, update: &Update) -> Vec<Tensor>;

    /// Whether [`update`](Rule::update) itself leaves everything unchanged when [`Update::ok`] is 0. If not, the optimizer does.
    fn checks_loss(&self) -> bool {
        false
    }
}

/// The inputs of a rule: a group of parameters at a step.
pub struct Update<'a> {
    /// The number of the step, from 1. Steps that changed nothing count, too; see [`by_count`](Update::by_count).
    pub step: usize,
    /// The number of earlier steps that a [`LossScaler`](super::LossScaler) skipped, a scalar; `None` without a scaler.
    pub skipped: Option<&'a Tensor>,
    /// The group's learning rate.
    pub lr: f32,
    /// The group's weight decay.
    pub weight_decay: f32,
    /// Whether to maximise the loss instead.
    pub maximize: bool,
    /// `[1]`; 0 or false if nothing may change, because the loss is not finite.
    pub ok: &'a Tensor,
    /// All parameters of the group, flat.
    pub param: &'a Tensor,
    /// Their gradients, flat.
    pub grad: &'a Tensor,
    /// The gradients before a common factor, of scaling and clipping, and this factor, a scalar: for kernels that multiply by it.
    pub unscaled: (&'a Tensor, Option<&'a Tensor>),
    /// State tensors, each flat.
    pub state: &'a [Tensor],
    /// Names of the parameters.
    pub names: Vec<&'a str>,
    /// Shapes of the parameters.
    pub shapes: &'a [Vec<usize>],
}

impl Update<'_> {
    /// Parameters and state tensors.
    pub fn all(&self) -> Vec<Tensor> {
        std::iter::once(self.param).chain(self.state).cloned().collect()
    }

    /// The gradients to descend along.
    pub fn gradient(&self) -> Tensor {
        if self.maximize { -self.grad } else { self.grad.clone() }
    }

    /// [`gradient`](Update::gradient) with weight decay added: `g + weight_decay p`.
    pub fn decayed_gradient(&self) -> Tensor {
        if self.weight_decay == 0.0 {
            self.gradient()
        } else {
            self.gradient() + self.param * self.weight_decay
        }
    }

    /// A number that depends on `t`, the number of the step without those that a scaler skipped, such as a bias correction: `exact(t)`. The
    /// device has the number of skipped steps: it selects among the numbers for up to seven, and uses `computed` of `t`, a scalar, for more.
    pub fn by_count(&self, exact: impl Fn(i32) -> f64, computed: impl Fn(&Tensor) -> Tensor) -> Tensor {
        let (device, step) = (self.ok.device(), self.step as i32);
        let Some(skipped) = self.skipped else { return Tensor::scalar(device, exact(step) as f32) };
        let known: Vec<f32> = (0..8).map(|k| exact((step - k).max(1)) as f32).collect();
        let [known, counts] = [known, (0..8u8).map(f32::from).collect()].map(|v| Tensor::scalars(device, &v));
        let pick =
            |other: Tensor, k: usize| known.select(0, k).where_(&skipped.eq(counts.select(0, k)), &other);
        (0..8).fold(computed(&self.counted(skipped)), pick)
    }

    /// `1 - beta^t` with the `t` of [`by_count`](Update::by_count): the bias correction of an exponential average.
    pub fn correction(&self, beta: f64) -> Tensor {
        // Accurate also where the power is close to 1.
        self.by_count(|t| 1.0 - beta.powi(t), |t| -((t * beta.ln() as f32).expm1()))
    }

    /// 1 at the first step that changes something, else 0.
    pub fn first(&self) -> Tensor {
        match self.skipped {
            None => Tensor::scalar(self.ok.device(), if self.step == 1 { 1.0 } else { 0.0 }),
            Some(skipped) => self.counted(skipped).eq(1.0).to(DType::F32),
        }
    }

    /// The numbers of a kernel, of which some are results: scalars with their positions.
    pub(super) fn numbers<const N: usize>(
        &self,
        numbers: &[f32],
        computed: [(usize, Option<Tensor>); N],
    ) -> Tensor {
        let device = self.ok.device();
        let known = Tensor::scalars(device, numbers);
        let set = |known: Tensor, (at, value): (usize, Option<Tensor>)| {
            let Some(value) = value else { return known };
            let here: Vec<u32> = (0..numbers.len()).map(|i| u32::from(i == at)).collect();
            value.where_(&Tensor::scalars(device, &here).to(DType::Bool), &known)
        };
        computed.into_iter().fold(known, set)
    }

    /// The number of the step without skipped ones, a scalar.
    fn counted(&self, skipped: &Tensor) -> Tensor {
        -(skipped - self.step as f32)
    }

    /// The parameters after decoupled weight decay: `p (1 - lr weight_decay)`.
    pub fn decayed_param(&self) -> Tensor {
        self.param * (1.0 - f64::from(self.lr) * f64::from(self.weight_decay)) as f32
    }

    /// Splits a flat tensor, such as the parameters, into one tensor per parameter in that parameter's shape.
    pub fn split(&self, flat: &Tensor) -> Vec<Tensor> {
        split(flat, self.shapes)
    }

    /// State tensor `i` of every parameter, given the shapes of the parts.
    pub fn split_state(&self, i: usize, shapes: &[Vec<usize>]) -> Vec<Tensor> {
        split(&self.state[i], shapes)
    }

    /// Joins one tensor per parameter into a flat tensor.
    pub fn join(&self, parts: &[Tensor]) -> Tensor {
        join(parts)
    }
}

/// `sqrt(square) + eps`, or `sqrt(square + eps)`.
pub(super) fn root(square: &Tensor, eps: f32, eps_inside: bool) -> Tensor {
    if eps_inside { (square + eps).sqrt() } else { square.sqrt() + eps }
}
