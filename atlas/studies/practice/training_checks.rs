//! Checks before a long training: the network can overfit a few examples, shuffled labels leave nothing to learn, activations keep their
//! scale, and units do not die: `cargo run --release -p wgrad-atlas -- training_checks`.

use atlas::prelude::*;
use wgrad::models::Mlp;
use wgrad::train::metrics::activation_statistics;

pub const STUDY: Study = Study {
    name: "training_checks",
    about: "A healthy network overfits ten examples, learns nothing general from shuffled labels, and keeps its units alive.",
    on_gpu: false,
    data: Some(DIGITS),
    run,
};

const DEPTH: usize = 8;
const WIDTH: usize = 64;

fn run(lab: &mut Lab) -> Result<()> {
    let set = lab.small_digits(1000, 500)?;
    let (train, test) = (set.train.to_device(lab.device())?, set.test.to_device(lab.device())?);
    let (x, test_x) = (train.images.flatten(1, -1), test.images.flatten(1, -1));

    // Overfits ten examples.
    let (few, few_labels) = (x.narrow(0, 0, 10), train.labels.narrow(0, 0, 10));
    let (net, losses) = fitted(lab, "ten examples", &few, &few_labels, 10, 150)?;
    lab.expect("loss at the start: ln 10", losses[0], 2.2..2.4);
    lab.expect("loss of ten examples", losses[149], ..0.02);
    lab.expect("their accuracy", metrics::accuracy(&net.forward(&few), &few_labels)?, 1.0..);

    // The true labels, and the same labels shuffled.
    let mut labels: Vec<i32> = train.labels.to_vec()?;
    lab.draws(1).shuffle(&mut labels);
    let shuffled = Tensor::from_slice(lab.device(), &labels, &[labels.len()])?;
    let steps = lab.pick(1500, 300);
    let (net, _) = fitted(lab, "right labels", &x, &train.labels, 50, steps)?;
    lab.expect(
        "test accuracy of right labels",
        metrics::accuracy(&net.forward(&test_x), &test.labels)?,
        0.9..,
    );
    let (net, _) = fitted(lab, "shuffled labels", &x, &shuffled, 50, steps)?;
    lab.expect(
        "test accuracy of shuffled labels",
        metrics::accuracy(&net.forward(&test_x), &test.labels)?,
        ..0.2,
    );
    activations(lab, &x)?;
    dead_units(lab, &x, &train.labels)
}

/// An MLP after some steps on minibatches, and its losses.
fn fitted(
    lab: &Lab,
    what: &str,
    x: &Tensor,
    y: &Tensor,
    batch: usize,
    steps: usize,
) -> Result<(Mlp, Vec<f64>)> {
    let params = lab.params();
    let net = Mlp::new(&params, &[49, 128, 10]);
    let (mut draws, whole) = (lab.draws(0), batch == x.shape()[0]);
    let losses = lab.fit(what, steps, &mut Adam::new(&params), 5e-3, |_| {
        let [x, y] = if whole { [x.clone(), y.clone()] } else { minibatch(&mut draws, batch, [x, y])? };
        Ok(net.forward(&x).cross_entropy(&y))
    })?;
    Ok((net, losses))
}

/// Deviations of the layers' outputs at initialisation: He's initialisation preserves them, a smaller one shrinks them layer by layer.
fn activations(lab: &mut Lab, x: &Tensor) -> Result<()> {
    let x = x - x.mean(&[0], true);
    let x = &x / x.var(&[0], 1.0, true).sqrt().clamp_min(1e-3);
    let mut panel = plot::Panel::new("At the start", "layer", "deviation of the outputs").log_y();
    for (name, init) in [("He", Init::HE_FAN_OUT), ("0.05", Init::Normal { mean: 0.0, std: 0.05 })] {
        let params = lab.params();
        let layers = deep(&params);
        params.redraw("*.weight", init);
        params.redraw("*.bias", Init::ZEROS);
        let (mut y, mut deviations) = (x.clone(), vec![]);
        for layer in &layers {
            y = layer.forward(&y).relu();
            deviations.push(activation_statistics(&y)?.std);
        }
        let kept = deviations[DEPTH - 1] / deviations[0];
        match name {
            "He" => lab.expect("deviation kept through 8 layers: He", kept, 0.3..3.0),
            _ => lab.expect("deviation kept through 8 layers: 0.05", kept, ..0.02),
        }
        panel = panel.with(plot::Series::new(name, (1..).zip(deviations).map(|(i, d)| (f64::from(i), d))));
    }
    lab.picture("training_checks", |path| {
        plot::Figure::new("Scale of activations by depth").panel(panel).save(path)
    })
}

fn deep(params: &Params) -> Vec<Linear> {
    let inputs = |i| if i == 0 { 49 } else { WIDTH };
    (0..DEPTH).map(|i| Linear::new(&params.path(i), inputs(i), WIDTH)).collect()
}

/// A far too large learning rate kills ReLU units: their output is 0 for every input.
fn dead_units(lab: &mut Lab, x: &Tensor, y: &Tensor) -> Result<()> {
    for (name, rate) in [("good", 0.1), ("far too large", 20.0)] {
        let params = lab.params();
        let (hidden, out) =
            (Linear::new(&params.path("fc1"), 49, WIDTH), Linear::new(&params.path("fc2"), WIDTH, 10));
        lab.fit(name, 40, &mut Sgd::new(&params), rate, |_| {
            Ok(out.forward(&hidden.forward(x).relu()).cross_entropy(y))
        })?;
        let dead = activation_statistics(&hidden.forward(x).relu())?.dead as f64 / WIDTH as f64;
        match name {
            "good" => lab.expect("dead units at a good rate", dead, ..0.1),
            _ => lab.expect("dead units at a rate far too large", dead, 0.5..),
        }
    }
    Ok(())
}
