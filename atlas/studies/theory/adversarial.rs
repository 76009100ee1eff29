//! Adversarial examples (Goodfellow et al. 2015) and training against them (Madry et al. 2018):
//! `cargo run --release -p wgrad-atlas -- adversarial`.

use atlas::prelude::*;
use methods::adversarial::{Pgd, fgsm};
use wgrad::models::Mlp;

pub const STUDY: Study = Study {
    name: "adversarial",
    about: "Changes that noise of the same size hides mislead a digit classifier, unless it was trained with them.",
    on_gpu: false,
    data: Some(DIGITS),
    run,
};

/// The largest change of a pixel, whose values are up to 1.
const EPSILON: f32 = 0.08;

fn pgd(epsilon: f32, step: f32, steps: usize) -> Pgd {
    Pgd { epsilon, step, steps, range: [f32::NEG_INFINITY, f32::INFINITY] }
}

fn run(lab: &mut Lab) -> Result<()> {
    let set = lab.small_digits(2000, lab.pick(2000, 500))?;
    let (train, test) = (set.train.to_device(lab.device())?, set.test.to_device(lab.device())?);
    let (x, seen) = (test.images.flatten(1, -1), train.images.flatten(1, -1));
    let (generator, steps) = (Generator::new(lab.seed()), lab.pick(1500, 300));
    let mut panel = plot::Panel::new("", "most that a pixel is changed", "test accuracy").y_range(0.0, 1.0);
    let mut found = Vec::new();
    for (name, robust) in [("plain training", false), ("adversarial training", true)] {
        let (params, mut draws) = (lab.params(), lab.draws(0));
        let net = Mlp::new(&params, &[49, 128, 10]);
        lab.fit(name, steps, &mut Adam::new(&params), Cosine::new(3e-3, 0.0, steps), |_| {
            let [x, y] = minibatch(&mut draws, 64, [&seen, &train.labels])?;
            let loss = |x: &Tensor| net.forward(x).cross_entropy(&y);
            let x = if robust { pgd(EPSILON, EPSILON / 2.0, 4).attack(&x, &generator, loss)? } else { x };
            Ok(loss(&x))
        })?;
        let loss = |x: &Tensor| net.forward(x).cross_entropy(&test.labels);
        let accuracy = |x: &Tensor| metrics::accuracy(&net.forward(x), &test.labels);
        let attack = |epsilon: f32| pgd(epsilon, epsilon / 4.0, 10).attack(&x, &generator, loss);
        let noise = (generator.uniform(lab.device(), x.shape()) - 0.5).sign() * EPSILON;
        found.push([
            accuracy(&x)?,
            accuracy(&(&x + noise))?,
            accuracy(&fgsm(&x, EPSILON, loss))?,
            accuracy(&attack(EPSILON)?)?,
        ]);
        if !robust {
            // For small changes the loss grows by epsilon times the L1 norm of the gradient.
            let (at, tiny) = (x.variable(), 1e-4);
            let slope = grad(&loss(&at), &[&at]).remove(0).context("a gradient")?.abs().sum_all().item()?;
            let grown = loss(&fgsm(&x, tiny, loss)).item()? - loss(&x).item()?;
            lab.expect("growth of the loss over its first order", grown / (tiny * slope), 0.97..1.05);
            let most = (attack(EPSILON)? - &x).abs().amax(&[0, 1], false).item()?;
            lab.expect("largest change over epsilon", most / EPSILON, 0.999..1.001);
        }
        let mut line = Vec::new();
        for i in 0..=6 {
            let epsilon = EPSILON * i as f32 / 4.0;
            line.push((epsilon.into(), if i == 0 { accuracy(&x)? } else { accuracy(&attack(epsilon)?)? }));
        }
        panel = panel.with(plot::Series::new(name, line));
    }
    let [plain, robust] = <[_; 2]>::try_from(found).ok().context("two nets")?;
    lab.expect("plain: accuracy", plain[0], 0.88..);
    lab.expect("plain: lost to noise of that size", plain[0] - plain[1], ..0.15);
    lab.expect("plain: under FGSM", plain[2], ..0.5);
    lab.expect("plain: under PGD", plain[3], ..0.4);
    lab.expect("robust: accuracy", robust[0], 0.7..);
    lab.expect("robust: under PGD", robust[3], 0.3..);
    lab.expect("robust against plain, under PGD", robust[3] - plain[3], 0.2..);
    lab.picture("adversarial", |path| {
        plot::Figure::new("Accuracy under attack (PGD)").panel(panel).save(path)
    })
}
