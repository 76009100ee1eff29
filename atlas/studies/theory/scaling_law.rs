//! Scaling laws (Hestness et al. 2017; Kaplan et al. 2020; Bahri et al. 2024): the loss falls as a power of the data and of the model size.
//! Fitted exponents agree with theory where it predicts them: `cargo run --release -p wgrad-atlas -- scaling_law`.

use atlas::prelude::*;
use wgrad::models::Mlp;

use super::power_law::PowerLaw;

pub const STUDY: Study = Study {
    name: "scaling_law",
    about: "Power laws of loss against data and model size: fits of known exponents, and of a digit classifier.",
    on_gpu: false,
    data: Some(DIGITS),
    run,
};

fn run(lab: &mut Lab) -> Result<()> {
    let known = features(lab)?;
    let sizes = [25, 50, 100, 200, 400, 800];
    let set = lab.small_digits(800, 2000)?;
    let (train, test) = (set.train.to_device(lab.device())?, set.test.to_device(lab.device())?);
    let (seen, unseen) = (train.images.flatten(1, -1), test.images.flatten(1, -1));
    let steps = lab.pick(1000, 300);
    let mut errors = Vec::new();
    for size in sizes {
        let (params, mut draws) = (lab.params(), lab.draws(size as u32));
        let net = Mlp::new(&params, &[49, 128, 10]);
        let (x, y) = (seen.narrow(0, 0, size), train.labels.narrow(0, 0, size));
        let mut opt = AdamW::new(&params).weight_decay(0.1);
        lab.fit(&format!("{size} digits"), steps, &mut opt, Cosine::new(3e-3, 0.0, steps), |_| {
            let [x, y] = minibatch(&mut draws, 64, [&x, &y])?;
            Ok(net.forward(&x).cross_entropy(&y))
        })?;
        errors.push((size as f64, 1.0 - metrics::accuracy(&net.forward(&unseen), &test.labels)?));
    }
    let law = PowerLaw::fit(&errors);
    lab.expect("digits: exponent of the data", -law.slope, 0.3..0.9);
    lab.expect("digits: R2 of the power law", law.r2, 0.85..);
    let line: Vec<(f64, f64)> = errors.iter().map(|&(x, _)| (x, law.at(x))).collect();
    let digits = plot::Panel::new("A digit classifier", "labelled digits", "test error").log_x().log_y();
    let digits = digits
        .with(plot::Series::new(format!("power {:.2}", law.slope), line).exact())
        .layer(plot::Points::new("error", errors));
    lab.picture("scaling_law", |path| plot::Figure::new("Scaling laws").panel(known).panel(digits).save(path))
}

/// Regression on features with variances `i^-(1 + a)` and equal true weights: with the first `m` of them, or with `n` examples, the error
/// falls with the power `-a`.
fn features(lab: &mut Lab) -> Result<plot::Panel> {
    const FEATURES: usize = 4000;
    let mut panel =
        plot::Panel::new("Features of variance 1 / i^(1 + a)", "size", "test error").log_x().log_y();
    let generator = Generator::new(lab.seed());
    for power in [0.5f64, 1.0] {
        let variance = |i: usize| (i as f64 + 1.0).powf(-1.0 - power);
        let scales: Vec<f32> = (0..FEATURES).map(|i| variance(i).sqrt() as f32).collect();
        let scales = Tensor::from_slice(lab.device(), &scales, &[FEATURES])?;
        let (mut by_data, mut by_size) = (Vec::new(), Vec::new());
        let sizes: &[usize] = lab.pick(&[10, 20, 40, 80, 160, 320], &[10, 20, 40, 80, 160]);
        for &size in sizes {
            // The target is the sum of all features. The minimum-norm weights of n examples are w = X^T c with X X^T c = y.
            let mut errors = 0.0;
            for _ in 0..3 {
                let x = generator.normal(lab.device(), &[size, FEATURES]) * &scales;
                let y = x.sum(&[1], true);
                let weights = x.t().matmul(&linalg::solve(&x.matmul(&x.t()), &y)?);
                let missed = (weights - 1.0).squeeze(&[1]) * &scales;
                errors += f64::from(missed.square().sum_all().item()?) / 3.0;
            }
            by_data.push((size as f64, errors));
            by_size.push((size as f64, (size..FEATURES).map(variance).sum()));
        }
        for (name, points) in [("examples", by_data), ("features", by_size)] {
            let PowerLaw { slope, r2, .. } = PowerLaw::fit(&points);
            lab.expect(format!("exponent of {name} over {power}"), -slope / power, 0.8..1.3);
            lab.expect(format!("R2 for {name}, {power}"), r2, 0.95..);
            panel = panel.with(plot::Series::new(format!("{name}, a = {power}, fit {slope:.2}"), points));
        }
    }
    Ok(panel)
}
