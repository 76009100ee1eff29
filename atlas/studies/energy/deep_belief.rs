//! Deep belief networks (Hinton, Osindero and Teh 2006): a second machine on the hidden units of a first, initialised with the first one's
//! weights transposed, raises a bound on the likelihood; then both are trained together. The machines are small enough to enumerate all
//! states, so that bound and likelihood are exact: `cargo run --release -p wgrad-atlas -- deep_belief`.

use atlas::prelude::*;
use methods::energy::DeepBelief;

pub const STUDY: Study = Study {
    name: "deep_belief",
    about: "A second Boltzmann machine on top of a first raises the likelihood of bars and stripes.",
    on_gpu: false,
    data: None,
    run,
};

fn run(lab: &mut Lab) -> Result<()> {
    const HIDDEN: usize = 6;
    let images = data::synthetic::bars_and_stripes(3);
    let pixels = images.columns();
    let v = images.to_device(lab.device())?;
    // Too few hidden units for all images, so that the second machine can improve on the first.
    let params = lab.params();
    let net = DeepBelief::new(&params, &[pixels, HIDDEN, pixels]);
    let [low, high] = net.layers() else { bail!("two machines") };
    // Larger initial weights, so that the units differ.
    low.weight().set(&(low.weight().value() * 10.0));
    let steps = lab.pick(2000, 500);
    let mut first = Vec::new();
    let (batch, generator) = (v.repeat(&[16, 1]), params.generator());
    let mut opt = Sgd::new(&params).momentum(0.5).only(|p| p.name().starts_with("0."));
    lab.fit("first, by CD-1", steps, &mut opt, Cosine::new(0.3, 0.0, steps), |_| {
        first.push(-low.log_prob(&v).mean_all().item()?);
        Ok(low.contrastive_loss(&batch, &low.gibbs(&batch, 1, generator)))
    })?;

    // With transposed weights, the second machine has the same distribution of the hidden units as the first.
    high.weight().set(&low.weight().value().t());
    high.visible_bias().set(&low.hidden_bias().value());
    high.hidden_bias().set(&low.visible_bias().value());
    let mean = |log_prob: Tensor| -> Result<f64> { Ok(log_prob.mean_all().item()?.into()) };
    let before = mean(low.log_prob(&v))?;
    lab.expect("log p, two machines at first less one", (mean(net.log_prob(&v))? - before).abs(), ..1e-3);
    lab.expect("bound at first less log p", (mean(net.bound(&v))? - before).abs(), ..1e-3);
    // Only the second machine's probability of the hidden states in the bound depends on its parameters.
    let rate = Cosine::new(0.02, 0.0, steps);
    let mut opt = Adam::new(&params).only(|p| p.name().starts_with("1."));
    let second = lab.fit("second", steps, &mut opt, rate, |_| Ok(-net.bound(&v).mean_all()))?;
    let (bound, after) = (mean(net.bound(&v))?, mean(net.log_prob(&v))?);
    let highest = -14f64.ln();
    lab.figure("log p, one machine", before);
    lab.figure("log p, two machines", after);
    lab.expect("bound raised by the second machine", bound - before, 0.05..);
    lab.expect("log p raised by the second machine", after - before, 0.05..);
    lab.expect("bound less log p", bound - after, ..=1e-4);
    // Both machines train on; `0.hidden_bias` is only used upwards, and the likelihood does not depend on it.
    let mut opt = Adam::new(&params).only(|p| p.name() != "0.hidden_bias");
    let third = lab.fit("together", steps, &mut opt, rate, |_| Ok(-net.log_prob(&v).mean_all()))?;
    lab.expect("log p, both trained together", mean(net.log_prob(&v))?, -3.3..highest);
    let curve = |phase: usize, losses: &[f64]| {
        let points = losses.iter().enumerate().map(|(i, loss)| ((phase * steps + i) as f64, -loss));
        points.collect::<Vec<_>>()
    };
    let first: Vec<f64> = first.into_iter().map(f64::from).collect();
    let ends = [(0.0, highest), (3.0 * steps as f64, highest)];
    let panel = plot::Panel::new("", "update", "nats an image")
        .with(plot::Series::new("one machine, log p", curve(0, &first)).exact())
        .with(plot::Series::new("two machines, bound", curve(1, &second)).exact())
        .with(plot::Series::new("both together, log p", curve(2, &third)).exact())
        .with(plot::Series::new("highest log p", ends).exact())
        .y_range(-6.4, -2.4);
    let title = "Bars and stripes under one Boltzmann machine and under two";
    lab.picture("deep_belief", |path| plot::Figure::new(title).panel(panel).save(path))
}
