//! The loss around a trained network.

use autograd::{Generator, Result, Tensor};
use models::{Param, Params};

/// A plane through a network's parameters along two random directions, whose filters are scaled to the norms of the weights' filters, so
/// that networks with weights of different scales can be compared ("filter normalisation", Li et al. 2018, "Visualizing the loss landscape
/// of neural nets"). Biases and the parameters of batch norm are left unchanged.
///
/// ```
/// use autograd::{Device, Generator, Tensor};
/// use methods::landscape::Landscape;
/// use models::{Init, Params};
/// let params = Params::new(&Device::named("cpu")?, 0);
/// let weight = params.param("weight", &[1, 2], Init::Constant(3.0));
/// let plane = Landscape::new(&params, &Generator::new(1));
/// let loss = || weight.value().square().sum_all();
/// let losses = plane.losses(&[[0.0, 0.0], [1.0, 0.0], [0.0, -1.0]], loss)?;
/// assert_eq!(losses[0], 18.0);
/// // |w + d| where d has the norm of w: at most twice that norm.
/// assert!(losses[1..].iter().all(|&loss| loss > 0.0 && loss < 72.0));
/// assert_eq!(weight.value().to_vec::<f32>()?, [3.0, 3.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Landscape {
    trained: Vec<(Param, Tensor)>,
    directions: [Vec<Tensor>; 2],
}

impl Landscape {
    /// The plane through the current values of `params`, with directions from `generator`.
    pub fn new(params: &Params, generator: &Generator) -> Landscape {
        let filters = params.trainable().into_iter().filter(|param| param.value().rank() > 1);
        let trained: Vec<(Param, Tensor)> = filters.map(|p| (p.clone(), p.value().detach())).collect();
        let direction = |_| trained.iter().map(|(_, weight)| normalized(weight, generator)).collect();
        Landscape { directions: [0, 1].map(direction), trained }
    }

    /// The losses at points `[a, b]` of the plane, with the trained network at the origin; restores the network's parameters at the end.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    pub fn losses(&self, places: &[[f32; 2]], mut loss: impl FnMut() -> Tensor) -> Result<Vec<f64>> {
        let mut losses = Vec::with_capacity(places.len());
        for &[a, b] in places {
            self.go_to(a, b);
            losses.push(loss().item().map(f64::from));
        }
        self.go_to(0.0, 0.0);
        losses.into_iter().collect()
    }

    fn go_to(&self, a: f32, b: f32) {
        let [first, second] = &self.directions;
        for (i, (param, trained)) in self.trained.iter().enumerate() {
            if (a, b) == (0.0, 0.0) {
                param.set(trained);
            } else {
                param.set(&(trained + &first[i] * a + &second[i] * b));
            }
        }
    }
}

/// A normal direction whose filters, the rows `[O, ..]`, have the norms of the weight's filters.
fn normalized(weight: &Tensor, generator: &Generator) -> Tensor {
    let direction = generator.normal(weight.device(), weight.shape());
    let rest: Vec<isize> = (1..weight.rank() as isize).collect();
    let length = |x: &Tensor| x.square().sum(&rest, true).sqrt();
    &direction * (length(weight) / length(&direction).clamp_min(1e-12))
}
