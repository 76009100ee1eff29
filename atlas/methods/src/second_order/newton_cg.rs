//! Newton's method and the natural gradient by conjugate gradients.

use autograd::{Result, Tensor, Transaction, grad, vjp};
use models::{Param, Params};

/// What [`NewtonCg`] minimises, as functions of the current parameters.
pub struct Objective {
    /// The loss.
    pub loss: Tensor,
    /// The scalar whose Hessian is the curvature; `None` for the loss, which is Newton's method. With the divergence
    /// `KL(p.detach() || p)` of the model's distribution `p`, the curvature is the Fisher information, and the step a natural gradient.
    pub metric: Option<Tensor>,
}

/// What a step of [`NewtonCg`] did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NewtonStep {
    /// The loss before the step.
    pub loss: f64,
    /// The largest magnitude of the gradient before the step.
    pub gradient: f64,
    /// Products with the curvature.
    pub products: usize,
    /// The share of the direction that was taken, 0 if none lowered the loss.
    pub length: f64,
}

/// Newton-CG for full batches and smooth losses (Nocedal and Wright 2006, algorithm 7.1), or Hessian-free optimization (Martens 2010). The
/// direction solves `(H + damping I) d = -g` by conjugate gradients with products by two backward passes, so that no matrix is made. They
/// end early far from the minimum, and at a direction of negative curvature. A line search halves the step until the loss falls.
///
/// Losses whose Hessian is not positive need [`damping`](NewtonCg::damping), which is adapted by the ratio of the loss's change to that of
/// the quadratic model (Levenberg and Marquardt's rule), or the Fisher information, which is never negative.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::second_order::{NewtonCg, Objective};
/// use models::{Init, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let x = params.param("x", &[2], Init::ONES);
/// let condition = Tensor::from_slice(&device, &[1.0f32, 1000.0], &[2])?;
/// let mut opt = NewtonCg::new(&params);
/// for _ in 0..4 {
///     opt.step(|| Objective { loss: (x.value().square() * &condition).sum_all(), metric: None })?;
/// }
/// assert!(x.value().abs().amax(&[0], false).item()? < 1e-5);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct NewtonCg {
    params: Params,
    damping: f64,
    products: usize,
    tolerance: f64,
}

impl NewtonCg {
    /// Moves the trainable parameters under `params`, without damping, with at most 250 products a step and a tolerance of 0.5.
    pub fn new(params: &Params) -> NewtonCg {
        NewtonCg { params: params.clone(), damping: 0.0, products: 250, tolerance: 0.5 }
    }

    /// The first damping.
    pub fn damping(self, damping: f64) -> NewtonCg {
        NewtonCg { damping, ..self }
    }

    /// The most products of a step.
    pub fn max_products(self, products: usize) -> NewtonCg {
        NewtonCg { products, ..self }
    }

    /// Conjugate gradients end when the norm of the residual is below `min(tolerance, sqrt(|g|)) |g|`, for the gradient `g`.
    pub fn tolerance(self, tolerance: f64) -> NewtonCg {
        NewtonCg { tolerance, ..self }
    }

    /// One step. `objective` is called once for the curvature, and once for every length that is tried.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    ///
    /// # Panics
    /// When there are no trainable parameters.
    #[track_caller]
    pub fn step(&mut self, mut objective: impl FnMut() -> Objective) -> Result<NewtonStep> {
        let params = self.params.trainable();
        assert!(!params.is_empty(), "NewtonCg: no parameter to train");
        let curvature = Curvature::new(&params, objective())?;
        let (loss, g) = (curvature.loss, &curvature.gradient);
        let (direction, products) = self.direction(&curvature)?;
        let slope = dot(g, &direction);
        // What the quadratic model promises for the whole direction.
        let promised = slope + 0.5 * dot(&direction, &curvature.product(&direction)?);
        let start: Vec<Tensor> = params.iter().map(|p| p.value().detach()).collect();
        let mut length = 1.0;
        // The last digits of a loss in f32 are noise.
        let noise = 4.0 * f64::from(f32::EPSILON) * loss.abs();
        let mut after = loss;
        while length > 1e-4 {
            write(&params, &start, length, &direction)?;
            after = f64::from(objective().loss.item()?);
            if after <= loss + 1e-4 * length * slope + noise {
                break;
            }
            length /= 2.0;
        }
        if length <= 1e-4 {
            (length, after) = (0.0, loss);
            write(&params, &start, 0.0, &direction)?;
        }
        match (loss - after) / -promised {
            ratio if ratio > 0.75 && length == 1.0 => self.damping *= 2.0 / 3.0,
            ratio if ratio < 0.25 || length < 1.0 => self.damping *= 1.5,
            _ => {}
        }
        let gradient = g.iter().fold(0.0f64, |most, g| most.max(g.abs()));
        Ok(NewtonStep { loss, gradient, products, length })
    }

    /// The direction, and the products that it took.
    fn direction(&self, curvature: &Curvature) -> Result<(Vec<f64>, usize)> {
        let g = &curvature.gradient;
        let norm = dot(g, g).sqrt();
        // Fewer iterations far away; the order of convergence at the minimum is above one.
        let enough = norm * norm.sqrt().min(self.tolerance);
        let (mut d, mut r) = (vec![0.0; g.len()], g.clone());
        let mut along: Vec<f64> = r.iter().map(|r| -r).collect();
        for count in 0..self.products {
            let square = dot(&r, &r);
            if square.sqrt() <= enough {
                return Ok((d, count));
            }
            let mut product = curvature.product(&along)?;
            add(&mut product, self.damping, &along);
            let bend = dot(&along, &product);
            if bend <= 0.0 {
                // The first direction is that of steepest descent.
                return Ok((if count == 0 { along } else { d }, count + 1));
            }
            add(&mut d, square / bend, &along);
            add(&mut r, square / bend, &product);
            let keep = dot(&r, &r) / square;
            along = along.iter().zip(&r).map(|(a, r)| keep * a - r).collect();
        }
        Ok((d, self.products))
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `x += factor y`
fn add(x: &mut [f64], factor: f64, y: &[f64]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x += factor * y);
}

/// A loss and its curvature at the current parameters.
struct Curvature {
    loss: f64,
    /// The parameters' values, which are differentiated with respect to.
    at: Vec<Tensor>,
    gradient: Vec<f64>,
    /// The gradient of the metric, which is differentiated again.
    slopes: Vec<Tensor>,
}

impl Curvature {
    fn new(params: &[Param], objective: Objective) -> Result<Curvature> {
        let at: Vec<Tensor> = params.iter().map(Param::value).collect();
        let whole = |y: &Tensor| -> Vec<Tensor> {
            let found = grad(y, &at.iter().collect::<Vec<_>>());
            found.into_iter().zip(&at).map(|(g, x)| g.unwrap_or_else(|| x.zeros_like())).collect()
        };
        let gradients = whole(&objective.loss);
        let slopes = objective.metric.as_ref().map_or_else(|| gradients.clone(), whole);
        let all = gradients.iter().chain([&objective.loss]).collect::<Vec<_>>();
        autograd::evaluate(&all)?;
        let (loss, gradient) = (f64::from(objective.loss.item()?), read(&gradients)?);
        Ok(Curvature { loss, at, gradient, slopes })
    }

    /// The product with a vector.
    fn product(&self, vector: &[f64]) -> Result<Vec<f64>> {
        let parts = parts(vector, &self.at)?;
        let pairs: Vec<(&Tensor, &Tensor)> = self.slopes.iter().zip(&parts).collect();
        let found = vjp(&pairs, &self.at.iter().collect::<Vec<_>>());
        let found: Vec<Tensor> =
            found.into_iter().zip(&self.at).map(|(g, x)| g.unwrap_or_else(|| x.zeros_like())).collect();
        autograd::evaluate(&found.iter().collect::<Vec<_>>())?;
        read(&found)
    }
}

/// The elements of all tensors.
fn read(tensors: &[Tensor]) -> Result<Vec<f64>> {
    let mut all = vec![];
    for tensor in tensors {
        all.extend(tensor.to_vec::<f32>()?.into_iter().map(f64::from));
    }
    Ok(all)
}

/// A vector as tensors of the shapes of others.
fn parts(vector: &[f64], like: &[Tensor]) -> Result<Vec<Tensor>> {
    let mut left = vector;
    let part = |x: &Tensor| {
        let (own, rest) = left.split_at(x.numel());
        left = rest;
        Tensor::from_slice(x.device(), &own.iter().map(|&v| v as f32).collect::<Vec<_>>(), x.shape())
    };
    like.iter().map(part).collect()
}

/// Sets the parameters to `start + length direction`.
fn write(params: &[Param], start: &[Tensor], length: f64, direction: &[f64]) -> Result<()> {
    let change = parts(direction, start)?;
    let moved = params.iter().zip(start).zip(&change);
    let step = moved.fold(Transaction::default(), |step, ((param, start), change)| {
        param.write(&(start + change * length as f32), step)
    });
    step.run()
}
