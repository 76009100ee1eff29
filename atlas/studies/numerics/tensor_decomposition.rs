//! The canonical polyadic decomposition by alternating least squares (Carroll and Chang 1970; Harshman 1970): unique factors found again, and mean
//! digits against the bound by singular values: `cargo run --release -p wgrad-atlas -- tensor_decomposition`.

use atlas::{Table, prelude::*};
use methods::numerics::CpDecomposition;

pub const STUDY: Study = Study {
    name: "tensor_decomposition",
    about: "A tensor as a sum of few outer products, whose factors, unlike a matrix's, are its own.",
    on_gpu: false,
    data: None,
    run,
};

/// The best of some starts after `sweeps`, and its relative error by sweep.
fn best(
    lab: &Lab,
    of: &Tensor,
    rank: usize,
    starts: u64,
    sweeps: usize,
) -> Result<(CpDecomposition, Vec<f64>)> {
    let size = f64::from(of.square().sum_all().item()?).sqrt();
    let mut found: Option<(CpDecomposition, Vec<f64>)> = None;
    for start in 0..starts {
        let mut cp = CpDecomposition::random(of, rank, &Generator::new(100 * lab.seed() + start));
        let mut errors = Vec::new();
        for _ in 0..sweeps {
            cp.sweep(of, linalg::pinv)?;
            errors.push(f64::from((cp.tensor() - of).square().sum_all().item()?).sqrt() / size);
        }
        if found.as_ref().is_none_or(|(_, of)| errors[sweeps - 1] < of[sweeps - 1]) {
            found = Some((cp, errors));
        }
    }
    found.context("a start")
}

/// The least relative error of matrices of a rank: singular values beyond it (Eckart and Young 1936), for the worst of the three ways to lay a
/// tensor out as a matrix. No tensor of that rank is nearer.
fn bound(of: &Tensor, rank: usize) -> Result<f64> {
    let mut worst = 0.0f64;
    for dim in 0..3 {
        let flat = of.movedim(dim, 0).flatten(1, -1);
        let squares: Vec<f64> =
            linalg::svd(&flat)?.1.to_vec::<f32>()?.into_iter().map(|s| f64::from(s).powi(2)).collect();
        worst = worst.max(squares.iter().skip(rank).sum::<f64>() / squares.iter().sum::<f64>());
    }
    Ok(worst.sqrt())
}

fn run(lab: &mut Lab) -> Result<()> {
    let known = known(lab)?;
    let [errors, pictures] = digits(lab)?;
    let figure =
        plot::Figure::new("Sums of outer products").columns(3).panel(known).panel(errors).panel(pictures);
    lab.picture("tensor_decomposition", |path| figure.save(path))
}

fn known(lab: &mut Lab) -> Result<plot::Panel> {
    let generator = Generator::new(lab.seed());
    let truth = [8, 9, 10].map(|size| generator.normal(lab.device(), &[size, 3]));
    let of = einsum("ir,jr,kr->ijk", &[&truth[0], &truth[1], &truth[2]]).detach();
    let sweeps = lab.pick(200, 60);
    let (cp, errors) = best(lab, &of, 3, 5, sweeps)?;
    lab.expect("rank 3: relative error", errors[sweeps - 1], ..1e-4);
    let rise = errors.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::MIN, f64::max);
    lab.expect("rank 3: largest rise of the error in a sweep", rise, ..1e-5);
    // By Kruskal's theorem (1977) the factors are those, up to order and lengths.
    let mut least = 1.0f64;
    for (own, exact) in cp.factors.iter().zip(&truth) {
        let cosines = own.normalize(2.0, 0, 1e-9).t().matmul(&exact.normalize(2.0, 0, 1e-9)).abs();
        let nearest = cosines.amax(&[0], false).amin(&[0], false);
        least = least.min(nearest.item()?.into());
    }
    lab.expect("rank 3: least cosine of a factor with the true one", least, 0.9999..);
    let (_, fewer) = best(lab, &of, 2, 5, sweeps)?;
    lab.expect("rank 2 of 3: relative error over the bound", fewer[sweeps - 1] / bound(&of, 2)?, 1.0..2.0);
    let line =
        |errors: &[f64]| errors.iter().enumerate().map(|(i, &e)| ((i + 1) as f64, e)).collect::<Vec<_>>();
    Ok(plot::Panel::new("A tensor of rank 3", "sweeps", "relative error")
        .with(plot::Series::new("three products", line(&errors)).exact())
        .with(plot::Series::new("two products", line(&fewer)).exact())
        .log_y())
}

/// Mean digits, `[10, 8, 8]`, less the mean of all.
fn digits(lab: &mut Lab) -> Result<[plot::Panel; 2]> {
    let (x, y) = Table::digits()?.to_device(lab.device())?;
    let means = x.segment_mean(&y, 10);
    let of = (&means - means.mean(&[0], true)).reshape(&[10, 8, 8]).detach();
    let (mut found, mut bounds) = (Vec::new(), Vec::new());
    let mut shown = Vec::new();
    for rank in [1, 2, 4, 8, 16, 32] {
        let (cp, errors) = best(lab, &of, rank, 3, lab.pick(300, 60))?;
        found.push((rank as f64, errors[errors.len() - 1]));
        bounds.push((rank as f64, bound(&of, rank)?.max(1e-4)));
        if rank == 8 {
            shown = (cp.tensor().select(0, 3) + means.mean(&[0], false).reshape(&[8, 8])).to_vec::<f32>()?;
        }
    }
    let over = found.iter().zip(&bounds).map(|(f, b)| f.1 - b.1).fold(f64::MAX, f64::min);
    lab.expect("digits: error over the bound, least", over, -1e-4..);
    lab.expect("digits: error of 1 product over the bound", found[0].1 / bounds[0].1, 1.0..1.1);
    let fall = found.windows(2).map(|pair| pair[1].1 / pair[0].1).fold(0.0, f64::max);
    lab.expect("digits: error over that of half as many products, at most", fall, ..0.9);
    lab.expect("digits: error of 32 products", found[5].1, ..0.1);
    let errors = plot::Panel::new("Mean digits", "products", "relative error")
        .with(plot::Series::new("alternating least squares", found))
        .with(plot::Series::new("bound", bounds))
        .log_x()
        .log_y();
    let field = plot::Field::matrix(8, 8, shown.into_iter().map(f64::from).collect());
    Ok([errors, plot::Panel::new("The mean three, by 8 products", "", "").layer(field).y_down().equal()])
}
