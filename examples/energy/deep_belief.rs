//! Deep belief networks (Hinton, Osindero and Teh 2006): a second machine on the hidden units of a first, from the first's weights
//! turned round, raises a bound on the likelihood. The machines are small enough to go through all their states, so that bound and
//! likelihood are exact: `cargo run --release --example deep_belief`.

use studies::prelude::*;
use wgrad::models::energy::{DeepBelief, Rbm};

pub const STUDY: Study = Study {
    name: "deep_belief",
    about: "A second Boltzmann machine on top of a first raises the likelihood of bars and stripes.",
    on_gpu: false,
    data: None,
    run,
};

fn main() -> ExitCode {
    studies::main(&STUDY)
}

/// Trains the machine of the parameters under `prefix` by persistent contrastive divergence, on what `data` gives for each step.
fn train(
    lab: &Lab,
    (rbm, params, prefix): (&Rbm, &Params, &'static str),
    (steps, rate): (usize, f32),
    mut data: impl FnMut() -> Result<Tensor>,
    mut after: impl FnMut(usize) -> Result<()>,
) -> Result<()> {
    let generator = params.generator();
    let mut opt = Sgd::new(params).momentum(0.5).only(move |p| p.name().starts_with(prefix));
    let rate = Cosine::new(rate, 0.05 * rate, steps);
    let mut chains = data()?;
    for step in lab.steps("machine", steps) {
        chains = rbm.gibbs(&chains, 1, &generator);
        opt.step(rbm.contrastive_loss(&data()?, &chains).backward(), rate.lr(step))?;
        after(step)?;
    }
    Ok(())
}

fn run(lab: &mut Lab) -> Result<()> {
    const HIDDEN: usize = 4;
    let images = data::synthetic::bars_and_stripes(3);
    let pixels = images.columns();
    let v = images.to_device(lab.device())?;
    let batch = v.repeat(&[16, 1]);
    // Too few hidden units for all the images: something is left for the second machine.
    let params = lab.params();
    let net = DeepBelief::new(&params, &[pixels, HIDDEN, pixels]);
    let [low, high] = net.layers() else { bail!("two machines") };
    let steps = lab.pick(3000, 1000);
    let mean = |log_prob: Tensor| -> Result<f64> { Ok(log_prob.mean_all().item()?.into()) };
    let mut curve = Vec::new();
    let every = steps / 20;
    train(
        lab,
        (low, &params, "0."),
        (steps, 0.3),
        || Ok(batch.clone()),
        |step| {
            if step % every == 0 {
                curve.push((step as f64, mean(low.log_prob(&v))?));
            }
            Ok(())
        },
    )?;
    let before = mean(low.log_prob(&v))?;

    // Turned round, the second machine says of the hidden units just what the first does.
    high.weight().set(&low.weight().value().t());
    high.visible_bias().set(&low.hidden_bias().value());
    high.hidden_bias().set(&low.visible_bias().value());
    lab.expect("log p, two machines at first less one", (mean(net.log_prob(&v))? - before).abs(), ..1e-3);
    lab.expect("bound at first less log p", (mean(net.bound(&v))? - before).abs(), ..1e-3);
    let generator = Generator::new(lab.seed());
    let mut bounds = Vec::new();
    train(
        lab,
        (high, &params, "1."),
        (steps, 0.05),
        || Ok(net.draw_up(&batch, 1, &generator)),
        |step| {
            if step % every == 0 {
                bounds.push(((steps + step) as f64, mean(net.bound(&v))?));
            }
            Ok(())
        },
    )?;
    let (bound, after) = (mean(net.bound(&v))?, mean(net.log_prob(&v))?);
    lab.figure("log p, one machine", before);
    lab.expect("bound raised by the second machine", bound - before, 0.02..);
    lab.expect("log p raised by the second machine", after - before, 0.02..);
    lab.expect("bound less log p", bound - after, ..=1e-4);
    lab.expect("log p less its highest", after + 14f64.ln(), -2.0..0.0);
    let highest = -14f64.ln();
    let ends = [(0.0, highest), (2.0 * steps as f64, highest)];
    let panel = plot::Panel::new("", "update", "nats an image")
        .with(plot::Series::new("one machine, log p", curve))
        .with(plot::Series::new("two machines, bound", bounds))
        .with(plot::Series::new("highest log p", ends).exact())
        .y_range(-6.3, -2.4);
    let title = "Bars and stripes under one Boltzmann machine and under two";
    lab.picture("deep_belief", |path| plot::Figure::new(title).panel(panel).save(path))
}
