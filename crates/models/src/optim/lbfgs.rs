//! L-BFGS with an optional line search for the strong Wolfe conditions.

use std::collections::VecDeque;

use autograd::{Result, Tensor, Transaction};

use self::search::{Point, Search};
use crate::{Param, Params};

mod search;

/// Limited-memory BFGS (Nocedal 1980; Nocedal and Wright, "Numerical Optimization", algorithms 7.4 and 3.5) as `torch.optim.LBFGS`: for
/// full batches and smooth losses. A step evaluates the loss several times by a closure, and reads the loss and its gradients each time;
/// the history and the line search are on the host, in double precision.
///
/// ```
/// use autograd::Device;
/// use models::{Init, Lbfgs, Params};
/// let params = Params::new(&Device::named("cpu")?, 0);
/// let x = params.param("x", &[2], Init::Constant(3.0));
/// let mut opt = Lbfgs::new(&params).strong_wolfe();
/// let loss = opt.step(1.0, || (x.value() - 1.0).square().sum_all())?;
/// assert_eq!(loss, 8.0); // before the step
/// assert!((x.value().to_vec::<f32>()?[0] - 1.0).abs() < 1e-5);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Lbfgs {
    params: Params,
    max_iter: usize,
    max_eval: Option<usize>,
    tolerance_grad: f64,
    tolerance_change: f64,
    history_size: usize,
    wolfe: bool,
    history: VecDeque<Pair>,
    /// Scale of the initial estimate of the inverse Hessian.
    scale: f64,
    last: Option<Last>,
}

/// The last iteration.
struct Last {
    direction: Vec<f64>,
    length: f64,
    /// The gradient before the iteration.
    gradient: Vec<f64>,
}

/// An iteration's step and the resulting change of the gradient.
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    /// 1 / <step, change>
    rho: f64,
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn largest(a: &[f64]) -> f64 {
    a.iter().fold(0.0, |m, x| x.abs().max(m))
}

/// `a + s b`
fn moved(a: &[f64], s: f64, b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + s * b).collect()
}

impl Lbfgs {
    /// Updates the trainable parameters under `params` with torch's defaults: 20 iterations and 25 evaluations per step, a history of 100,
    /// tolerances 1e-7 of the gradient and 1e-9 of a change, no line search.
    pub fn new(params: &Params) -> Lbfgs {
        Lbfgs {
            params: params.clone(),
            max_iter: 20,
            max_eval: None,
            tolerance_grad: 1e-7,
            tolerance_change: 1e-9,
            history_size: 100,
            wolfe: false,
            history: VecDeque::new(),
            scale: 1.0,
            last: None,
        }
    }

    /// The largest number of iterations per step.
    pub fn max_iter(self, max_iter: usize) -> Lbfgs {
        Lbfgs { max_iter, ..self }
    }

    /// The number of loss evaluations after which a step ends, by default 5 for every 4 iterations.
    pub fn max_eval(self, max_eval: usize) -> Lbfgs {
        Lbfgs { max_eval: Some(max_eval), ..self }
    }

    /// A step ends when no element of the gradient exceeds this magnitude.
    pub fn tolerance_grad(self, tolerance: impl Into<f64>) -> Lbfgs {
        Lbfgs { tolerance_grad: tolerance.into(), ..self }
    }

    /// A step ends when the loss or every parameter changes by at most this much.
    pub fn tolerance_change(self, tolerance: impl Into<f64>) -> Lbfgs {
        Lbfgs { tolerance_change: tolerance.into(), ..self }
    }

    /// The number of past iterations from which the Hessian is estimated.
    pub fn history_size(self, history_size: usize) -> Lbfgs {
        Lbfgs { history_size, ..self }
    }

    /// Searches along each direction for a point that satisfies the strong Wolfe conditions (torch's `"strong_wolfe"`).
    pub fn strong_wolfe(self) -> Lbfgs {
        Lbfgs { wolfe: true, ..self }
    }

    /// Up to `max_iter` iterations with learning rate `lr`, the initial step length of each (usually 1). `loss` computes the loss from
    /// the current parameters. Returns the loss before the step.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    ///
    /// # Panics
    /// When there are no trainable parameters.
    #[track_caller]
    pub fn step(&mut self, lr: f32, mut loss: impl FnMut() -> Tensor) -> Result<f32> {
        let place = Place::new(&self.params);
        let mut x = place.read()?;
        let mut point = place.evaluate(&mut loss)?;
        let (first, mut evaluations) = (point.loss, 1);
        let most = self.max_eval.unwrap_or(self.max_iter * 5 / 4);
        for iteration in 1..=self.max_iter {
            if largest(&point.gradient) <= self.tolerance_grad {
                break;
            }
            let length = match self.last {
                Some(_) => f64::from(lr),
                None => f64::from(lr) * (1.0 / point.gradient.iter().map(|g| g.abs()).sum::<f64>()).min(1.0),
            };
            let direction = self.direction(&point.gradient);
            let descends = dot(&point.gradient, &direction) <= -self.tolerance_change;
            let start = point.clone();
            let mut taken = length;
            if descends && self.wolfe {
                let at = |length: f64| {
                    place.write(&moved(&x, length, &direction))?;
                    place.evaluate(&mut loss)
                };
                let mut search = Search { at, direction: &direction, start: &start, evaluations: 0 };
                let found = search.run(length)?;
                evaluations += search.evaluations;
                (taken, point) = (found.at, found.point);
            }
            let change = largest(&direction) * taken.abs();
            if descends {
                x = moved(&x, taken, &direction);
                place.write(&x)?;
                // The loss after the last iteration is not needed.
                if !self.wolfe && iteration < self.max_iter {
                    point = place.evaluate(&mut loss)?;
                    evaluations += 1;
                }
            }
            self.last = Some(Last { direction, length: taken, gradient: start.gradient });
            let still =
                change <= self.tolerance_change || (point.loss - start.loss).abs() < self.tolerance_change;
            if !descends || evaluations >= most || still {
                break;
            }
        }
        Ok(first as f32)
    }

    /// The quasi-Newton direction: the negative gradient times the estimated inverse Hessian (two-loop recursion).
    fn direction(&mut self, gradient: &[f64]) -> Vec<f64> {
        if let Some(last) = &self.last {
            let change = moved(gradient, -1.0, &last.gradient);
            let step: Vec<f64> = last.direction.iter().map(|d| d * last.length).collect();
            let curvature = dot(&change, &step);
            if curvature > 1e-10 {
                if self.history.len() == self.history_size {
                    self.history.pop_front();
                }
                self.scale = curvature / dot(&change, &change);
                self.history.push_back(Pair { step, change, rho: 1.0 / curvature });
            }
        }
        let mut d: Vec<f64> = gradient.iter().map(|g| -g).collect();
        let mut weights = vec![];
        for pair in self.history.iter().rev() {
            let weight = dot(&pair.step, &d) * pair.rho;
            d = moved(&d, -weight, &pair.change);
            weights.push(weight);
        }
        d.iter_mut().for_each(|d| *d *= self.scale);
        for (pair, weight) in self.history.iter().zip(weights.iter().rev()) {
            let back = dot(&pair.change, &d) * pair.rho;
            d = moved(&d, weight - back, &pair.step);
        }
        d
    }
}

/// The parameters as one vector.
struct Place(Vec<Param>);

impl Place {
    #[track_caller]
    fn new(params: &Params) -> Place {
        let found = params.trainable();
        assert!(!found.is_empty(), "Lbfgs: no parameter to train");
        Place(found)
    }

    fn read(&self) -> Result<Vec<f64>> {
        let mut values = vec![];
        for param in &self.0 {
            values.extend(param.value().to_vec::<f32>()?.into_iter().map(f64::from));
        }
        Ok(values)
    }

    fn write(&self, values: &[f64]) -> Result<()> {
        let mut left = values;
        for param in &self.0 {
            let old = param.value();
            let (own, rest) = left.split_at(old.numel());
            let own: Vec<f32> = own.iter().map(|&v| v as f32).collect();
            param.set(&Tensor::from_slice(old.device(), &own, old.shape())?);
            left = rest;
        }
        Ok(())
    }

    /// The loss and its gradient; frees the loss's graph.
    fn evaluate(&self, loss: &mut impl FnMut() -> Tensor) -> Result<Point> {
        let loss = loss();
        let gradients = loss.backward();
        let found: Vec<Option<Tensor>> = self.0.iter().map(|p| gradients.get(&p.value()).cloned()).collect();
        found.iter().flatten().fold(gradients.transaction(), Transaction::output).run()?;
        let mut gradient = vec![];
        for (param, found) in self.0.iter().zip(&found) {
            match found {
                Some(g) => gradient.extend(g.to_vec::<f32>()?.into_iter().map(f64::from)),
                None => gradient.extend(vec![0.0; param.value().numel()]),
            }
        }
        Ok(Point { loss: f64::from(loss.item()?), gradient })
    }
}
