//! A user's own tensors with the Trainer: tells points inside of a ring from those outside.

use wgrad::prelude::*;
use wgrad::train::{EarlyStopping, Goal};

struct Rings {
    net: Sequential,
    test: [Tensor; 2],
}

impl Task for Rings {
    type Batch = [Tensor; 2];

    fn inputs(&self, batch: &[Tensor; 2]) -> wgrad::train::Result<Option<Vec<Tensor>>> {
        Ok(Some(batch.to_vec()))
    }

    fn forward(&self, inputs: &[Tensor]) -> StepOutput {
        let logits = self.net.forward(&inputs[0], Mode::Train);
        StepOutput::new(logits.cross_entropy(&inputs[1])).accuracy(&logits, &inputs[1])
    }

    fn evaluate(&self) -> wgrad::train::Result<Vec<(&'static str, f64)>> {
        let [x, y] = &self.test;
        let right = self.net.forward(x, Mode::Eval).argmax(1, false).eq(y).to(DType::F32);
        Ok(vec![("test accuracy", f64::from(right.mean_all().item()?))])
    }
}

/// Points of the plane, `[count, 2]`, and whether each is in a ring around the origin.
fn points(device: &Device, count: usize, seed: u64) -> wgrad::Result<[Tensor; 2]> {
    let x = Generator::new(seed).uniform(device, &[count, 2]) * 2.0 - 1.0;
    let x = x.to_vec::<f32>()?;
    let inside = |p: &[f32]| i64::from((0.4..0.8).contains(&p[0].hypot(p[1])));
    let y: Vec<i64> = x.chunks(2).map(inside).collect();
    Ok([Tensor::from_slice(device, &x, &[count, 2])?, Tensor::from_slice(device, &y, &[count])?])
}

fn main() -> wgrad::Result<()> {
    let device = Device::best()?;
    let params = Params::new(&device, 42);
    let net = Sequential::new(&params)
        .layer(|p| Linear::new(p, 2, 64))
        .function(Tensor::relu)
        .layer(|p| Linear::new(p, 64, 64))
        .function(Tensor::relu)
        .layer(|p| Dropout::new(p, 0.1))
        .layer(|p| Linear::new(p, 64, 2));
    let task = Rings { net, test: points(&device, 500, 1)? };
    let batches =
        Batches::new(TensorDataset::new(points(&device, 2000, 0)?)?.into(), BatchOptions::train(50))?;

    let run = Run::create("runs/tensors", &device, &"rings")?;
    let mut trainer =
        Trainer::new(&params, AdamW::new(&params), OneCycle::new(0.01, 30 * batches.steps()), run)
            .epochs(30)
            .best("test accuracy", Goal::Max)
            .callback(EarlyStopping::new("test accuracy", Goal::Max).patience(10))
            .callback(Console::new(false));
    trainer.fit(&task, &batches)?;
    let best = trainer.best_value().unwrap_or(0.0);
    println!("best test accuracy {best:.3}");
    assert!(best > 0.95);
    Ok(())
}
