//! Regression of real patients' diabetes (Efron et al. 2004): support vectors, trees, weighted neighbours and a stack of models (Wolpert 1992) by
//! smartcore against scikit-learn, beside a network: `cargo run --release -p wgrad-atlas -- regressors`.

use atlas::{Measurements, prelude::*};
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::linear::linear_regression::LinearRegression;
use smartcore::metrics::distance::Distances;
use smartcore::neighbors::KNNWeightFunction;
use smartcore::neighbors::knn_regressor::{KNNRegressor, KNNRegressorParameters};
use smartcore::svm::Kernels;
use smartcore::svm::svr::{SVR, SVRParameters};
use smartcore::tree::decision_tree_regressor::{DecisionTreeRegressor, DecisionTreeRegressorParameters};
use wgrad::models::Mlp;

pub const STUDY: Study = Study {
    name: "regressors",
    about: "How far diabetes will come: support vectors, trees, neighbours, and a stack of them that is better than each.",
    on_gpu: false,
    data: None,
    run,
};

type Rows = Vec<Vec<f64>>;

/// A way to predict values at other rows.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Model {
    Linear,
    /// Radial kernel with gamma 0.05, C 10, epsilon 10.
    SupportVectors,
    /// Of this depth.
    Tree(u16),
    /// The mean of the ten nearest rows, or the mean weighted by one over the distance.
    Neighbours {
        weighted: bool,
    },
    /// A linear regression of what the others predict for rows they have not seen.
    Stack,
    Network,
}

use Model::{Linear, Neighbours, Network, Stack, SupportVectors, Tree};

/// The models, and the R2 of scikit-learn 1.9.1's on the same rows.
const MODELS: [(&str, Model, f64); 8] = [
    ("linear", Linear, 0.4628911846772711),
    ("support vectors", SupportVectors, 0.45604076254367765),
    ("tree of depth 2", Tree(2), 0.34808313278600744),
    ("tree of depth 3", Tree(3), 0.3906969080086016),
    ("tree of depth 10", Tree(10), -0.027837740434174085),
    ("10 neighbours", Neighbours { weighted: false }, 0.439421120734515),
    ("10 neighbours, weighted", Neighbours { weighted: true }, 0.44103265266064995),
    ("stack", Stack, 0.4918441808418288),
];

fn matrix(rows: &Rows) -> Result<DenseMatrix<f64>> {
    Ok(DenseMatrix::from_2d_vec(rows)?)
}

/// What a model trained on some rows predicts at others.
fn predict(lab: &Lab, model: Model, train: &Measurements, asked: &Rows) -> Result<Vec<f64>> {
    if let Stack | Network = model {
        return if model == Stack { stack(lab, train, asked) } else { network(lab, train, asked) };
    }
    let (x, asked) = (matrix(&train.rows)?, matrix(asked)?);
    let y = &train.values;
    Ok(match model {
        Linear => LinearRegression::fit(&x, y, Default::default())?.predict(&asked)?,
        SupportVectors => {
            let options = SVRParameters::default().with_c(10.0).with_eps(10.0).with_tol(1e-6);
            let options = options.with_kernel(Kernels::rbf().with_gamma(0.05));
            SVR::fit(&x, y, &options)?.predict(&asked)?
        }
        Tree(depth) => {
            // smartcore counts the root too.
            let options = DecisionTreeRegressorParameters::default().with_max_depth(depth + 1);
            DecisionTreeRegressor::fit(&x, y, options)?.predict(&asked)?
        }
        Neighbours { weighted } => {
            let weight = if weighted { KNNWeightFunction::Distance } else { KNNWeightFunction::Uniform };
            let options = KNNRegressorParameters::default().with_k(10).with_distance(Distances::euclidian());
            KNNRegressor::fit(&x, y, options.with_weight(weight))?.predict(&asked)?
        }
        Stack | Network => unreachable!("both are done"),
    })
}

fn stack(lab: &Lab, train: &Measurements, asked: &Rows) -> Result<Vec<f64>> {
    const OF: [Model; 3] = [Linear, SupportVectors, Neighbours { weighted: true }];
    let count = train.rows.len();
    let (mut inside, mut outside) =
        (vec![vec![0.0; OF.len()]; count], vec![vec![0.0; OF.len()]; asked.len()]);
    for (column, model) in OF.into_iter().enumerate() {
        for fold in data::folds::k_fold(count, 5, None)? {
            let left = train.subset(&fold.test).rows;
            let found = predict(lab, model, &train.subset(&fold.train), &left)?;
            fold.test.iter().zip(found).for_each(|(&row, value)| inside[row][column] = value);
        }
        let found = predict(lab, model, train, asked)?;
        outside.iter_mut().zip(found).for_each(|(row, value)| row[column] = value);
    }
    predict(lab, Linear, &Measurements { rows: inside, values: train.values.clone() }, &outside)
}

/// A small network with weight decay.
fn network(lab: &Lab, train: &Measurements, asked: &Rows) -> Result<Vec<f64>> {
    let (x, y) = train.to_device(lab.device())?;
    let (mean, scale) = (y.mean_all(), y.std(&[0], 0.0, false));
    let y = ((y - &mean) / &scale).detach();
    let params = lab.params();
    let net = Mlp::new(&params, &[10, 16, 1]);
    const STEPS: usize = 300;
    let mut opt = AdamW::new(&params).weight_decay(0.3);
    lab.fit("network", STEPS, &mut opt, Cosine::new(0.01, 0.0, STEPS), |_| {
        Ok(net.forward(&x).squeeze(&[1]).mse_loss(&y, Reduction::Mean))
    })?;
    let (asked, _) =
        Measurements { rows: asked.clone(), values: vec![0.0; asked.len()] }.to_device(lab.device())?;
    let found = net.forward(&asked).squeeze(&[1]) * scale + mean;
    Ok(found.to_vec::<f32>()?.into_iter().map(f64::from).collect())
}

/// One less the squared error over that of the mean.
fn r2(found: &[f64], truth: &[f64]) -> f64 {
    let mean = truth.iter().sum::<f64>() / truth.len() as f64;
    let squares = |of: &mut dyn Iterator<Item = f64>| of.map(|v| v * v).sum::<f64>();
    1.0 - squares(&mut found.iter().zip(truth).map(|(f, t)| f - t))
        / squares(&mut truth.iter().map(|t| t - mean))
}

fn run(lab: &mut Lab) -> Result<()> {
    let [train, test] = Measurements::diabetes().split();
    let (mut own, mut theirs) = (Vec::new(), Vec::new());
    for (name, model, expected) in MODELS {
        let found = r2(&predict(lab, model, &train, &test.rows)?, &test.values);
        // Trees of equal splits choose at random; the others have one solution.
        let tolerance = if model == Tree(10) { 0.15 } else { 0.005 };
        lab.expect(format!("{name}: R2 less scikit-learn's"), found - expected, -tolerance..tolerance);
        own.push(found);
        theirs.push(expected);
    }
    let best = own[0].max(own[1]).max(own[6]);
    lab.expect("stack: R2 over the best of its three models", own[7] - best, 0.015..);
    lab.expect("deep tree: R2 below that of depth 3", own[3] - own[4], 0.2..);
    let network = r2(&predict(lab, Network, &train, &test.rows)?, &test.values);
    lab.expect("network: R2", network, 0.35..0.55);
    own.push(network);
    let names: Vec<&str> = MODELS.iter().map(|model| model.0).chain(["network"]).collect();
    let panel = plot::Panel::new("Diabetes of 111 patients, from 331 others", "", "R2 on unseen patients")
        .x_names(names)
        .layer(plot::Bars::new("here", own).group(0, 2))
        .layer(plot::Bars::new("scikit-learn", theirs).group(1, 2));
    lab.picture("regressors", |path| plot::Figure::new("Regression").panel(panel).save(path))
}
