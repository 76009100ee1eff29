//! Linear, ridge, lasso, logistic and softmax regression by gradient descent, each checked against the conditions of its minimum: the
//! normal equations, the conditions of Karush, Kuhn and Tucker, or Newton's method: `cargo run --release -p wgrad-atlas -- linear_models`.

use atlas::prelude::*;
use wgrad::models::Constraint;

pub const STUDY: Study = Study {
    name: "linear_models",
    about: "Linear, ridge, lasso, logistic and softmax regression by gradient descent reach their exact minima.",
    on_gpu: true,
    data: None,
    run,
};

const ROWS: usize = 200;
/// The weights that generate the data; most features are irrelevant.
const TRUE: [f32; 8] = [1.5, -1.0, 0.7, 0.0, 0.0, 0.0, 0.0, 0.0];

/// `[ROWS, 8]` normal features with correlated neighbours, and their product with the true weights, `[ROWS, 1]`.
fn features(lab: &Lab) -> Result<[Tensor; 2]> {
    let mut draws = lab.draws(0);
    let mut values = Vec::new();
    for _ in 0..ROWS {
        let mut last = draws.normal();
        for _ in TRUE {
            last = 0.5 * last + 0.75f64.sqrt() * draws.normal();
            values.push(last as f32);
        }
    }
    let x = Tensor::from_slice(lab.device(), &values, &[ROWS, TRUE.len()])?;
    let signal = x.matmul(&Tensor::from_slice(lab.device(), &TRUE, &[TRUE.len(), 1])?);
    Ok([x, signal])
}

/// The largest difference of two tensors.
fn apart(a: &Tensor, b: &Tensor) -> Result<f32> {
    Ok((a - b).abs().amax(&[0, 1], false).item()?)
}

/// Weights of `shape` that minimise `loss`, by gradient descent with momentum from 0.
fn minimum(
    lab: &Lab,
    what: &str,
    shape: &[usize],
    constraint: Option<Constraint>,
    loss: impl Fn(&Tensor) -> Tensor,
) -> Result<Tensor> {
    let params = lab.params();
    let w = params.param("w", shape, Init::ZEROS);
    let mut opt = Sgd::new(&params);
    opt = match constraint {
        Some(constraint) => opt.constrain("w", constraint),
        None => opt.momentum(0.9),
    };
    lab.fit(what, lab.pick(1500, 500), &mut opt, 0.15, |_| Ok(loss(&w.value())))?;
    Ok(w.value().detach())
}

/// Linear and ridge regression: `(X'X / n + strength) w = X'y / n`.
fn squares(lab: &mut Lab, x: &Tensor, y: &Tensor) -> Result<()> {
    let (gram, xy) = (x.t().matmul(x) / ROWS as f32, x.t().matmul(y) / ROWS as f32);
    for (name, strength) in [("linear", 0.0), ("ridge", 0.5)] {
        let found = minimum(lab, name, &[TRUE.len(), 1], None, |w| {
            x.matmul(w).mse_loss(y, Reduction::Mean) / 2.0 + w.square().sum_all() * (strength / 2.0)
        })?;
        let eye = Tensor::ones(lab.device(), &[TRUE.len()]).diag_embed(0);
        let exact = linalg::solve(&(&gram + eye * strength), &xy)?;
        lab.expect_same(format!("{name}: from the normal equations"), apart(&found, &exact)?, ..1e-4, 1e-4);
    }
    Ok(())
}

/// The lasso at many strengths at once, by proximal gradient descent (ISTA): `[8, strengths]`.
fn lasso(lab: &mut Lab, x: &Tensor, y: &Tensor) -> Result<()> {
    const STRENGTH: f32 = 0.3;
    let slope = |w: &Tensor| x.t().matmul(&(x.matmul(w) - y)) / ROWS as f32;
    let loss = |w: &Tensor| x.matmul(w).mse_loss(y, Reduction::Mean) / 2.0;
    let w = minimum(lab, "lasso", &[TRUE.len(), 1], Some(Constraint::L1 { strength: STRENGTH }), loss)?;
    // The gradient is -strength sign(w) where w is not 0, and within +-strength elsewhere.
    let (weights, slopes) = (w.to_vec::<f32>()?, slope(&w).to_vec::<f32>()?);
    let wrong = weights.iter().zip(&slopes).map(|(&w, &g)| match w {
        0.0 => (g.abs() - STRENGTH).max(0.0),
        w => (g + STRENGTH * w.signum()).abs(),
    });
    lab.expect_same("lasso: from its conditions", wrong.fold(0.0, f32::max), ..1e-4, 1e-4);
    let zeros = weights.iter().filter(|&&w| w == 0.0).count();
    lab.expect_same("lasso: weights of exactly 0", zeros as f64, 4.0..=6.0, 0.0);
    // From the largest gradient at 0 on, all weights are 0; just below it, they are not.
    let most = slope(&w.zeros_like()).abs().amax(&[0, 1], false).item()?;
    for (name, factor, expected) in [("above", 1.01, 0.0..=0.0), ("below", 0.95, 1.0..=7.0)] {
        let strength = Constraint::L1 { strength: factor * most };
        let w = minimum(lab, "lasso", &[TRUE.len(), 1], Some(strength), loss)?.to_vec::<f32>()?;
        let kept = w.iter().filter(|&&w| w != 0.0).count();
        lab.expect_same(format!("lasso: weights just {name} the largest slope"), kept as f64, expected, 0.0);
    }
    paths(lab, x, y, most)
}

/// Weights over the penalty's strength: ridge regression in closed form, and the lasso by iterating all strengths at once.
fn paths(lab: &mut Lab, x: &Tensor, y: &Tensor, most: f32) -> Result<()> {
    const COUNT: usize = 60;
    let strengths: Vec<f32> =
        (0..COUNT).map(|i| most * 10f32.powf(0.1 - 3.0 * i as f32 / COUNT as f32)).collect();
    let by = Tensor::from_slice(lab.device(), &strengths, &[1, COUNT])?;
    let (gram, xy) = (x.t().matmul(x) / ROWS as f32, x.t().matmul(y) / ROWS as f32);
    let mut w = Tensor::zeros(lab.device(), &[TRUE.len(), COUNT]);
    for _ in lab.steps("paths", lab.pick(400, 100)) {
        let next = &w - (gram.matmul(&w) - &xy) * 0.3;
        w = next.sign() * (next.abs() - &by * 0.3).relu();
        wgrad::autograd::evaluate(&[&w])?;
    }
    let (values, vectors) = linalg::eigh(&gram)?;
    // V (D + strength)^-1 V' X'y / n
    let ridge = vectors.matmul(&(vectors.t().matmul(&xy) / (values.unsqueeze(1) + &by)));
    let mut figure = plot::Figure::new("Weights as their penalty grows");
    for (name, path) in [("Ridge: all shrink, none is 0", ridge), ("Lasso: one after another is 0", w)] {
        let path = path.to_vec::<f32>()?;
        let mut panel = plot::Panel::new(name, "strength of the penalty", "weight").log_x();
        for (i, weights) in path.chunks(COUNT).enumerate() {
            let points = strengths.iter().zip(weights).map(|(&s, &w)| (s.into(), w.into()));
            panel = panel
                .with(plot::Series::new(format!("{} in truth", TRUE[i]), points.collect::<Vec<_>>()).exact());
        }
        figure = figure.panel(panel);
    }
    lab.picture("linear_models", |path| figure.save(path))
}

/// Logistic regression against Newton's method (iteratively reweighted least squares), and softmax regression with two and with three
/// classes.
fn classes(lab: &mut Lab, x: &Tensor, signal: &Tensor) -> Result<()> {
    let mut draws = lab.draws(1);
    let logits = signal.to_vec::<f32>()?;
    let labels: Vec<f32> =
        logits.iter().map(|l| f32::from(draws.happens(1.0 / (1.0 + (-l).exp())))).collect();
    let y = Tensor::from_slice(lab.device(), &labels, &[ROWS, 1])?;
    let logistic = minimum(lab, "logistic", &[TRUE.len(), 1], None, |w| {
        x.matmul(w).binary_cross_entropy_with_logits(&y, None, None, Reduction::Mean)
    })?;
    let mut newton = logistic.zeros_like();
    for _ in 0..8 {
        let p = x.matmul(&newton).sigmoid();
        let curvature = (x * (&p * (1.0 - &p))).t().matmul(x);
        newton = &newton - linalg::solve(&curvature, &x.t().matmul(&(p - &y)))?;
    }
    lab.expect_same("logistic: from Newton's method", apart(&logistic, &newton)?, ..2e-3, 1e-3);
    let of_classes = |classes: &[i32], count: usize| -> Result<(Tensor, Tensor)> {
        let labels = Tensor::from_slice(lab.device(), classes, &[ROWS])?;
        let w = minimum(lab, "softmax", &[TRUE.len(), count], None, |w| x.matmul(w).cross_entropy(&labels))?;
        Ok((w, labels.one_hot(count).to(DType::F32)))
    };
    let (w, _) = of_classes(&labels.iter().map(|&l| l as i32).collect::<Vec<_>>(), 2)?;
    let difference = w.narrow(1, 1, 1) - w.narrow(1, 0, 1);
    // Three classes, by the noisy signal's size: the probabilities must match the moments of the labels, X'(p - y) = 0.
    let third = |l: &f32| (f64::from(*l) + draws.normal()).clamp(-1.4, 1.4).round() as i32 + 1;
    let (three, y) = of_classes(&logits.iter().map(third).collect::<Vec<_>>(), 3)?;
    let moments = x.t().matmul(&(x.matmul(&three).softmax(1) - y)) / ROWS as f32;
    lab.expect_same("softmax of two: from logistic", apart(&difference, &logistic)?, ..2e-3, 1e-3);
    lab.expect_same("softmax of three: moments", apart(&moments, &moments.zeros_like())?, ..1e-3, 1e-3);
    Ok(())
}

fn run(lab: &mut Lab) -> Result<()> {
    let [x, signal] = features(lab)?;
    let mut draws = lab.draws(2);
    let noise: Vec<f32> = (0..ROWS).map(|_| draws.normal() as f32).collect();
    let y = &signal + Tensor::from_slice(lab.device(), &noise, &[ROWS, 1])?;
    squares(lab, &x, &y)?;
    lasso(lab, &x, &y)?;
    classes(lab, &x, &signal)
}
