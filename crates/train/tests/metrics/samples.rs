//! Metrics of samples: drift and Markov chains.

use train::metrics::{effective_sample_size, ks_statistic, population_stability_index, r_hat};

use crate::close::{close, panics};
use crate::fixtures::{case, cases, floats, list, number, numbers};

#[test]
fn drift_matches_scipy_and_numpy() {
    let case = case("drift");
    let (a, b) = (floats(&case["a"]), floats(&case["b"]));
    close("KS", ks_statistic(&a, &b), number(&case["ks"]));
    assert_eq!(ks_statistic(&a, &b), ks_statistic(&b, &a));
    close("PSI", population_stability_index(&a, &b, 10), number(&case["psi"]));
    assert_eq!((ks_statistic(&a, &a), population_stability_index(&a, &a, 10)), (0.0, 0.0));
    assert_eq!(ks_statistic(&[0.0, 1.0], &[2.0]), 1.0);
    assert!(population_stability_index(&[1.0; 9], &[1.0, 2.0], 10).is_finite(), "ties and empty bins");
    assert!(panics(|| ks_statistic(&[], &[1.0])).contains("ks_statistic: an empty sample"));
}

#[test]
fn chains_match_arviz() {
    for (i, case) in cases("chains").iter().enumerate() {
        let chains: Vec<Vec<f64>> = list(&case["chains"]).iter().map(numbers).collect();
        let chains: Vec<&[f64]> = chains.iter().map(Vec::as_slice).collect();
        close(&format!("{i}: ESS"), effective_sample_size(&chains), number(&case["ess"]));
        close(&format!("{i}: R-hat"), r_hat(&chains), number(&case["r_hat"]));
    }
}

#[test]
fn chains_that_stand_still_or_do_not_fit() {
    let still = [2.0; 6];
    assert_eq!(effective_sample_size(&[&still, &still]), 12.0);
    assert!(r_hat(&[&still, &still]).is_nan());
    assert!(panics(|| r_hat(&[&[1.0, 2.0, 3.0]])).contains("1 chains of 3 draws"));
    assert!(panics(|| r_hat(&[&still, &still[..4]])).contains("different lengths"));
}
