//! Training over slow links: many local steps between two exchanges.

use autograd::Tensor;
use models::{Param, Params};

use crate::compression::{Compression, Compressor, add};
use crate::{Error, Result, World};

/// DiLoCo (Douillard et al. 2023): every rank trains alone for some steps, with an optimizer of its own. Then the ranks exchange how far
/// their parameters have moved, and all take one step of SGD with Nesterov momentum on the mean of these differences.
///
/// ```
/// use autograd::{Reduction, Tensor};
/// use distributed::{DiLoCo, World};
/// use models::{Linear, Params, Sgd};
/// World::run(|world| {
///     let device = world.device("cpu")?;
///     let params = Params::new(&device, 0);
///     let net = Linear::no_bias(&params, 1, 1);
///     world.synchronize(&params)?;
///     let (mut opt, mut outer) = (Sgd::new(&params), DiLoCo::new(world, &params, 5)?);
///     for _ in 0..100 {
///         let x = Tensor::full(&device, world.rank() as f32 + 1.0, &[4, 1]);
///         opt.step(net.forward(&x).mse_loss(&(&x * 3.0), Reduction::Mean).backward(), 0.1)?;
///         outer.step()?; // exchanges after every fifth call
///     }
///     let weight = params.get("weight").unwrap().value().item()?;
///     assert!((weight - 3.0).abs() < 0.1);
///     Ok::<(), distributed::Error>(())
/// })?;
/// # Ok::<(), distributed::Error>(())
/// ```
pub struct DiLoCo {
    world: World,
    params: Params,
    every: usize,
    lr: f32,
    momentum: f32,
    compressor: Option<(Compression, Compressor)>,
    /// The parameters after the last exchange, and the momentum of their differences.
    start: Vec<f32>,
    velocity: Vec<f32>,
    /// Local steps since then.
    steps: usize,
}

/// The names of the state.
const START: &str = "start";
const VELOCITY: &str = "velocity";

impl DiLoCo {
    /// Exchanges after every `every` steps, with a rate of 0.7 and a momentum of 0.9, as in the paper. The parameters have to be
    /// [the same](World::synchronize) on all ranks now.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    pub fn new(world: &World, params: &Params, every: usize) -> Result<DiLoCo> {
        let start = flat(params)?;
        let velocity = vec![0.0; start.len()];
        let (world, params, every) = (world.clone(), params.clone(), every.max(1));
        Ok(DiLoCo {
            world,
            params,
            every,
            lr: 0.7,
            momentum: 0.9,
            compressor: None,
            start,
            velocity,
            steps: 0,
        })
    }

    /// Rate and momentum of the steps on the differences.
    pub fn outer(self, lr: f32, momentum: f32) -> DiLoCo {
        DiLoCo { lr, momentum, ..self }
    }

    /// Sends the differences compressed.
    pub fn compress(self, compression: Compression) -> DiLoCo {
        let compressor = Compressor::new(compression, self.start.len());
        DiLoCo { compressor: Some((compression, compressor)), ..self }
    }

    /// Whether the parameters are the same on all ranks, as there was no step since an exchange.
    pub fn is_common(&self) -> bool {
        self.steps == 0
    }

    /// Takes the present parameters, which are the same on all ranks, for those after an exchange, without losing the momentum.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    pub fn restart(&mut self) -> Result<()> {
        (self.start, self.steps) = (flat(&self.params)?, 0);
        Ok(())
    }

    /// To be called after each step of the local optimizer; exchanges if it is time.
    ///
    /// # Errors
    /// Whatever goes wrong on the device and between ranks.
    pub fn step(&mut self) -> Result<()> {
        self.steps += 1;
        if self.steps < self.every { Ok(()) } else { self.exchange() }
    }

    /// Exchanges now, unless there was no step since the last time: before an evaluation or a checkpoint.
    ///
    /// # Errors
    /// As [`step`](DiLoCo::step).
    pub fn exchange(&mut self) -> Result<()> {
        if std::mem::take(&mut self.steps) == 0 {
            return Ok(());
        }
        let now = flat(&self.params)?;
        let moved: Vec<f32> = self.start.iter().zip(&now).map(|(start, now)| start - now).collect();
        let mean = self.mean(moved)?;
        for ((start, velocity), gradient) in self.start.iter_mut().zip(&mut self.velocity).zip(&mean) {
            *velocity = self.momentum * *velocity + gradient;
            *start -= self.lr * (gradient + self.momentum * *velocity);
        }
        self.put()
    }

    /// The mean of the ranks' vectors.
    fn mean(&mut self, values: Vec<f32>) -> Result<Vec<f32>> {
        const WHAT: &str = "differences of parameters";
        let share = self.world.share();
        let Some((compression, compressor)) = &mut self.compressor else {
            let weighted = values.iter().map(|v| share * v).collect();
            return self.world.sum(WHAT, weighted);
        };
        let bytes = [share.to_le_bytes().to_vec(), compressor.encode(&values)].concat();
        let mut mean = vec![0.0; values.len()];
        for bytes in self.world.gather(WHAT, bytes)? {
            let (share, bytes) = bytes.split_at(4);
            let share = share.try_into().map_or(0.0, f32::from_le_bytes);
            add(*compression, bytes, share, &mut mean);
        }
        Ok(mean)
    }

    /// Sets the parameters to the common ones.
    fn put(&self) -> Result<()> {
        let mut at = 0;
        for param in parameters(&self.params) {
            let value = param.value();
            let own = &self.start[at..at + value.numel()];
            param.set(&Tensor::from_slice(self.params.device(), own, value.shape())?);
            at += own.len();
        }
        Ok(())
    }

    /// Named tensors that are all that is needed to resume right after an exchange.
    pub fn state(&self) -> Result<Vec<(String, Tensor)>> {
        let tensor = |values: &[f32]| Tensor::from_slice(self.params.device(), values, &[values.len()]);
        Ok(vec![(START.into(), tensor(&self.start)?), (VELOCITY.into(), tensor(&self.velocity)?)])
    }

    /// Continues from a [`state`](DiLoCo::state).
    ///
    /// # Errors
    /// [`Error::State`] when a tensor is missing or has another size; whatever goes wrong on the device.
    pub fn resume(&mut self, state: &[(String, Tensor)]) -> Result<()> {
        let count = self.start.len();
        let find = |name: &'static str| {
            let found = state.iter().find(|(n, t)| n == name && t.numel() == count);
            Ok::<_, Error>(found.ok_or(Error::State { name, count })?.1.to_vec::<f32>()?)
        };
        (self.start, self.velocity, self.steps) = (find(START)?, find(VELOCITY)?, 0);
        Ok(())
    }
}

fn parameters(params: &Params) -> Vec<Param> {
    params.all().into_iter().filter(Param::is_trainable).collect()
}

/// All trainable parameters, one after the other.
fn flat(params: &Params) -> Result<Vec<f32>> {
    let mut all = vec![];
    for param in parameters(params) {
        all.extend(param.value().to_vec::<f32>()?);
    }
    Ok(all)
}
