//! Which model, which features: leave-one-out cross-validation in closed form (Allen 1974), filters, forward and backward selection against
//! scikit-learn, and what happens if features are selected before the data is divided (Ambroise and McLachlan 2002):
//! `cargo run --release -p wgrad-atlas -- model_selection`.

use atlas::{Measurements, prelude::*};

pub const STUDY: Study = Study {
    name: "model_selection",
    about: "Leaving out each patient in turn tells how strong a penalty and how many features are best, unless the features have seen the answers.",
    on_gpu: false,
    data: None,
    run,
};

/// Mean squared errors of scikit-learn 1.9.1's `Ridge` when each patient is left out, by strength.
const RIDGE: [(f32, f64); 3] =
    [(1.0, 3000.009759347554), (10.0, 3001.3584809926524), (100.0, 3029.648814872432)];
/// The features in the order of forward selection by that error, with the errors, by NumPy's least squares.
const FORWARD: [(usize, f64); 10] = [
    (2, 3922.988547037691),
    (8, 3247.978920285764),
    (3, 3139.5618042298206),
    (4, 3081.178878361809),
    (1, 3047.7045267378326),
    (5, 2967.8214151708144),
    (9, 2972.3401236177315),
    (7, 2977.9834051421776),
    (6, 2989.0602981133284),
    (0, 3001.7528469994304),
];
/// The rank of each feature by scikit-learn's `RFE(LinearRegression(), n_features_to_select=1)`.
const ELIMINATED: [usize; 10] = [10, 6, 1, 5, 3, 4, 8, 7, 2, 9];
/// F statistics of scikit-learn's `f_regression`.
const F_STATISTICS: [f64; 10] = [
    16.10137401,
    0.81742349,
    230.65376449,
    106.52013086,
    20.71056745,
    13.74607917,
    81.23965868,
    100.06926441,
    207.27119362,
    75.3996832,
];

/// Real patients, and the columns that a model uses.
struct Patients {
    /// `[N, 1 + D]`, the first column all ones.
    x: Tensor,
    /// `[N]`
    y: Tensor,
}

impl Patients {
    fn new(lab: &Lab) -> Result<Patients> {
        let (x, y) = Measurements::diabetes().to_device(lab.device())?;
        let x = cat(&[&Tensor::ones(lab.device(), &[x.shape()[0], 1]), &x], 1).detach();
        Ok(Patients { x, y })
    }

    /// The constant and some features, `[N, 1 + F]`.
    fn columns(&self, features: &[usize]) -> Result<Tensor> {
        let columns: Vec<i32> = std::iter::once(0).chain(features.iter().map(|&f| f as i32 + 1)).collect();
        Ok(self.x.index_select(1, &Tensor::from_slice(self.x.device(), &columns, &[columns.len()])?).detach())
    }

    /// `(X'X + strength)^-1` of some columns, without a penalty on the constant.
    fn inverse(x: &Tensor, strength: f32) -> Result<Tensor> {
        let width = x.shape()[1];
        let penalty: Vec<f32> = (0..width).map(|i| if i == 0 { 0.0 } else { strength }).collect();
        let penalty = Tensor::from_slice(x.device(), &penalty, &[width])?.diag_embed(0);
        Ok(linalg::inv(&(x.t().matmul(x) + penalty))?)
    }

    /// The errors `[N]` at each patient of ridge regressions without it: residuals over one less the leverages.
    fn left_out(&self, features: &[usize], strength: f32) -> Result<Tensor> {
        let x = self.columns(features)?;
        let hat = x.matmul(&Patients::inverse(&x, strength)?);
        let residuals = &self.y - hat.matmul(&x.t().matmul(&self.y.unsqueeze(1))).squeeze(&[1]);
        Ok(residuals / (1.0 - (hat * x).sum(&[1], false)))
    }

    fn error(&self, features: &[usize]) -> Result<f64> {
        Ok(self.left_out(features, 0.0)?.square().mean_all().item()?.into())
    }

    /// The weights of least squares, the constant's first.
    fn weights(&self, features: &[usize]) -> Result<Vec<f32>> {
        let x = self.columns(features)?;
        let product = x.t().matmul(&self.y.unsqueeze(1));
        Ok(Patients::inverse(&x, 0.0)?.matmul(&product).to_vec::<f32>()?)
    }
}

fn run(lab: &mut Lab) -> Result<()> {
    let patients = Patients::new(lab)?;
    leaving_out(lab, &patients)?;
    let selected = selection(lab, &patients)?;
    let biased = selected_too_soon(lab)?;
    let figure = plot::Figure::new("Selection").panel(selected).panel(biased);
    lab.picture("model_selection", |path| figure.save(path))
}

fn leaving_out(lab: &mut Lab, patients: &Patients) -> Result<()> {
    let all: Vec<usize> = (0..10).collect();
    for (strength, expected) in RIDGE {
        let found = f64::from(patients.left_out(&all, strength)?.square().mean_all().item()?);
        lab.expect(
            format!("leaving one out, strength {strength}: error over scikit-learn's"),
            found / expected,
            0.9999..1.0001,
        );
    }
    // The closed form against regressions without each of the first patients.
    let (count, closed) = (patients.y.numel(), patients.left_out(&all, 10.0)?.to_vec::<f32>()?);
    let mut apart = 0.0f64;
    for fold in &data::folds::k_fold(count, count, None)?[..lab.pick(count, 40)] {
        let rows = |of: &[usize]| {
            let rows: Vec<i32> = of.iter().map(|&row| row as i32).collect();
            Tensor::from_slice(lab.device(), &rows, &[rows.len()])
        };
        let (kept, left) = (rows(&fold.train)?, rows(&fold.test)?);
        let (x, y) = (patients.x.index_select(0, &kept), patients.y.index_select(0, &kept));
        let weights = Patients::inverse(&x, 10.0)?.matmul(&x.t().matmul(&y.unsqueeze(1)));
        let answer = patients.x.index_select(0, &left).matmul(&weights).item()?;
        let error = patients.y.index_select(0, &left).item()? - answer;
        apart = apart.max(f64::from((error - closed[fold.test[0]]).abs()));
    }
    lab.expect("errors of regressions without a patient apart from the closed form", apart, ..0.02);
    Ok(())
}

fn selection(lab: &mut Lab, patients: &Patients) -> Result<plot::Panel> {
    // A filter looks at each feature by itself.
    let centred = (&patients.y - patients.y.mean_all()) / patients.y.std(&[0], 0.0, false);
    let correlations = patients.x.t().matmul(&centred.unsqueeze(1)).to_vec::<f32>()?;
    let count = patients.y.numel() as f64;
    let statistic = |r: f64| r * r / (1.0 - r * r) * (count - 2.0);
    let apart = (0..10)
        .map(|f| (statistic(f64::from(correlations[f + 1]) / count) / F_STATISTICS[f] - 1.0).abs())
        .fold(0.0, f64::max);
    lab.expect("F statistics over scikit-learn's, less 1", apart, ..1e-3);

    let (mut chosen, mut errors, mut same) = (Vec::new(), Vec::new(), 0.0);
    for (feature, expected) in FORWARD {
        let mut tried = Vec::new();
        for f in (0..10).filter(|f| !chosen.contains(f)) {
            tried.push((patients.error(&[&chosen[..], &[f]].concat())?, f));
        }
        let (error, best) = tried.into_iter().min_by(|a, b| a.0.total_cmp(&b.0)).context("a feature")?;
        same += f64::from(u8::from(best == feature && (error / expected - 1.0).abs() < 1e-4));
        chosen.push(best);
        errors.push(error);
    }
    lab.expect("forward selection: features chosen as by NumPy, of 10", same, 10.0..=10.0);
    let best = (0..10).min_by(|&a, &b| errors[a].total_cmp(&errors[b])).unwrap_or(0) + 1;
    lab.expect("forward selection: features with the least error", best as f64, 6.0..=6.0);

    let (mut left, mut ranks) = ((0..10).collect::<Vec<usize>>(), [0; 10]);
    while !left.is_empty() {
        let weights = patients.weights(&left)?;
        let least = (0..left.len()).min_by(|&a, &b| weights[a + 1].abs().total_cmp(&weights[b + 1].abs()));
        let least = least.context("a feature")?;
        ranks[left[least]] = left.len();
        left.remove(least);
    }
    let same = ranks.iter().zip(ELIMINATED).filter(|(a, b)| **a == *b).count() as f64;
    lab.expect("backward elimination: ranks as by scikit-learn, of 10", same, 10.0..=10.0);
    let line = |values: &mut dyn Iterator<Item = f64>| {
        values.enumerate().map(|(i, v)| ((i + 1) as f64, v)).collect::<Vec<_>>()
    };
    Ok(plot::Panel::new("Forward selection, 442 patients", "features", "squared error of the one left out")
        .with(plot::Series::new("here", line(&mut errors.into_iter())))
        .layer(plot::Points::new("NumPy", line(&mut FORWARD.iter().map(|f| f.1)))))
}

/// Random labels of 50 rows with 1000 random features, of which the 50 that correlate most are kept and the nearest neighbour answers: features chosen
/// with all labels make it look good.
fn selected_too_soon(lab: &mut Lab) -> Result<plot::Panel> {
    const ROWS: usize = 50;
    const FEATURES: usize = 1000;
    const KEPT: usize = 50;
    let (mut draws, trials) = (lab.draws(0), lab.pick(40, 12));
    let mut errors = [Vec::new(), Vec::new()];
    for _ in 0..trials {
        let rows: Vec<Vec<f64>> =
            (0..ROWS).map(|_| (0..FEATURES).map(|_| draws.normal()).collect()).collect();
        let signs: Vec<f64> = (0..ROWS).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
        let select = |among: &[usize]| {
            let covariance = |f: usize| among.iter().map(|&i| rows[i][f] * signs[i]).sum::<f64>().abs();
            let mut order: Vec<(f64, usize)> = (0..FEATURES).map(|f| (covariance(f), f)).collect();
            order.sort_by(|a, b| b.0.total_cmp(&a.0));
            order[..KEPT].iter().map(|(_, f)| *f).collect::<Vec<_>>()
        };
        let before = select(&(0..ROWS).collect::<Vec<_>>());
        let mut wrong = [0.0; 2];
        for fold in data::folds::k_fold(ROWS, 5, Some(lab.seed()))? {
            for (wrong, features) in wrong.iter_mut().zip([&before, &select(&fold.train)]) {
                let distance = |a: usize, b: usize| {
                    features.iter().map(|&f| (rows[a][f] - rows[b][f]).powi(2)).sum::<f64>()
                };
                for &asked in &fold.test {
                    let nearest = fold
                        .train
                        .iter()
                        .min_by(|&&a, &&b| distance(asked, a).total_cmp(&distance(asked, b)));
                    *wrong +=
                        f64::from(u8::from(nearest.is_none_or(|&n| signs[n] != signs[asked]))) / ROWS as f64;
                }
            }
        }
        errors.iter_mut().zip(wrong).for_each(|(errors, wrong)| errors.push(wrong));
    }
    let means = errors.each_ref().map(|errors| errors.iter().sum::<f64>() / f64::from(trials));
    lab.expect("random labels, features selected before: error", means[0], ..0.25);
    lab.expect("random labels, features selected in each fold: error", means[1], 0.42..0.58);
    Ok(plot::Panel::new("Random labels, features selected", "", "error of the rows left out")
        .x_names(["before", "in each fold"])
        .layer(plot::Bars::new("mean", means))
        .with(plot::Series::new("truth", [(-0.5, 0.5), (1.5, 0.5)]).exact()))
}
