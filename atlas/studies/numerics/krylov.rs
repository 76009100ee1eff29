//! Eigenvalues and linear systems: eigenvalues of matrices that are not symmetric, ranks, and what a few products tell about a large matrix, by
//! Arnoldi, Lanczos and GMRES: `cargo run --release -p wgrad-atlas -- krylov`.

use atlas::prelude::*;
use methods::curvature::hessian;
use methods::numerics::{Krylov, gmres};

pub const STUDY: Study = Study {
    name: "krylov",
    about: "Eigenvalues on the complex plane, and what few products with a matrix tell about its largest ones and its inverse.",
    on_gpu: false,
    data: None,
    run,
};

const SIZE: usize = 200;

fn run(lab: &mut Lab) -> Result<()> {
    known(lab)?;
    let circle = circle(lab)?;
    let systems = systems(lab);
    let curvature = curvature(lab)?;
    let figure =
        plot::Figure::new("Krylov subspaces").columns(3).panel(circle).panel(systems).panel(curvature);
    lab.picture("krylov", |path| figure.save(path))
}

/// Polynomials' roots as eigenvalues, and ranks.
fn known(lab: &mut Lab) -> Result<()> {
    // x^4 - 1 by its companion matrix: the fourth roots of 1.
    let companion = [0.0f32, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0];
    let roots = linalg::eigvals(&Tensor::from_slice(lab.device(), &companion, &[4, 4])?)?;
    let nearest =
        |(re, im): (f64, f64)| roots.iter().map(|r| (r.0 - re).hypot(r.1 - im)).fold(f64::MAX, f64::min);
    let off = [(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)].into_iter().map(nearest).fold(0.0, f64::max);
    lab.expect("roots of x^4 = 1 apart from the eigenvalues", off, ..1e-9);
    let generator = Generator::new(lab.seed());
    let tall = generator.normal(lab.device(), &[30, 7]);
    let flat = generator.normal(lab.device(), &[7, 20]);
    lab.expect(
        "rank of a product through 7 columns",
        linalg::matrix_rank(&tall.matmul(&flat))? as f64,
        7.0..=7.0,
    );
    let noise = generator.normal(lab.device(), &[30, 20]) * 1e-3;
    lab.expect(
        "rank of it with noise",
        linalg::matrix_rank(&(tall.matmul(&flat) + noise))? as f64,
        20.0..=20.0,
    );
    Ok(())
}

/// Independent normal entries of variance `1 / n`: eigenvalues are uniform on the unit disc (Ginibre 1965). Arnoldi's finds the outermost first.
fn circle(lab: &mut Lab) -> Result<plot::Panel> {
    let generator = Generator::new(lab.seed() + 1);
    // One eigenvalue near 1.5 is added.
    let bump = Tensor::full(lab.device(), 1.5 / SIZE as f32, &[SIZE, SIZE]);
    let a = generator.normal(lab.device(), &[SIZE, SIZE]) / (SIZE as f32).sqrt() + bump;
    let values = linalg::eigvals(&a)?;
    let trace = f64::from(a.diagonal(0, 0, 1).sum_all().item()?);
    lab.expect(
        "sum of the eigenvalues less the trace",
        values.iter().map(|v| v.0).sum::<f64>() - trace,
        -1e-3..1e-3,
    );
    let within = |radius: f64| values.iter().filter(|v| v.0.hypot(v.1) < radius).count() as f64 / SIZE as f64;
    lab.expect("share of eigenvalues within 0.5", within(0.5), 0.18..0.32);
    lab.expect("share of eigenvalues within 1.1", within(1.1), 0.985..0.996);
    let rows: Vec<f64> = a.to_vec::<f32>()?.into_iter().map(f64::from).collect();
    let product =
        |v: &[f64]| rows.chunks(SIZE).map(|row| row.iter().zip(v).map(|(a, v)| a * v).sum()).collect();
    let mut draws = lab.draws(0);
    let start: Vec<f64> = (0..SIZE).map(|_| draws.normal()).collect();
    let found = Krylov::new(product, &start, 40);
    let ritz: Vec<f32> = found.projected.iter().flatten().map(|&v| v as f32).collect();
    let ritz = linalg::eigvals(&Tensor::from_slice(lab.device(), &ritz, &[40, 40])?)?;
    let largest = |of: &[(f64, f64)]| of.iter().copied().max_by(|a, b| a.0.total_cmp(&b.0)).expect("values");
    lab.expect(
        "Arnoldi: largest eigenvalue by 40 products, apart from that of all 200",
        (largest(&ritz).0 - largest(&values).0).abs(),
        ..1e-4,
    );
    let turn = |i: i32| f64::from(i) * std::f64::consts::TAU / 100.0;
    let unit = (0..=100).map(|i| (turn(i).cos(), turn(i).sin()));
    Ok(plot::Panel::new("A random matrix", "real", "imaginary")
        .layer(plot::Points::new("eigenvalues", values).radius(2.5))
        .layer(plot::Points::new("Arnoldi's", ritz).radius(2.0))
        .with(plot::Series::new("unit circle", unit).exact())
        .equal())
}

/// GMRES: as many products as there are distinct eigenvalues, and the flow of heat with a wind.
fn systems(lab: &mut Lab) -> plot::Panel {
    let mut draws = lab.draws(1);
    let b: Vec<f64> = (0..SIZE).map(|_| draws.normal()).collect();
    let five =
        |v: &[f64]| v.iter().enumerate().map(|(i, v)| v * (1.0 + (i % 5) as f64)).collect::<Vec<f64>>();
    let (_, residuals) = gmres(five, &b, 10, 1e-12);
    lab.expect("five eigenvalues: products", (residuals.len() - 1) as f64, 5.0..=5.0);
    lab.expect("five eigenvalues: residual after four, relative", residuals[4] / residuals[0], 1e-3..);
    // -u'' + 20 u' on 200 points of a line.
    let step = 1.0 / (SIZE + 1) as f64;
    let wind = 10.0 * step;
    let heat = |v: &[f64]| {
        let at = |i: usize| if (1..=SIZE).contains(&i) { v[i - 1] } else { 0.0 };
        (1..=SIZE)
            .map(|i| 2.0 * at(i) - (1.0 + wind) * at(i - 1) - (1.0 - wind) * at(i + 1))
            .collect::<Vec<f64>>()
    };
    let (x, residuals) = gmres(heat, &b, SIZE, 1e-10);
    let left: f64 = heat(&x).iter().zip(&b).map(|(ax, b)| (ax - b).powi(2)).sum::<f64>().sqrt();
    let size = residuals[0];
    lab.expect("heat and wind: residual of the solution, relative", left / size, ..1e-9);
    let rise = residuals.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::MIN, f64::max);
    lab.expect("heat and wind: largest rise of the residual", rise, ..=1e-12);
    let line = residuals.iter().enumerate().map(|(i, r)| (i as f64, r / size));
    plot::Panel::new("GMRES: heat with a wind", "products", "relative residual")
        .with(plot::Series::new("", line.filter(|p| p.1 > 1e-13)).exact())
        .log_y()
}

/// The curvature of a network's loss along the directions in which it is largest, by Hessian-vector products, against the whole Hessian.
fn curvature(lab: &mut Lab) -> Result<plot::Panel> {
    const WEIGHTS: usize = 4 * 8 + 8 * 3;
    let (x, y) = atlas::Table::iris().standardized().to_device(lab.device())?;
    let weights = (Generator::new(lab.seed()).normal(lab.device(), &[WEIGHTS]) * 0.5).detach().variable();
    let first = weights.narrow(0, 0, 32).reshape(&[4, 8]);
    let second = weights.narrow(0, 32, 24).reshape(&[8, 3]);
    let loss = x.matmul(&first).tanh().matmul(&second).cross_entropy(&y);
    let exact = linalg::eigh(&hessian(&loss, &weights))?.0.to_vec::<f32>()?;
    let slope = grad(&loss, &[&weights]).remove(0).context("a gradient")?;
    let product = |v: &[f64]| -> Vec<f64> {
        let v: Vec<f32> = v.iter().map(|&v| v as f32).collect();
        let v = Tensor::constant(slope.device(), &v, &[WEIGHTS]);
        let along = grad(&(&slope * v).sum_all(), &[&weights]).remove(0).expect("second derivatives");
        along.to_vec::<f32>().expect("memory").into_iter().map(f64::from).collect()
    };
    let mut draws = lab.draws(2);
    let start: Vec<f64> = (0..WEIGHTS).map(|_| draws.normal()).collect();
    let found = Krylov::new(product, &start, 20);
    let ritz = |steps: usize| -> Result<Vec<f32>> {
        let entries: Vec<f32> =
            found.projected[..steps].iter().flat_map(|row| row[..steps].iter().map(|&v| v as f32)).collect();
        Ok(linalg::eigh(&Tensor::from_slice(lab.device(), &entries, &[steps, steps])?)?.0.to_vec::<f32>()?)
    };
    let mut lines = [Vec::new(), Vec::new()];
    for steps in 1..=20 {
        let values = ritz(steps)?;
        lines[0].push((steps as f64, f64::from(values[steps - 1])));
        lines[1].push((steps as f64, f64::from(values[0])));
    }
    let ends = [exact[WEIGHTS - 1], exact[0]].map(f64::from);
    let spread = ends[0] - ends[1];
    for (name, (line, end)) in ["largest", "least"].into_iter().zip(lines.iter().zip(ends)) {
        lab.expect(
            format!("Lanczos: {name} curvature apart from the Hessian's, of the range"),
            (line[19].1 - end).abs() / spread,
            ..1e-3,
        );
    }
    // What lies off the tridiagonal is rounding.
    let off = (0..20)
        .flat_map(|i| (i + 2..20).map(move |j| (i, j)))
        .map(|(i, j)| found.projected[i][j].abs())
        .fold(0.0, f64::max);
    lab.expect("Lanczos: largest entry off the three diagonals, of the range", off / spread, ..1e-4);
    let mut panel = plot::Panel::new("Curvature of a network's loss", "products", "eigenvalue");
    for ((name, line), end) in ["largest", "least"].into_iter().zip(lines).zip(ends) {
        panel = panel
            .with(plot::Series::new(name, line))
            .with(plot::Series::new("Hessian", [(1.0, end), (20.0, end)]).exact());
    }
    Ok(panel)
}
