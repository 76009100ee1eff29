//! Deep belief networks (Hinton, Osindero and Teh 2006): a second machine on the hidden units of a first, from the first's weights
//! turned round, raises a bound on the likelihood, here with everything exact; and machines stacked on many unlabelled digits give a
//! classifier of few labelled ones a better start than chance: `cargo run --release --example deep_belief`.

use studies::prelude::*;
use wgrad::models::energy::{DeepBelief, Rbm};

pub const STUDY: Study = Study {
    name: "deep_belief",
    about: "Stacked Boltzmann machines: a higher bound on the likelihood, and a start for classifiers.",
    on_gpu: false,
    data: None,
    run,
};

fn main() -> ExitCode {
    studies::main(&STUDY)
}

fn run(lab: &mut Lab) -> Result<()> {
    let likelihood = likelihood(lab)?;
    let bars = classifier(lab)?;
    lab.picture("deep_belief", |path| {
        plot::Figure::new("Deep belief networks").panel(likelihood).panel(bars).save(path)
    })
}

/// Trains a machine on what `data` gives for each step: by persistent contrastive divergence, or by CD-1.
fn train(
    lab: &Lab,
    rbm: &Rbm,
    params: &Params,
    (steps, rate, persistent): (usize, f32, bool),
    mut data: impl FnMut() -> Result<Tensor>,
    mut after: impl FnMut(usize) -> Result<()>,
) -> Result<()> {
    let generator = params.generator();
    let mut opt = Sgd::new(params).momentum(0.5);
    let rate = Cosine::new(rate, 0.05 * rate, steps);
    let mut chains = data()?;
    for step in lab.steps("machine", steps) {
        let batch = data()?;
        chains = rbm.gibbs(if persistent { &chains } else { &batch }, 1, &generator);
        opt.step(rbm.contrastive_loss(&batch, &chains).backward(), rate.lr(step))?;
        after(step)?;
    }
    Ok(())
}

/// Bars and stripes under one machine, and under two.
fn likelihood(lab: &mut Lab) -> Result<plot::Panel> {
    const HIDDEN: usize = 6;
    let images = data::synthetic::bars_and_stripes(3);
    let pixels = images.columns();
    let v = images.to_device(lab.device())?;
    let batch = v.repeat(&[16, 1]);
    // Too few hidden units for all the images: something is left for the second machine.
    let params = lab.params();
    let net = DeepBelief::new(&params, &[pixels, HIDDEN, pixels]);
    let [low, high] = net.layers() else { bail!("two machines") };
    let steps = lab.pick(4000, 1000);
    let mean = |log_prob: Tensor| -> Result<f64> { Ok(log_prob.mean_all().item()?.into()) };
    // Each machine learns alone, with an optimizer of its own parameters.
    let alone = |i: usize| {
        let own = lab.params();
        let [inputs, outputs] = [[pixels, HIDDEN], [HIDDEN, pixels]][i];
        (Rbm::new(&own, inputs, outputs), own)
    };
    let (first, own) = alone(0);
    let mut curve = Vec::new();
    let every = steps / 20;
    train(
        lab,
        &first,
        &own,
        (steps, 0.3, true),
        || Ok(batch.clone()),
        |step| {
            if step % every == 0 {
                curve.push((step as f64, mean(first.log_prob(&v))?));
            }
            Ok(())
        },
    )?;
    low.weight().set(&first.weight().value());
    low.visible_bias().set(&first.visible_bias().value());
    low.hidden_bias().set(&first.hidden_bias().value());
    let before = mean(low.log_prob(&v))?;

    // Turned round, the second machine says of the hidden units just what the first does.
    let (second, own) = alone(1);
    second.weight().set(&first.weight().value().t());
    second.visible_bias().set(&first.hidden_bias().value());
    second.hidden_bias().set(&first.visible_bias().value());
    let share = || {
        high.weight().set(&second.weight().value());
        high.visible_bias().set(&second.visible_bias().value());
        high.hidden_bias().set(&second.hidden_bias().value());
    };
    share();
    lab.expect("log p, two machines at first less one", (mean(net.log_prob(&v))? - before).abs(), ..1e-3);
    lab.expect("bound at first less log p", (mean(net.bound(&v))? - before).abs(), ..1e-3);
    let generator = Generator::new(lab.seed());
    let mut bounds = Vec::new();
    train(
        lab,
        &second,
        &own,
        (steps, 0.1, true),
        || Ok(net.draw_up(&batch, 1, &generator)),
        |step| {
            if step % every == 0 {
                share();
                bounds.push(((steps + step) as f64, mean(net.bound(&v))?));
            }
            Ok(())
        },
    )?;
    share();
    let (bound, after) = (mean(net.bound(&v))?, mean(net.log_prob(&v))?);
    lab.figure("log p, one machine", before);
    lab.expect("bound raised by the second machine", bound - before, 0.02..);
    lab.expect("log p raised by the second machine", after - before, 0.02..);
    lab.expect("bound less log p", bound - after, ..=1e-4);
    lab.expect("log p less its highest", after + 14f64.ln(), -2.0..0.0);
    let highest = -14f64.ln();
    let ends = [(0.0, highest), (2.0 * steps as f64, highest)];
    Ok(plot::Panel::new("Bars and stripes", "update", "nats an image")
        .with(plot::Series::new("one machine, log p", curve))
        .with(plot::Series::new("two machines, bound", bounds))
        .with(plot::Series::new("highest log p", ends).exact()))
}

/// Digits of 7 x 7 pixels, of which few have labels.
fn classifier(lab: &mut Lab) -> Result<plot::Panel> {
    const SIZES: [usize; 3] = [49, 64, 48];
    let (unlabelled, labelled) = (lab.pick(4000, 1500), 30);
    let set = data::synthetic::small_digits(unlabelled, 1000, lab.seed());
    let flat = |images: &Tensor| images.reshape(&[images.shape()[0], SIZES[0]]);
    let (train_set, test) = (set.train.to_device(lab.device())?, set.test.to_device(lab.device())?);
    let (x, test_x) = (flat(&train_set.images), flat(&test.images));
    let (few_x, few_y) = (x.narrow(0, 0, labelled), train_set.labels.narrow(0, 0, labelled));

    let mut accuracies = Vec::new();
    for pretrained in [false, true] {
        let params = lab.params();
        let net = DeepBelief::new(&params.path("stack"), &SIZES);
        for (i, rbm) in net.layers().iter().enumerate() {
            if pretrained {
                let own = lab.params();
                let machine = Rbm::new(&own, SIZES[i], SIZES[i + 1]);
                let below = net.encode(&x, i).detach();
                // Units that differ from the start, and inputs that are right on average (Hinton 2012, section 8).
                machine.weight().set(&(machine.weight().value() * 10.0));
                let mean = below.mean(&[0], false).clamp(0.01, 0.99);
                machine.visible_bias().set(&(&mean / (1.0 - &mean)).log());
                let mut draws = lab.draws(i as u32);
                let budget = (lab.pick(2000, 500), 0.1, false);
                train(
                    lab,
                    &machine,
                    &own,
                    budget,
                    || Ok(minibatch(&mut draws, 100, [&below])?[0].clone()),
                    |_| Ok(()),
                )?;
                rbm.weight().set(&machine.weight().value());
                rbm.hidden_bias().set(&machine.hidden_bias().value());
            } else {
                // A start for sigmoid layers (Glorot and Bengio 2010), as the machines' tiny weights would hardly learn.
                let fans = (SIZES[i] + SIZES[i + 1]) as f32;
                rbm.weight().set(&(rbm.weight().value() * (100.0 * 4.0 * (2.0 / fans).sqrt())));
            }
        }
        let head = Linear::new(&params.path("head"), SIZES[2], 10);
        let forward = |x: &Tensor| head.forward(&net.encode(x, 2));
        let steps = lab.pick(400, 150);
        // The visible biases have no part in it.
        let mut opt = Adam::new(&params).only(|p| !p.name().ends_with("visible_bias"));
        let what = if pretrained { "from the stack" } else { "from chance" };
        lab.fit(what, steps, &mut opt, Cosine::new(0.01, 0.0, steps), |_| {
            Ok(forward(&few_x).cross_entropy(&few_y))
        })?;
        let right = forward(&test_x).argmax(1, false).eq(&test.labels).to(DType::F32).mean_all();
        accuracies.push(f64::from(right.item()?));
    }
    lab.expect("30 labels: accuracy from a random start", accuracies[0], 0.3..);
    lab.expect("30 labels: accuracy from the stack", accuracies[1], 0.5..);
    lab.expect("30 labels: gain", accuracies[1] - accuracies[0], 0.02..);
    Ok(plot::Panel::new("Digits from 30 labels", "", "share of right answers")
        .layer(plot::Bars::new("", accuracies))
        .x_names(["random start", "stacked machines"])
        .y_range(0.0, 1.0))
}
