//! Minimisation under constraints: the conditions of Karush, Kuhn and Tucker, multipliers as prices, the dual problem of a support vector machine
//! against smartcore's, and the augmented Lagrangian by gradients: `cargo run --release -p wgrad-atlas -- constrained`.

use atlas::{Table, prelude::*};
use methods::numerics::{Optimum, QuadraticProgram};
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::svm::Kernels;
use smartcore::svm::svc::{SVC, SVCParameters};

pub const STUDY: Study = Study {
    name: "constrained",
    about: "What a constraint costs is its multiplier: quadratic programmes, support vectors, and gradients that learn the multipliers.",
    on_gpu: false,
    data: None,
    run,
};

use faer::{Col, Mat};

fn run(lab: &mut Lab) -> Result<()> {
    let prices = prices(lab)?;
    let margin = support_vectors(lab)?;
    let learnt = augmented(lab)?;
    let figure = plot::Figure::new("Constraints").columns(3).panel(prices).panel(learnt).panel(margin);
    lab.picture("constrained", |path| figure.save(path))
}

/// A random strictly convex problem of 12 variables, 3 equalities and 10 inequalities, which a random point satisfies.
fn random(draws: &mut Draws) -> QuadraticProgram {
    let mut normal = |rows, columns| Mat::from_fn(rows, columns, |_, _| draws.normal());
    let root = normal(12, 12);
    let (linear, a, g) = (normal(12, 1), normal(3, 12), normal(10, 12));
    let point = normal(12, 1).col(0).to_owned();
    QuadraticProgram {
        hessian: root.transpose() * &root + Mat::<f64>::identity(12, 12),
        linear: Col::from_fn(12, |i| 20.0 * linear[(i, 0)]),
        equal: (a.clone(), &a * &point),
        at_most: (g.clone(), &g * &point + Col::from_fn(10, |_| 0.5)),
    }
}

fn prices(lab: &mut Lab) -> Result<plot::Panel> {
    let (mut draws, mut missed, mut priced, mut active) = (lab.draws(0), 0.0f64, 0.0f64, 0.0);
    for _ in 0..lab.pick(200, 40) {
        let problem = random(&mut draws);
        let found = problem.solve();
        missed = missed.max(problem.missed(&found));
        active += found.at_most.iter().filter(|z| **z > 1e-6).count() as f64;
        // A multiplier is what the minimum falls by when its constraint is loosened.
        let at = |moved: f64| {
            let mut other = problem.clone();
            other.equal.1[1] += moved;
            other.at_most.1[0] += moved;
            other.value(&other.solve().x)
        };
        let fall = (at(-1e-5) - at(1e-5)) / 2e-5;
        priced = priced.max((fall - found.equal[1] - found.at_most[0]).abs());
    }
    lab.expect("random programmes: conditions missed by at most", missed, ..1e-8);
    lab.expect("random programmes: multipliers apart from what constraints cost", priced, ..1e-3);
    lab.expect(
        "random programmes: active inequalities in the mean",
        active / f64::from(lab.pick(200u32, 40)),
        0.5..9.5,
    );
    // The nearest point of the simplex is a shift, cut off at 0 (Held, Wolfe and Crowder 1974).
    let of = [0.9, 0.5, 0.3, -0.6];
    let nearest = QuadraticProgram {
        hessian: Mat::identity(4, 4),
        linear: Col::from_fn(4, |i| -of[i]),
        equal: (Mat::from_fn(1, 4, |_, _| 1.0), Col::from_fn(1, |_| 1.0)),
        at_most: (Mat::from_fn(4, 4, |i, j| if i == j { -1.0 } else { 0.0 }), Col::zeros(4)),
    };
    let found = nearest.solve();
    let shift = (0.9 + 0.5 + 0.3 - 1.0) / 3.0;
    let off = (0..4).map(|i| (found.x[i] - (of[i] - shift).max(0.0)).abs()).fold(0.0, f64::max);
    lab.expect("nearest point of the simplex apart from the closed form", off, ..1e-8);

    // One constraint moved: the minimum's slope is the multiplier.
    let problem = random(&mut draws);
    let (mut values, mut slopes) = (Vec::new(), Vec::new());
    for i in 0..=20 {
        let moved = -0.4 + 0.08 * f64::from(i);
        let mut other = problem.clone();
        other.equal.1[2] += moved;
        let found = other.solve();
        values.push((moved, other.value(&found.x)));
        slopes.push((moved, -found.equal[2]));
    }
    Ok(plot::Panel::new("An equality moved", "by", "")
        .with(plot::Series::new("minimum", values))
        .with(plot::Series::new("less its multiplier", slopes)))
}

/// The dual problem of a support vector machine with a radial kernel on two kinds of iris.
fn support_vectors(lab: &mut Lab) -> Result<plot::Panel> {
    const C: f64 = 1.0;
    const GAMMA: f64 = 1.0;
    let table = Table::iris().standardized().subset(&(50..150).collect::<Vec<_>>());
    let rows: Vec<Vec<f64>> = table.rows.iter().map(|row| row[2..].to_vec()).collect();
    let signs: Vec<f64> = table.classes.iter().map(|&class| if class == 1 { 1.0 } else { -1.0 }).collect();
    let n = rows.len();
    let kernel =
        |a: &[f64], b: &[f64]| (-GAMMA * a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>()).exp();
    let dual = QuadraticProgram {
        hessian: Mat::from_fn(n, n, |i, j| signs[i] * signs[j] * kernel(&rows[i], &rows[j])),
        linear: Col::from_fn(n, |_| -1.0),
        equal: (Mat::from_fn(1, n, |_, j| signs[j]), Col::zeros(1)),
        at_most: (
            Mat::from_fn(2 * n, n, |i, j| {
                if i % n != j {
                    0.0
                } else if i < n {
                    -1.0
                } else {
                    1.0
                }
            }),
            Col::from_fn(2 * n, |i| if i < n { 0.0 } else { C }),
        ),
    };
    let found: Optimum = dual.solve();
    lab.expect("support vectors: conditions missed by at most", dual.missed(&found), ..1e-7);
    // The multiplier of the equality is the threshold.
    let score = |x: &[f64]| -> f64 {
        (0..n).map(|i| found.x[i] * signs[i] * kernel(&rows[i], x)).sum::<f64>() + found.equal[0]
    };
    let (x, y) = (DenseMatrix::from_2d_vec(&rows)?, signs.iter().map(|&s| s as i32).collect::<Vec<i32>>());
    let options =
        SVCParameters::default().with_c(C).with_tol(1e-6).with_epoch(50).with_seed(Some(lab.seed()));
    let options = options.with_kernel(Kernels::rbf().with_gamma(GAMMA));
    let theirs = SVC::fit(&x, &y, &options)?.decision_function(&x)?;
    let apart = rows.iter().zip(&theirs).map(|(row, their)| (score(row) - their).abs()).fold(0.0, f64::max);
    lab.expect("support vectors: decisions apart from smartcore's", apart, ..0.05);
    // Strong duality: the primal objective at these weights is the dual's value.
    let hinge: f64 = rows.iter().zip(&signs).map(|(row, s)| (1.0 - s * score(row)).max(0.0)).sum();
    let norm = dual.value(&found.x) + found.x.iter().sum::<f64>();
    lab.expect(
        "support vectors: primal over dual objective",
        (norm + C * hinge) / -dual.value(&found.x),
        0.99999..1.00001,
    );
    let field =
        plot::Field::sample((-1.2, 2.0), (-1.2, 2.0), 60, |a, b| score(&[a, b])).range(-2.0, 2.0).contours(5);
    let of = |sign: f64| {
        rows.iter()
            .zip(&signs)
            .filter(move |(_, s)| **s == sign)
            .map(|(row, _)| (row[0], row[1]))
            .collect::<Vec<_>>()
    };
    Ok(plot::Panel::new("Iris: the dual's solution", "petal length", "petal width")
        .layer(field)
        .layer(plot::Points::new("versicolor", of(1.0)))
        .layer(plot::Points::new("virginica", of(-1.0))))
}

/// The augmented Lagrangian (Hestenes 1969; Powell 1969): gradient descent in `x`, and multipliers that add up what is missed. The least squares of
/// a probability vector against a target, under two moments.
fn augmented(lab: &mut Lab) -> Result<plot::Panel> {
    let problem = QuadraticProgram {
        hessian: Mat::from_fn(6, 6, |i, j| if i == j { 1.0 + i as f64 } else { 0.0 }),
        linear: Col::from_fn(6, |i| -(1.0 + i as f64) * 0.3 * (i as f64).sin()),
        equal: (
            Mat::from_fn(2, 6, |i, j| if i == 0 { 1.0 } else { j as f64 / 5.0 }),
            Col::from_fn(2, |i| [1.0, 0.7][i]),
        ),
        at_most: (Mat::from_fn(6, 6, |i, j| if i == j { -1.0 } else { 0.0 }), Col::zeros(6)),
    };
    let exact = problem.solve();
    let matrix = |m: &Mat<f64>| {
        let values: Vec<f32> =
            (0..m.nrows() * m.ncols()).map(|k| m[(k / m.ncols(), k % m.ncols())] as f32).collect();
        Tensor::from_slice(lab.device(), &values, &[m.nrows(), m.ncols()])
    };
    let column = |c: &Col<f64>| {
        Tensor::from_slice(lab.device(), &c.iter().map(|&v| v as f32).collect::<Vec<_>>(), &[c.nrows(), 1])
    };
    let (h, c) = (matrix(&problem.hessian)?, column(&problem.linear)?);
    let (a, b) = (matrix(&problem.equal.0)?, column(&problem.equal.1)?);
    let params = lab.params();
    let x = params.param("x", &[6, 1], Init::Constant(0.1));
    let (mut y, mut z) = (Tensor::zeros(lab.device(), &[2, 1]), Tensor::zeros(lab.device(), &[6, 1]));
    const WEIGHT: f32 = 20.0;
    let mut opt = Sgd::new(&params).momentum(0.8);
    let mut lines = [Vec::new(), Vec::new()];
    for round in 0..lab.pick(60, 40) {
        lab.fit("augmented Lagrangian", 60, &mut opt, 0.01, |_| {
            let x = x.value();
            let value = (&x * h.matmul(&x)).sum_all() * 0.5 + (&c * &x).sum_all();
            let equal = (a.matmul(&x) - &b + &y / WEIGHT).square().sum_all();
            let at_most = (&z / WEIGHT - &x).relu().square().sum_all();
            Ok(value + (equal + at_most) * (WEIGHT / 2.0))
        })?;
        let now = x.value().detach();
        y = (y + (a.matmul(&now) - &b) * WEIGHT).detach();
        z = (z - &now * WEIGHT).relu().detach();
        let found = now.to_vec::<f32>()?;
        let off = (0..6).map(|i| (f64::from(found[i]) - exact.x[i]).abs()).fold(0.0, f64::max);
        lines[0].push((f64::from(round), off.max(1e-7)));
        let multipliers = y.to_vec::<f32>()?;
        let off = (0..2).map(|i| (f64::from(multipliers[i]) - exact.equal[i]).abs()).fold(0.0, f64::max);
        lines[1].push((f64::from(round), off.max(1e-7)));
    }
    let [point, multipliers] = lines;
    lab.expect("augmented Lagrangian: point apart from the exact one", point[point.len() - 1].1, ..1e-3);
    lab.expect("augmented Lagrangian: multipliers apart", multipliers[multipliers.len() - 1].1, ..1e-2);
    let least = exact.x.iter().copied().fold(f64::MAX, f64::min);
    lab.expect("least of the exact numbers, at its bound 0", least.abs(), ..1e-6);
    Ok(plot::Panel::new("The augmented Lagrangian", "rounds", "apart from the exact solution")
        .with(plot::Series::new("point", point))
        .with(plot::Series::new("multipliers", multipliers))
        .log_y())
}
