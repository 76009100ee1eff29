//! Data parallelism: the same model on several devices, each with its share of a batch.

use autograd::{Gradients, Pending, Tensor};

use crate::Params;

/// Copies of one model, possibly on different devices. Each computes the gradients of its part of a batch; the optimizer of the first
/// copy takes a step with their mean, and the new values are copied to the others. Values are transferred through the host.
///
/// ```
/// use autograd::{Device, Reduction, Tensor};
/// use models::{Linear, Params, Replicas, Sgd};
/// let device = Device::named("cpu")?; // or another one for each
/// let trees = [Params::new(&device, 1), Params::new(&device, 2)];
/// let nets = trees.each_ref().map(|params| Linear::no_bias(params, 1, 1));
/// let replicas = Replicas::new(trees.to_vec())?;
/// let mut opt = Sgd::new(&trees[0]);
/// for _ in 0..50 {
///     let part = |i: usize| {
///         let x = Tensor::full(&device, i as f32 + 1.0, &[4, 1]);
///         nets[i].forward(&x).mse_loss(&(&x * 3.0), Reduction::Mean).backward()
///     };
///     opt.step(replicas.mean(&[part(0), part(1)])?, 0.1)?;
///     replicas.broadcast()?;
/// }
/// let weight = trees[1].get("weight").unwrap().value().to_vec::<f32>()?;
/// assert!((weight[0] - 3.0).abs() < 1e-4);
/// # Ok::<(), autograd::Error>(())
/// ```
#[doc(alias("DataParallel", "DistributedDataParallel"))]
pub struct Replicas(Vec<Params>);

impl Replicas {
    /// Trees with the same names and shapes; all receive the values of the first.
    ///
    /// # Errors
    /// Whatever goes wrong on the devices.
    ///
    /// # Panics
    /// When there is no tree, or they differ in names or shapes.
    #[track_caller]
    pub fn new(params: Vec<Params>) -> autograd::Result<Replicas> {
        assert!(!params.is_empty(), "Replicas: of no model");
        let names = |params: &Params| params.all().iter().map(|p| p.name().to_owned()).collect::<Vec<_>>();
        let main = names(&params[0]);
        for other in &params[1..] {
            assert!(names(other) == main, "Replicas: models of different parameters");
        }
        let replicas = Replicas(params);
        replicas.broadcast()?;
        Ok(replicas)
    }

    /// The mean of all parts' gradients and losses, for the first tree's optimizer. With parts of equal size this is the gradient of the
    /// whole batch's mean loss.
    ///
    /// # Errors
    /// Whatever goes wrong on the devices.
    ///
    /// # Panics
    /// When there is not one part for each replica, or a trainable parameter has no gradient.
    #[track_caller]
    pub fn mean(&self, parts: &[Gradients]) -> autograd::Result<Gradients> {
        assert!(parts.len() == self.0.len(), "Replicas: parts of another number of models");
        // Start all devices before waiting for the first.
        let mut pending = Vec::with_capacity(parts.len());
        for (params, part) in self.0.iter().zip(parts) {
            let loss = part.root().expect("Replicas: gradients of no loss");
            let gradient = |p: &crate::Param| {
                let gradient = part.get(&p.value());
                gradient.unwrap_or_else(|| panic!("Replicas: no gradient for {}", p.name())).fetch()
            };
            let gradients: autograd::Result<Vec<Pending>> = params.trainable().iter().map(gradient).collect();
            pending.push((loss.fetch()?, gradients?));
        }
        let share = 1.0 / parts.len() as f32;
        let (mut loss, mut sums) = (0.0, vec![Vec::new(); self.0[0].trainable().len()]);
        for (part_loss, gradients) in pending {
            loss += share * part_loss.item()?;
            for (sum, gradient) in sums.iter_mut().zip(gradients) {
                let gradient = gradient.to_vec::<f32>()?;
                sum.resize(gradient.len(), 0.0);
                sum.iter_mut().zip(gradient).for_each(|(sum, g)| *sum += share * g);
            }
        }
        let device = self.0[0].device();
        let mut pairs = Vec::with_capacity(sums.len());
        for (param, sum) in self.0[0].trainable().iter().zip(sums) {
            let value = param.value();
            let sum = Tensor::from_slice(device, &sum, value.shape())?;
            pairs.push((value, sum));
        }
        Ok(Gradients::from_pairs(pairs).with_root(Tensor::scalar(device, loss)))
    }

    /// Copies the first tree's values to all others.
    ///
    /// # Errors
    /// Whatever goes wrong on the devices.
    pub fn broadcast(&self) -> autograd::Result<()> {
        let (main, others) = self.0.split_first().expect("there is a first tree");
        if others.is_empty() {
            return Ok(());
        }
        for (i, param) in main.all().iter().enumerate() {
            let (value, shape) = (param.value().to_vec::<f32>()?, param.value().shape().to_vec());
            for other in others {
                other.all()[i].set(&Tensor::from_slice(other.device(), &value, &shape)?);
            }
        }
        Ok(())
    }
}
