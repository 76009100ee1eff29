//! Real data: principal components and classifiers against scikit-learn's.

use std::path::PathBuf;

use linalg::Pca;
use wgrad::prelude::*;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn cpu() -> Device {
    Device::named("cpu").expect("there is always one")
}

/// The features `[N, D]` and the targets of a table.
fn table(name: &str) -> (Tensor, Vec<i32>) {
    let text = std::fs::read_to_string(fixture(name)).expect("it is part of the repository");
    let row = |line: &str| line.split(',').map(|v| v.parse().expect("a number")).collect::<Vec<f32>>();
    let rows: Vec<Vec<f32>> = text.lines().skip(1).map(row).collect();
    let width = rows[0].len() - 1;
    let features: Vec<f32> = rows.iter().flat_map(|row| &row[..width]).copied().collect();
    let targets = rows.iter().map(|row| row[width] as i32).collect();
    (Tensor::from_slice(&cpu(), &features, &[rows.len(), width]).expect("memory"), targets)
}

fn assert_shares(x: &Tensor, wanted: &[f64]) {
    let shares = Pca::fit(x, wanted.len()).expect("it converges").explained_variance_ratio();
    for (share, want) in shares.iter().zip(wanted) {
        assert!((share - want).abs() < 2e-6, "{shares:?}, not {wanted:?}");
    }
}

#[test]
fn explained_variances_are_those_of_scikit_learn() {
    let digits = wgrad::data::load(fixture("digits")).expect("IDX files");
    assert_eq!((digits.train.len(), digits.test.len()), (1437, 360));
    let pixels = [digits.train.pixels(), digits.test.pixels()].concat();
    let pixels: Vec<f32> = pixels.iter().map(|&p| f32::from(p) / 15.0).collect();
    let pixels = Tensor::from_slice(&cpu(), &pixels, &[1797, 64]).expect("memory");
    assert_shares(&pixels, &[0.148906, 0.136188, 0.117946, 0.084100]);
    assert_shares(&table("iris.csv").0, &[0.924619, 0.053066]);
    assert_shares(&table("wine.csv").0, &[0.998091, 0.001736]);
    assert_shares(&table("breast_cancer.csv").0, &[0.982045, 0.016176]);
}

/// Softmax regression with L2 penalty on standardized features: the mean cross-entropy, the squared norm of the weights and the share of right
/// answers of `LogisticRegression(C=1)`.
#[test]
fn softmax_regression_is_that_of_scikit_learn() -> anyhow::Result<()> {
    for (name, classes, loss, norm, right) in
        [("iris.csv", 3, 0.129542, 23.8949, 146), ("wine.csv", 3, 0.0318616, 12.8380, 178)]
    {
        let (x, targets) = table(name);
        let (n, width) = (x.size(0), x.size(1));
        let x = ((&x - x.mean(&[0], true)) / x.std(&[0], 0.0, true)).detach();
        let y = Tensor::from_slice(x.device(), &targets, &[n])?;
        let params = Params::new(x.device(), 1);
        let layer = Linear::new(&params, width, classes);
        let weight = || params.get("weight").expect("of the layer").value();
        let mut opt = Lbfgs::new(&params).strong_wolfe().max_iter(500);
        opt.step(1.0, || {
            layer.forward(&x).cross_entropy(&y) + weight().square().sum_all() / (2.0 * n as f32)
        })?;
        let logits = layer.forward(&x);
        let found = logits.cross_entropy(&y).item()?;
        let found_norm = weight().square().sum_all().item()?;
        let hits =
            logits.argmax(1, false).to_vec::<i32>()?.iter().zip(&targets).filter(|(a, b)| a == b).count();
        assert!((found / loss - 1.0).abs() < 1e-3, "{name}: loss {found}, not {loss}");
        assert!((found_norm / norm - 1.0).abs() < 2e-3, "{name}: norm {found_norm}, not {norm}");
        assert_eq!(hits, right, "{name}");
    }
    Ok(())
}
