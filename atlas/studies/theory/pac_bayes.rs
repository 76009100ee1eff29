//! PAC-Bayes bounds of a stochastic network's error (McAllester 1999; Langford and Caruana 2001; Dziugaite and Roy 2017), with a prior from
//! other examples (Ambroladze et al. 2006): `cargo run --release -p wgrad-atlas -- pac_bayes`.

use atlas::prelude::*;
use methods::pac_bayes::{PacBayes, kl_inverse};
use wgrad::models::distributions::{Normal, Reparameterized, kl_divergence};

pub const STUDY: Study = Study {
    name: "pac_bayes",
    about: "A bound of the error on new digits that is proven from the training digits alone, and says nothing when labels are random.",
    on_gpu: false,
    data: None,
    run,
};

/// The probability with which a bound may be wrong: that of the theorem, and that of the estimate of the error on the examples.
const DELTA: f64 = 0.04;
const ESTIMATE_DELTA: f64 = 0.01;
/// Examples for the prior, for the bound, and to test it.
const PRIOR: usize = 600;
const BOUND: usize = 837;
const TEST: usize = 360;
/// A linear classifier's weights.
const WEIGHTS: usize = 65 * 10;

fn run(lab: &mut Lab) -> Result<()> {
    let held = finite_classes(lab);
    let digits = lab.real_digits()?;
    let x = cat(&[&digits.train.0, &digits.test.0], 0);
    let x = cat(&[&x, &Tensor::ones(lab.device(), &[x.shape()[0], 1])], 1);
    let y = cat(&[&digits.train.1, &digits.test.1], 0);
    let mut draws = lab.draws(3);
    let random: Vec<i32> = (0..y.numel()).map(|_| draws.below(10) as i32).collect();
    let random = Tensor::from_slice(lab.device(), &random, &[y.numel()])?;
    let mut panel = plot::Panel::new("Real digits", "", "error").x_names(["true labels", "random labels"]);
    let mut bars = [Vec::new(), Vec::new(), Vec::new()];
    for (name, labels) in [("true labels", &y), ("random labels", &random)] {
        let [train, bound, test, kl] = bounded(lab, &x, labels)?;
        bars.iter_mut().zip([train, test, bound]).for_each(|(bars, value)| bars.push(value));
        lab.figure(format!("{name}: divergence from the prior"), kl);
        lab.expect(format!("{name}: error on new digits over the bound"), test / bound, ..1.0);
        match name {
            "true labels" => {
                lab.expect("true labels: bound of the error", bound, ..0.25);
                lab.expect("true labels: error on new digits", test, ..0.15);
            }
            _ => {
                lab.expect("random labels: error on the examples", train, ..0.895);
                lab.expect("random labels: bound of the error", bound, 0.9..);
            }
        }
    }
    for (i, (name, bars)) in ["examples", "new digits", "bound"].into_iter().zip(bars).enumerate() {
        panel = panel.layer(plot::Bars::new(name, bars).group(i, 3));
    }
    let figure = plot::Figure::new("PAC-Bayes bounds").panel(held).panel(panel);
    lab.picture("pac_bayes", |path| figure.save(path))
}

/// A finite number of classifiers whose errors are known: posteriors that prefer small errors, and how often the bounds do not hold.
fn finite_classes(lab: &mut Lab) -> plot::Panel {
    const CLASSIFIERS: usize = 50;
    const COUNT: usize = 200;
    let (mut draws, trials) = (lab.draws(0), lab.pick(4000, 1000));
    let truth: Vec<f64> = (0..CLASSIFIERS).map(|i| 0.1 + 0.4 * i as f64 / CLASSIFIERS as f64).collect();
    let mut wrong = 0.0;
    let (mut points, mut excess) = (Vec::new(), [0.0, 0.0]);
    for trial in 0..trials {
        let found: Vec<f64> = truth
            .iter()
            .map(|&p| (0..COUNT).filter(|_| draws.happens(p)).count() as f64 / COUNT as f64)
            .collect();
        let weights: Vec<f64> = found.iter().map(|error| (-(COUNT as f64) * error).exp()).collect();
        let sum: f64 = weights.iter().sum();
        let posterior: Vec<f64> = weights.iter().map(|weight| weight / sum).collect();
        let mean = |errors: &[f64]| posterior.iter().zip(errors).map(|(q, e)| q * e).sum::<f64>();
        let kl = posterior.iter().filter(|q| **q > 0.0).map(|q| q * (q * CLASSIFIERS as f64).ln()).sum();
        let bound = PacBayes { error: mean(&found), kl, count: COUNT, delta: 0.05 };
        let risk = mean(&truth);
        wrong += f64::from(u8::from(risk > bound.seeger())) / trials as f64;
        excess[0] += (bound.seeger() - risk) / trials as f64;
        excess[1] += (bound.mcallester() - risk) / trials as f64;
        if trial < 200 {
            points.push((risk, bound.seeger()));
        }
    }
    lab.expect("known errors: share of bounds that do not hold", wrong, ..0.05);
    lab.expect("known errors: mean excess of Seeger's bound", excess[0], 0.0..0.15);
    lab.expect("known errors: excess of Seeger's bound over McAllester's", excess[0] / excess[1], ..1.0);
    plot::Panel::new("50 classifiers, 200 examples", "true error", "Seeger's bound")
        .layer(plot::Points::new("posteriors", points))
        .with(plot::Series::new("bound = error", [(0.08, 0.08), (0.25, 0.25)]).exact())
}

/// Mean errors on the examples, their bound, errors on the test rows, and the divergence of a posterior over linear classifiers.
fn bounded(lab: &Lab, x: &Tensor, labels: &Tensor) -> Result<[f64; 4]> {
    let part = |start: usize, count: usize| {
        (x.narrow(0, start, count).detach(), labels.narrow(0, start, count).detach())
    };
    let ((prior_x, prior_y), (seen, y), (test, test_y)) =
        (part(0, PRIOR), part(PRIOR, BOUND), part(PRIOR + BOUND, TEST));
    // `[S, N, 10]` for weights `[S, 650]`.
    let logits = |weights: &Tensor, x: &Tensor| {
        let samples = weights.shape()[0];
        let weights = weights.reshape(&[samples, 65, 10]);
        x.unsqueeze(0).expand(&[samples, x.shape()[0], 65]).bmm(&weights)
    };
    let loss = |weights: &Tensor, x: &Tensor, y: &Tensor| {
        logits(weights, x).flatten(0, 1).cross_entropy(&y.repeat(&[weights.shape()[0]]))
    };

    // The prior: weights from the first part of the digits, whose labels the bound does not use.
    let params = lab.params();
    let centre = params.param("centre", &[1, WEIGHTS], Init::ZEROS);
    lab.fit("prior", lab.pick(600, 200), &mut Adam::new(&params), 0.03, |_| {
        Ok(loss(&centre.value(), &prior_x, &prior_y) + centre.value().square().sum_all() * 1e-4)
    })?;
    let loc = centre.value().detach().reshape(&[WEIGHTS]);
    let scale = Tensor::full(lab.device(), 0.3, &[WEIGHTS]);
    let prior = Normal::new(&loc, &scale);

    // The posterior minimises McAllester's bound of the cross entropy.
    let params = lab.params();
    let (mean, log_scale) = (
        params.param("mean", &[WEIGHTS], Init::ZEROS),
        params.param("log_scale", &[WEIGHTS], Init::Constant(0.3f32.ln())),
    );
    mean.set(&loc);
    let posterior = || Normal::new(&mean.value(), &log_scale.value().exp());
    let divergence = |of: &Normal| kl_divergence(of, &prior).sum_all();
    let generator = params.generator().clone();
    let steps = lab.pick(1500, 300);
    let rest = (2.0 * (BOUND as f32).sqrt() / DELTA as f32).ln();
    lab.fit("posterior", steps, &mut Adam::new(&params), Cosine::new(0.02, 0.0, steps), |_| {
        let q = posterior();
        let complexity = ((divergence(&q) + rest) / (2.0 * BOUND as f32)).sqrt();
        Ok(loss(&q.rsample(&generator, &[2]), &seen, &y) + complexity)
    })?;

    // The error on the examples is itself estimated, by many classifiers (Langford and Caruana 2001).
    let q = posterior();
    let samples = lab.pick(1000, 200);
    let weights = q.rsample(&generator, &[samples]).detach();
    let errors = |x: &Tensor, y: &Tensor| -> Result<f64> {
        let right = logits(&weights, x).argmax(2, false).eq(y.unsqueeze(0)).to(DType::F32);
        Ok(1.0 - f64::from(right.mean_all().item()?))
    };
    let train = errors(&seen, &y)?;
    let error = kl_inverse(train, (2.0 / ESTIMATE_DELTA).ln() / samples as f64);
    let kl = f64::from(divergence(&q).item()?);
    let bound = PacBayes { error, kl, count: BOUND, delta: DELTA };
    Ok([train, bound.seeger(), errors(&test, &test_y)?, kl])
}
