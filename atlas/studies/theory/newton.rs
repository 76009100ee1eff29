//! First and second order: the convergence of gradient descent, momentum, L-BFGS, Newton's method and the natural gradient, against theory
//! (Nocedal and Wright 2006; Polyak 1964; Amari 1998): `cargo run --release -p wgrad-atlas -- newton`.

use atlas::prelude::*;
use methods::curvature::{hessian, jacobian};

pub const STUDY: Study = Study {
    name: "newton",
    about: "Condition number against rate: (k-1)/(k+1) for gradient descent, its square root's for momentum, one step for Newton.",
    on_gpu: true,
    data: None,
    run,
};

const SIZE: usize = 8;

/// `x^T A x / 2` in rotated coordinates, with eigenvalues from 1 to the condition number.
fn bowl(lab: &Lab, condition: f32) -> Result<(Params, Tensor)> {
    let params = lab.params();
    let turn = lab.params().param("turn", &[SIZE, SIZE], Init::Orthogonal { gain: 1.0 }).value().detach();
    let values: Vec<f32> = (0..SIZE).map(|i| condition.powf(i as f32 / (SIZE - 1) as f32)).collect();
    let values = Tensor::from_slice(lab.device(), &values, &[SIZE])?;
    // A start with equal components along all axes, so that all eigenvalues matter.
    params.param("x", &[SIZE], Init::ZEROS).set(&turn.t().matmul(&Tensor::ones(lab.device(), &[SIZE])));
    let a = turn.t().matmul(&(values.unsqueeze(1) * &turn));
    Ok((params, a))
}

fn value(a: &Tensor, x: &Tensor) -> Tensor {
    x.dot(&a.matmul(x)) * 0.5
}

/// The factor by which a method's distance to the minimum shrinks, and the distances.
fn descend(lab: &Lab, condition: f32, momentum: bool) -> Result<(f64, Vec<f64>)> {
    let (params, a) = bowl(lab, condition)?;
    let x = params.get("x").context("it was made")?;
    let root = condition.sqrt();
    let (lr, beta) = match momentum {
        false => (2.0 / (condition + 1.0), 0.0),
        true => ((2.0 / (root + 1.0)).powi(2), ((root - 1.0) / (root + 1.0)).powi(2)),
    };
    let steps = lab.pick(400, 200);
    let mut distances = Vec::new();
    let mut opt = Sgd::new(&params).momentum(beta);
    lab.fit("descent", steps, &mut opt, lr, |_| {
        distances.push(x.value().square().sum_all());
        Ok(value(&a, &x.value()))
    })?;
    let distances = stack(&distances.iter().collect::<Vec<_>>(), 0).to_vec::<f32>()?;
    let distances: Vec<f64> = distances.iter().map(|&d| f64::from(d).sqrt()).collect();
    // After the initial transient, and before rounding dominates.
    let last = distances.iter().position(|&d| d < 1e-12).unwrap_or(steps) - 1;
    let first = last / 2;
    Ok(((distances[last] / distances[first]).powf(1.0 / (last - first) as f64), distances))
}

fn run(lab: &mut Lab) -> Result<()> {
    let points = |values: &[f64]| values.iter().enumerate().map(|(i, &v)| (i as f64, v)).collect::<Vec<_>>();
    let mut races = plot::Panel::new("A bowl of condition 100", "step", "distance to the minimum").log_y();
    races = races.x_range(0.0, 150.0).y_range(1e-8, 10.0);
    for condition in [10.0f32, 30.0, 100.0] {
        for momentum in [false, true] {
            let (rate, distances) = descend(lab, condition, momentum)?;
            let root = f64::from(if momentum { condition.sqrt() } else { condition });
            let (name, theory) =
                (if momentum { "momentum" } else { "gradient descent" }, (root - 1.0) / (root + 1.0));
            // Compares 1 - rate, because rates near 1 differ little.
            let found = (1.0 - rate) / (1.0 - theory);
            let range = if momentum { 0.75..1.1 } else { 0.97..1.03 };
            lab.expect(format!("{name}, condition {condition}: 1 - rate over theory's"), found, range);
            if condition == 100.0 {
                races = races.with(plot::Series::new(name, points(&distances)).exact());
            }
        }
    }

    // L-BFGS converges in about as many steps as there are dimensions, Newton's method in one.
    let (params, a) = bowl(lab, 100.0)?;
    let x = params.get("x").context("it was made")?;
    let mut opt =
        Lbfgs::new(&params).strong_wolfe().max_iter(1).tolerance_grad(1e-12).tolerance_change(1e-14);
    let mut distances = vec![f64::from(x.value().square().sum_all().item()?).sqrt()];
    for _ in 0..3 * SIZE {
        opt.step(1.0, || value(&a, &x.value()))?;
        distances.push(f64::from(x.value().square().sum_all().item()?).sqrt());
    }
    lab.expect(
        "L-BFGS: steps to a thousandth",
        distances.iter().position(|&d| d < 1e-3 * distances[0]).unwrap_or(99) as f64,
        3.0..=20.0,
    );
    races = races.with(plot::Series::new("L-BFGS", points(&distances)).exact());
    let (params, a) = bowl(lab, 1000.0)?;
    let start = params.get("x").context("it was made")?.value();
    let gradient = value(&a, &start).backward().get(&start).context("a gradient")?.clone();
    let after = &start - linalg::solve(&hessian(&value(&a, &start), &start), &gradient)?;
    let left = (after.square().sum_all() / start.square().sum_all()).sqrt().item()?;
    lab.expect("Newton: distance after one step over before", left, ..1e-4);
    races = races.with(
        plot::Series::new("Newton", [(0.0, distances[0]), (1.0, f64::from(left) * distances[0])]).exact(),
    );

    // Rosenbrock's valley from (-1.2, 1), with its minimum at (1, 1): convergence is quadratic near it.
    let mut at = Tensor::from_slice(lab.device(), &[-1.2f32, 1.0], &[2])?.variable();
    let valley = |x: &Tensor| {
        let (x, y) = (x.select(0, 0), x.select(0, 1));
        (&x * -1.0 + 1.0).square() + (y - x.square()).square() * 100.0
    };
    let mut values = vec![f64::from(valley(&at).item()?)];
    for _ in 0..6 {
        let loss = valley(&at);
        let gradient = grad(&loss, &[&at]).remove(0).context("a gradient")?;
        let curvature = hessian(&loss, &at);
        at = (&at - linalg::solve(&curvature, &gradient)?).variable();
        values.push(f64::from(valley(&at).item()?));
    }
    // Values listed in textbooks.
    for (step, known) in [(0, 24.2), (1, 4.731884), (2, 1411.845), (3, 0.055_965_5)] {
        lab.expect_same(
            format!("Rosenbrock after {step} Newton steps, over the known value"),
            values[step] / known,
            0.999..1.001,
            2e-3,
        );
    }
    lab.expect("Rosenbrock after 6 Newton steps", values[6], ..1e-9);
    let valley = plot::Panel::new("Newton in Rosenbrock's valley", "step", "value").log_y();
    let valley = valley.with(plot::Series::new("", points(&values)));

    natural_gradient(lab)?;
    lab.picture("newton", |path| {
        plot::Figure::new("First and second order").panel(races).panel(valley).save(path)
    })
}

/// Logistic regression, whose Fisher information is its Hessian: the natural gradient is invariant to the scale of the inputs.
fn natural_gradient(lab: &mut Lab) -> Result<()> {
    let generator = Generator::new(lab.seed());
    let x = generator.normal(lab.device(), &[200, 3]);
    let truth = Tensor::from_slice(lab.device(), &[1.0f32, -1.0, 0.5], &[3])?;
    let y = generator.uniform(lab.device(), &[200]).lt(x.matmul(&truth).sigmoid()).to(DType::F32);
    let units = Tensor::from_slice(lab.device(), &[100.0f32, 1.0, 0.03], &[3])?;
    let mut found = Vec::new();
    for scale in [units.ones_like(), units.clone()] {
        let x = &x * &scale;
        let mut w = Tensor::zeros(lab.device(), &[3]).variable();
        for step in 0..6 {
            let logits = x.matmul(&w);
            let loss = logits.binary_cross_entropy_with_logits(&y, None, None, Reduction::Mean);
            let p = logits.sigmoid();
            let slopes = jacobian(&logits.narrow(0, 0, 200), &[&w]);
            let fisher =
                slopes.t().matmul(&((&p * (&p * -1.0 + 1.0)).unsqueeze(1) * &slopes)) * (1.0 / 200.0);
            if step == 1 && found.is_empty() {
                let apart = (&fisher - hessian(&loss, &w)).abs().amax(&[0, 1], false).item()?;
                lab.expect("Fisher information less Hessian", apart, ..1e-6);
            }
            let gradient = grad(&loss, &[&w]).remove(0).context("a gradient")?;
            w = (&w - linalg::solve(&fisher, &gradient)?).variable();
        }
        found.push(x.matmul(&w));
    }
    let apart = (&found[0] - &found[1]).abs().amax(&[0], false).item()?;
    lab.expect("natural gradient: logits in other units", apart, ..1e-3);
    Ok(())
}
