//! Where a training step of ResNet-20 spends its time and memory: `cargo run --release --example profile [device] [batch]`.
//!
//! Prints the plan's launches, its memory and its cost, then the profile of some steps. `WGRAD_PROFILE=trace.json` writes a
//! trace as well.

use wgrad::autograd::plans;
use wgrad::prelude::*;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let device = Device::named(&arguments.next().unwrap_or_else(|| "auto".into()))?;
    let batch: usize = arguments.next().map_or(Ok(128), |n| n.parse())?;
    let params = Params::new(&device, 42);
    let net = ResNet::cifar(20, 10, &params);
    let mut opt = Sgd::new(&params).momentum(0.9).weight_decay(1e-4);
    let images = Generator::new(1).normal(&device, &[batch, 3, 32, 32]);
    let classes: Vec<i32> = (0..batch as i32).map(|i| i % 10).collect();
    let classes = Tensor::from_slice(&device, &classes, &[batch])?;
    wgrad::autograd::evaluate(&[&images])?;
    let mut step = || -> wgrad::Result<f32> {
        let loss = net.forward(&images, Mode::Train).cross_entropy(&classes);
        opt.step(loss.backward(), 0.1)?;
        loss.item()
    };
    // The first step has a plan of its own: it starts from parameters that are not in one piece yet.
    step()?;
    step()?;
    device.set_profiling(true);
    for _ in 0..5 {
        step()?;
    }
    device.set_profiling(false);
    let step = plans(&device).into_iter().max_by_key(|plan| plan.launches().len());
    let step = step.expect("the steps have a plan");
    println!("{}\n", device.info());
    println!("{}", step.explain());
    let cost = step.cost();
    let (gflop, mb) = (cost.flops as f64 * 1e-9, cost.bytes as f64 * 1e-6);
    println!("one step: {gflop:.2} GFLOP, {mb:.1} MB read and written by its launches\n");
    println!("{}", device.profile());
    Ok(())
}
