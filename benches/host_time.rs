//! Host time of a training step, without kernels: recording it and looking up its plan.
//! `cargo bench -p wgrad-tests --bench host_time -- [cpu|software|..]`.
//!
//! Prints one line of JSON per network: microseconds of a recorded step, and of a captured one. Batches are small, because the number of
//! operations does not depend on the batch size.

use serde_json::json;
use wgrad::autograd::{Captured, Gradients};
use wgrad::models::{Mlp, RnnOptions};
use wgrad::prelude::*;

/// Warm-up steps, and measured steps.
const WARM: usize = 5;
const STEPS: usize = 30;

fn main() -> anyhow::Result<()> {
    let device = std::env::args().skip(1).find(|arg| !arg.starts_with('-')).unwrap_or_else(|| "cpu".into());
    let device = Device::named(&device)?;
    let floats = |shape: &[usize]| Tensor::ones(&device, shape) * 0.5;
    let classes = |shape: &[usize]| {
        let values: Vec<i32> = (0..shape.iter().product::<usize>()).map(|i| (i % 7) as i32).collect();
        Tensor::from_slice(&device, &values, shape)
    };
    let params = Params::new(&device, 1);
    let net = ResNet::cifar(&params, 20, 10);
    let loss = |i: &[Tensor]| net.forward(&i[0], Mode::Train).cross_entropy(&i[1]);
    measure("resnet20", &params, &[floats(&[2, 3, 32, 32]), classes(&[2])?], loss)?;

    let params = Params::new(&device, 1);
    let options = GptOptions { vocab: 64, context: 16, width: 32, heads: 2, depth: 12, dropout: 0.1 };
    let net = Gpt::new(&params, options);
    let loss =
        |i: &[Tensor]| net.forward(&i[0], Mode::Train).flatten(0, 1).cross_entropy(&i[1].flatten(0, 1));
    measure("gpt-12-layers", &params, &[classes(&[1, 16])?, classes(&[1, 16])?], loss)?;

    let params = Params::new(&device, 1);
    let options = RnnOptions { num_layers: 2, ..RnnOptions::default() };
    let net = Lstm::new(&params.path("lstm"), 16, 32, options);
    let head = Linear::new(&params.path("head"), 32, 10);
    let loss = |i: &[Tensor]| head.forward(&net.forward(&i[0], None).0).square().mean_all();
    measure("lstm-2x32", &params, &[floats(&[4, 8, 16])], loss)?;

    let params = Params::new(&device, 1);
    let net = Mlp::new(&params, &[32, 64, 64, 10]);
    let loss = |i: &[Tensor]| net.forward(&i[0]).cross_entropy(&i[1]);
    measure("mlp", &params, &[floats(&[8, 32]), classes(&[8])?], loss)
}

fn measure(
    name: &str,
    params: &Params,
    inputs: &[Tensor],
    loss: impl Fn(&[Tensor]) -> Tensor,
) -> anyhow::Result<()> {
    wgrad::autograd::evaluate(&inputs.iter().collect::<Vec<_>>())?;
    let mut opt = Adam::new(params);
    let recorded = micros(params.device(), &mut opt, || Ok(loss(inputs).backward()))?;
    let mut step = Captured::new(|inputs: &[Tensor]| loss(inputs).backward());
    let captured = micros(params.device(), &mut opt, || step.call(inputs))?;
    anyhow::ensure!(step.impure().is_none(), "{name}: {:?}", step.impure());
    println!("{}", json!({"network": name, "recorded_us": recorded, "captured_us": captured}));
    Ok(())
}

/// Host time per step in microseconds.
fn micros(
    device: &Device,
    opt: &mut Adam,
    mut gradients: impl FnMut() -> wgrad::autograd::Result<Gradients>,
) -> anyhow::Result<f64> {
    let mut step = || opt.step(gradients()?, 1e-3);
    (0..WARM).try_for_each(|_| step())?;
    let seconds = |device: &Device| {
        let profile = device.profile();
        let of = |what: &str| {
            profile.host.iter().find(|(name, ..)| *name == what).map_or(0.0, |h| h.2.as_secs_f64())
        };
        of("record") + of("evaluate") - of("submit")
    };
    device.set_profiling(true);
    let before = seconds(device);
    (0..STEPS).try_for_each(|_| step())?;
    let after = seconds(device);
    device.set_profiling(false);
    Ok(((after - before) / STEPS as f64 * 1e7).round() / 10.0)
}
