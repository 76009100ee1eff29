//! The Gaussian process against scikit-learn's, in `tests/gaussian_process.json`.

use search::{GaussianProcess, Matern, log_expected_improvement};
use serde_json::Value;

fn fixture() -> Value {
    serde_json::from_str(include_str!("../gaussian_process.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn points(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().map(numbers).collect()
}

fn near(got: f64, want: f64) {
    assert!((got - want).abs() <= 1e-6 * want.abs().max(1.0), "{got}, scikit-learn has {want}");
}

fn recorded(f: &Value) -> GaussianProcess {
    let (variance, noise) = (f["variance"].as_f64().unwrap(), f["noise"].as_f64().unwrap());
    let kernel = Matern { variance, lengths: numbers(&f["lengths"]), noise };
    GaussianProcess::new(points(&f["x"]), numbers(&f["y"]), vec![0, 1, 2], kernel).unwrap()
}

#[test]
fn the_posterior_is_scikit_learns() {
    let f = fixture();
    let process = recorded(&f);
    let want = numbers(&f["mean"]).into_iter().zip(numbers(&f["deviation"]));
    for (point, (mean, deviation)) in points(&f["at"]).iter().zip(want) {
        let got = process.predict(point);
        near(got.0, mean);
        near(got.1, deviation);
    }
}

#[test]
fn the_likelihood_and_its_gradient_are_scikit_learns() {
    let f = fixture();
    let process = recorded(&f);
    near(process.log_likelihood(), f["log_likelihood"].as_f64().unwrap());
    let (got, want) = (process.log_likelihood_gradient(), numbers(&f["gradient"]));
    assert_eq!(got.len(), want.len());
    got.into_iter().zip(want).for_each(|(got, want)| near(got, want));
}

/// With 20 restarts of L-BFGS-B there, and the same bounds here.
#[test]
fn the_fitted_kernel_is_as_likely_as_scikit_learns() {
    let f = fixture();
    let process = GaussianProcess::fit(&points(&f["x"]), &numbers(&f["y"]), &[0, 1, 2]);
    let (got, want) = (process.log_likelihood(), f["fitted_log_likelihood"].as_f64().unwrap());
    assert!(got > want - 0.01, "{got} for {:?}, scikit-learn has {want}", process.kernel());
    assert!(
        process.kernel().lengths[2] > 5.0,
        "the third coordinate does not matter: {:?}",
        process.kernel()
    );
}

/// Columns that share a group share a length.
#[test]
fn groups_share_a_length() {
    let x: Vec<Vec<f64>> =
        (0..4).map(|i| vec![f64::from(i % 2), f64::from(1 - i % 2), f64::from(i) / 4.0]).collect();
    let fitted = GaussianProcess::fit(&x, &[1.0, -1.0, 1.1, -0.9], &[0, 0, 1]);
    assert_eq!(fitted.kernel().lengths.len(), 2);
    assert!((fitted.predict(&x[0]).0 - 1.0).abs() < 0.2);
}

/// Points given twice make the covariance singular without noise.
#[test]
fn equal_points_and_equal_values_are_fitted() {
    let x = vec![vec![0.5]; 6];
    let (mean, deviation) =
        GaussianProcess::fit(&x, &[1.0, -1.0, 1.0, -1.0, 1.0, -1.0], &[0]).predict(&[0.5]);
    assert!(mean.abs() < 1e-6 && deviation.is_finite(), "{mean} {deviation}");
    let flat = GaussianProcess::fit(&[vec![0.1], vec![0.9]], &[0.0, 0.0], &[0]);
    assert!(flat.predict(&[0.4]).0.abs() < 1e-12);
}

#[test]
fn expected_improvement_is_the_integral() {
    for (mean, deviation, best) in [(0.3, 0.5, 0.0), (-1.0, 0.2, 0.0), (0.0, 2.0, 1.5), (2.0, 0.3, 0.0)] {
        // The trapezoidal rule over 12 deviations, improvement by improvement.
        let (steps, span) = (2_000_000, 12.0 * deviation);
        let term = |i: i32| {
            let z = -12.0 + 24.0 * f64::from(i) / f64::from(steps);
            (best - mean - z * deviation).max(0.0) * (-0.5 * z * z).exp()
        };
        let sum: f64 = (0..=steps).map(term).sum();
        let want = sum * 2.0 * span / deviation / f64::from(steps) / std::f64::consts::TAU.sqrt();
        let got = log_expected_improvement(mean, deviation, best).exp();
        assert!((got - want).abs() <= 1e-7 * want, "{got} {want}");
    }
    // Where the improvement itself underflows, and across the change of formula.
    let log = |mean: f64| log_expected_improvement(mean, 1.0, 0.0);
    assert!(log(50.0).is_finite() && log(60.0) < log(50.0));
    assert!((log(9.9999) - log(10.0001) - 0.0002 * 10.2).abs() < 2e-4, "{}", log(9.9999) - log(10.0001));
    assert_eq!(log_expected_improvement(1.0, 0.0, 0.5), f64::NEG_INFINITY);
}
