//! Every fallible point of a training run fails in turn: afterwards the state is that after the last successful step, and training
//! continues to the same bits. The tests run one at a time, as faults affect every user of the device.

use std::sync::{Mutex, MutexGuard};

use autograd::{Device, Error, Result, Tensor, Transaction};
use gpu_core::testing::{self, faults};
use models::{Adam, Average, BatchNorm1d, Dropout, Init, Linear, Mode, Optimize, Params};

const STEPS: usize = 3;

fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(|e| e.into_inner())
}

/// A model with everything that a step changes: parameters, an optimizer's state, running statistics, an average, random numbers.
struct Run {
    params: Params,
    first: Linear,
    norm: BatchNorm1d,
    dropout: Dropout,
    last: Linear,
    optimizer: Adam,
    average: Average,
}

impl Run {
    fn new(device: &Device) -> Run {
        let params = Params::new(device, 3);
        let (first, norm) =
            (Linear::new(&params.path("first"), 4, 8), BatchNorm1d::new(&params.path("norm"), 8));
        let last = Linear::new(&params.path("last"), 8, 2);
        let (optimizer, average) = (Adam::new(&params), Average::ema(&params, 0.5));
        let dropout = Dropout::new(&params, 0.25);
        Run { params, first, norm, dropout, last, optimizer, average }
    }

    fn try_step(&mut self, batch: &[f32]) -> Result<f32> {
        let x = Tensor::from_slice(self.params.device(), batch, &[6, 4])?;
        let hidden = self.norm.forward(&self.first.forward(&x), Mode::Train).relu();
        let y = self.last.forward(&self.dropout.forward(&hidden, Mode::Train));
        let loss = (y - x.narrow(1, 0, 2)).square().mean_all();
        let gradients = loss.backward();
        let mut step: Transaction = gradients.transaction();
        self.optimizer.record(&gradients, 0.05, &mut step)?;
        self.average.record(&mut step);
        drop(gradients);
        step.run()?;
        self.optimizer.succeeded();
        self.average.succeeded();
        loss.item()
    }

    /// A step, repeated without a fault if it failed.
    fn step(&mut self, i: usize) -> (f32, Option<Error>) {
        let batch: Vec<f32> = (0..24).map(|k| ((k * (i + 3)) % 11) as f32 / 7.0 - 0.5).collect();
        let (random, steps) = (self.params.generator().state(), self.optimizer.steps());
        match self.try_step(&batch) {
            Ok(loss) => (loss, None),
            // Only reading the loss failed: the step itself succeeded.
            Err(error) if self.optimizer.steps() > steps => (f32::NAN, Some(error)),
            Err(error) => {
                self.params.discard_updates();
                self.params.generator().set_state(random);
                (f32::NAN, Some(error))
            }
        }
    }

    /// All bits of the run's state.
    fn bits(&self) -> Vec<u32> {
        let params = self.params.all().into_iter().map(|p| p.value());
        let others = self.optimizer.state().into_iter().chain(self.average.state()).map(|(_, t)| t);
        let mut bits: Vec<u32> =
            params.chain(others).flat_map(|t| t.to_vec::<f32>().unwrap()).map(f32::to_bits).collect();
        let (seed, draws) = self.params.generator().state();
        bits.extend([
            self.optimizer.steps() as u32,
            self.average.updates() as u32,
            seed as u32,
            draws as u32,
        ]);
        bits
    }
}

/// The bits after every step, and before the first.
fn undisturbed(device: &Device) -> Vec<Vec<u32>> {
    let mut run = Run::new(device);
    let mut bits = vec![run.bits()];
    for i in 0..STEPS {
        assert!(run.step(i).1.is_none());
        bits.push(run.bits());
    }
    bits
}

#[test]
fn a_failed_step_changes_nothing() {
    let _alone = alone();
    for device in testing::devices() {
        undisturbed(&device); // pipelines
        let wanted = undisturbed(&device);
        let (_, points) = faults::count(&device, || {
            let mut run = Run::new(&device);
            (0..STEPS).for_each(|i| assert!(run.step(i).1.is_none()));
        });
        assert!(points.len() > 20, "{points:?}");
        let mut failures = 0;
        'points: for (n, &point) in points.iter().enumerate() {
            let mut run = Run::new(&device);
            faults::fail(&device, n, || {
                for i in 0..STEPS {
                    let (_, error) = run.step(i);
                    if error.is_some() {
                        failures += 1;
                        break;
                    }
                }
            });
            let done = run.optimizer.steps();
            if point != faults::Point::Launch {
                assert_eq!(run.bits(), wanted[done], "{}: after {:?} {n}", device.info(), point);
            }
            for i in done..STEPS {
                let failed = run.step(i).1;
                // A kernel panicked after the optimizer's had begun to write in place: later steps report an error, not wrong values.
                if point == faults::Point::Launch && matches!(failed, Some(Error::Freed { .. })) {
                    continue 'points;
                }
                assert!(failed.is_none(), "{}: after {:?} {n}: {failed:?}", device.info(), point);
            }
            assert_eq!(run.bits(), wanted[STEPS], "{}: going on after {:?} {n}", device.info(), point);
        }
        println!("{}: {} points, {failures} failed steps", device.info(), points.len());
        assert!(failures > 10);
    }
}

#[test]
fn a_step_too_large_for_the_device_harms_nothing() {
    let _alone = alone();
    for device in testing::devices() {
        let params = Params::new(&device, 0);
        let weight = params.param("weight", &[1, 64], Init::ONES);
        let mut opt = Adam::new(&params);
        let step = |opt: &mut Adam, rows: usize| -> Result<f32> {
            let x = Tensor::ones(&device, &[rows, 1]);
            // A softmax, whose sums per row are not fused away.
            let loss = x.matmul(&weight.value()).softmax(-1).matmul(&weight.value().t()).square().mean_all();
            opt.step(loss.backward(), 0.01)?;
            loss.item()
        };
        assert!(step(&mut opt, 8).is_ok());
        let before = weight.value().to_vec::<f32>().unwrap();
        let error = step(&mut opt, 1 << 45).expect_err("a petabyte");
        assert!(error.to_string().contains("smaller"), "{error}");
        assert_eq!((weight.value().to_vec::<f32>().unwrap(), opt.steps()), (before.clone(), 1));
        assert!(step(&mut opt, 8).is_ok());
        assert_ne!(weight.value().to_vec::<f32>().unwrap(), before);
    }
}

#[test]
fn a_tensor_that_cannot_be_computed_is_nobody_elses_problem() {
    let _alone = alone();
    for device in testing::devices() {
        let hopeless =
            Tensor::ones(&device, &[1 << 45, 1]).matmul(&Tensor::ones(&device, &[1, 64])).softmax(-1);
        let other = Tensor::ones(&device, &[3]) * 2.0;
        assert_eq!(other.to_vec::<f32>().unwrap(), [2.0; 3]);
        assert!(hopeless.sum_all().item().is_err());
        assert_eq!((other + 1.0).to_vec::<f32>().unwrap(), [3.0; 3]);
    }
}
