//! Distributions against `torch.distributions` (2.11, in double precision), and their samples against their moments.

use std::f32::consts::{LN_2, LN_10};

use autograd::{Device, Generator, Tensor, grad};
use gpu_core::testing;
use models::distributions::{
    Bernoulli, Beta, Binomial, Categorical, Distribution, Entropy, Exponential, Independent, Kl, Laplace,
    MixtureSameFamily, Normal, Reparameterized, Uniform, kl_divergence, mutual_information,
};

fn row(device: &Device, values: &[f32]) -> Tensor {
    Tensor::from_slice(device, values, &[values.len()]).unwrap()
}

#[track_caller]
fn near(what: &str, got: &Tensor, want: &[f32]) {
    let got = got.to_vec::<f32>().unwrap();
    assert_eq!(got.len(), want.len(), "{what}");
    for (g, w) in got.iter().zip(want) {
        assert!(g == w || (g - w).abs() < 1e-5 * w.abs().max(1.0), "{what}: {got:?} instead of {want:?}");
    }
}

const INF: f32 = f32::INFINITY;

/// Three distributions of each kind. Those called `other` are the second arguments of divergences.
struct Zoo {
    normal: Normal,
    other_normal: Normal,
    uniform: Uniform,
    bernoulli: Bernoulli,
    other_bernoulli: Bernoulli,
    exponential: Exponential,
    other_exponential: Exponential,
    laplace: Laplace,
    other_laplace: Laplace,
    beta: Beta,
    other_beta: Beta,
    categorical: Categorical,
}

fn zoo(device: &Device) -> Zoo {
    let row = |values: [f32; 3]| row(device, &values);
    let (loc, scale) = (row([0.5, -1.0, 2.0]), row([0.3, 1.0, 2.5]));
    let (other_loc, other_scale) = (row([1.0, 0.0, -1.0]), row([2.0, 0.5, 1.0]));
    let logits = Tensor::from_slice(device, &[0.1f32, 0.2, -1.5, 3.0, 0.0, 0.0], &[2, 3]).unwrap();
    Zoo {
        normal: Normal::new(&loc, &scale),
        other_normal: Normal::new(&other_loc, &other_scale),
        uniform: Uniform::new(&row([0.0, -1.0, 0.25]), &row([1.0, 2.0, 0.5])),
        bernoulli: Bernoulli::from_probs(&row([0.1, 0.5, 0.9])),
        other_bernoulli: Bernoulli::from_logits(&row([1.0, -2.0, 0.0])),
        exponential: Exponential::new(&row([0.5, 1.0, 3.0])),
        other_exponential: Exponential::new(&row([1.0, 2.0, 0.25])),
        laplace: Laplace::new(&loc, &scale),
        other_laplace: Laplace::new(&other_loc, &other_scale),
        beta: Beta::new(&row([0.5, 2.0, 30.0]), &row([0.5, 5.0, 7.0])),
        other_beta: Beta::new(&row([1.0, 3.0, 0.2]), &row([1.0, 0.7, 4.0])),
        categorical: Categorical::new(&logits),
    }
}

/// Checks log-probabilities at three values, and entropies.
#[track_caller]
fn check<D: Entropy>(
    device: &Device,
    name: &str,
    p: &D,
    at: [f32; 3],
    log_prob: [f32; 3],
    entropy: [f32; 3],
) {
    near(&format!("{name}, log_prob"), &p.log_prob(&row(device, &at)), &log_prob);
    near(&format!("{name}, entropy"), &p.entropy(), &entropy);
}

#[test]
fn log_probabilities_and_entropies_are_torchs() {
    for device in testing::devices() {
        let z = zoo(&device);
        let d = &device;
        let log_prob = [-0.214_965_7, -2.918_939, -2.155_229];
        check(d, "Normal", &z.normal, [0.2, -3.0, 4.0], log_prob, [0.214_965_7, 1.418_939, 2.335_229]);
        let log_prob = [0.0, -1.098_612, 1.386_294];
        check(d, "Uniform", &z.uniform, [0.2, 1.9, 0.3], log_prob, [0.0, 1.098_612, -1.386_294]);
        let log_prob = [-LN_10, -LN_2, -0.105_360_5];
        check(d, "Bernoulli", &z.bernoulli, [1.0, 0.0, 1.0], log_prob, [0.325_083, LN_2, 0.325_083]);
        let log_prob = [-0.743_147_2, -2.0, -13.901_39];
        check(d, "Exponential", &z.exponential, [0.1, 2.0, 5.0], log_prob, [1.693_147, 1.0, -0.098_612_29]);
        let log_prob = [-0.489_174_4, -2.693_147, -2.409_438];
        check(d, "Laplace", &z.laplace, [0.2, -3.0, 4.0], log_prob, [0.489_174_4, 1.693_147, 2.609_438]);
        let log_prob = [-0.228_439_2, -5.914_504, -2.428_283];
        check(d, "Beta", &z.beta, [0.2, 0.9, 0.6], log_prob, [-0.241_564_5, -0.484_530_7, -1.361_793]);
        let binomial = Binomial::new(10, z.bernoulli.clone());
        let log_prob = [-1.053_605, -1.402_043, -1.641_392];
        check(d, "Binomial", &binomial, [0.0, 5.0, 8.0], log_prob, [1.277_907, 1.875_954, 1.277_907]);
        let categories = Tensor::from_slice(d, &[2i32, 0], &[2]).unwrap();
        near("Categorical", &z.categorical.log_prob(&categories), &[-2.435_977, -0.094_922_96]);
        near("Categorical, entropy", &z.categorical.entropy(), &[0.928_093, 0.366_594]);
    }
}

#[test]
fn moments_are_torchs() {
    for device in testing::devices() {
        let z = zoo(&device);
        let check = |name, p: &dyn Distribution, mean: [f32; 3], variance: [f32; 3]| {
            near(name, &p.mean(), &mean);
            near(name, &p.variance(), &variance);
        };
        check("Normal", &z.normal, [0.5, -1.0, 2.0], [0.09, 1.0, 6.25]);
        check("Uniform", &z.uniform, [0.5, 0.5, 0.375], [0.083_333_33, 0.75, 0.005_208_333]);
        check("Bernoulli", &z.bernoulli, [0.1, 0.5, 0.9], [0.09, 0.25, 0.09]);
        check("Exponential", &z.exponential, [2.0, 1.0, 0.333_333_3], [4.0, 1.0, 0.111_111_1]);
        check("Laplace", &z.laplace, [0.5, -1.0, 2.0], [0.18, 2.0, 12.5]);
        check("Beta", &z.beta, [0.5, 0.285_714_3, 0.810_810_8], [0.125, 0.025_510_2, 0.004_036_754]);
        check("Binomial", &Binomial::new(10, z.bernoulli), [1.0, 5.0, 9.0], [0.9, 2.5, 0.9]);
    }
}

#[track_caller]
fn diverges<P: Kl<Q>, Q>(name: &str, p: &P, q: &Q, want: &[f32]) {
    near(name, &kl_divergence(p, q), want);
}

#[test]
fn divergences_are_torchs() {
    for device in testing::devices() {
        let z = zoo(&device);
        let uniform = |low, high| Uniform::new(&row(&device, low), &row(&device, high));
        let wide = uniform(&[-1.0, -1.5, 0.0], &[1.5, 2.0, 1.0]);
        diverges("Normal", &z.normal, &z.other_normal, &[1.439_62, 2.806_853, 6.208_709]);
        diverges("Uniform", &z.uniform, &wide, &[0.916_290_7, 0.154_150_7, 1.386_294]);
        diverges("Bernoulli", &z.bernoulli, &z.other_bernoulli, &[0.888_178_7, 0.433_780_8, 0.368_064_2]);
        diverges("Exponential", &z.exponential, &z.other_exponential, &[0.306_852_8, 0.306_852_8, 1.568_24]);
        diverges("Laplace", &z.laplace, &z.other_laplace, &[1.175_451, 1.042_612, 1.836_695]);
        diverges("Beta", &z.beta, &z.other_beta, &[0.241_564_5, 2.800_473, 7.632_414]);
        let [p, q] = [&z.bernoulli, &z.other_bernoulli].map(|trial| Binomial::new(10, trial.clone()));
        diverges("Binomial", &p, &q, &[8.881_787, 4.337_808, 3.680_642]);
        let logits = Tensor::from_slice(&device, &[1.0f32, 1.0, 1.0, -0.5, 0.5, 0.0], &[2, 3]).unwrap();
        diverges("Categorical", &z.categorical, &Categorical::new(&logits), &[0.170_519_3, 1.245_758]);

        diverges("Normal, Laplace", &z.normal, &z.other_laplace, &[1.427_277, 0.914_323_3, 1.638_43]);
        diverges("Laplace, Normal", &z.laplace, &z.other_normal, &[1.176_661, 4.532_644, 9.059_501]);
        diverges("Uniform, Normal", &z.uniform, &z.other_normal, &[1.653_752, 1.127_179, 3.253_15]);
        diverges(
            "Exponential, Normal",
            &z.exponential,
            &z.other_normal,
            &[0.543_938_5, 3.225_791, 1.961_995],
        );
        diverges("Beta, Normal", &z.beta, &z.other_normal, &[1.900_525, 0.924_607_8, 3.922_267]);
        diverges("Uniform, Exponential", &z.uniform, &z.other_exponential, &[0.5, INF, 2.866_339]);
        diverges("Beta, Exponential", &z.beta, &z.other_exponential, &[0.741_564_5, 0.362_812_1, 2.950_79]);
        let partial = uniform(&[0.0, -1.0, 0.5], &[1.0, 2.0, 2.0]);
        diverges("Beta, Uniform", &z.beta, &partial, &[0.241_564_5, 1.583_143, INF]);
        diverges("Uniform, Beta", &z.uniform, &z.other_beta, &[0.0, INF, 3.283_818]);
        let [p, q] = [z.normal, z.other_normal].map(|p| Independent::new(p, 1));
        diverges("Independent", &p, &q, &[10.455_18]);
    }
}

#[test]
fn mixtures_are_torchs() {
    for device in testing::devices() {
        let row = |values: &[f32]| row(&device, values);
        let weights = Categorical::new(&row(&[0.3, -0.2, 1.0]));
        let mixture =
            MixtureSameFamily::new(weights, Normal::new(&row(&[-1.0, 0.0, 2.0]), &row(&[0.5, 1.0, 0.2])));
        let log_prob = mixture.log_prob(&row(&[-1.5, 0.3, 2.1, 9.0]));
        near("log_prob", &log_prob, &[-1.861_92, -2.639_453, -0.013_555_45, -43.205_49]);
        near("mean", &mixture.mean(), &[0.836_262]);
        near("variance", &mixture.variance(), &[2.060_696]);

        let weights = Categorical::new(&row(&[0.0, 1.0, 0.5, -0.5]).reshape(&[2, 2]));
        let means = row(&[0.0, 1.0, 2.0, -1.0, 0.5, 0.5, -3.0, 0.0]).reshape(&[2, 2, 2]);
        let planar = Independent::new(Normal::new(&means, &row(&[0.5, 2.0])), 1);
        let mixture = MixtureSameFamily::new(weights, planar);
        assert_eq!((mixture.shape(), mixture.event_dims()), (vec![2, 2], 1));
        let log_prob = mixture.log_prob(&row(&[0.2, 0.3, -1.0, 1.0]).reshape(&[2, 2]));
        near("log_prob", &log_prob, &[-3.288_509, -6.672_325]);
        near("mean", &mixture.mean(), &[1.462_117, -0.462_117_2, -0.441_295, 0.365_529_3]);
        near("variance", &mixture.variance(), &[1.036_448, 4.786_448, 2.658_496, 4.049_153]);
    }
}

/// Compares the mean and variance of samples with those of the distribution.
fn samples_fit(name: &str, p: &dyn Distribution) {
    const DRAWS: usize = 20_000;
    let x = p.sample(&Generator::new(11), &[DRAWS]);
    assert_eq!(x.shape(), [&[DRAWS][..], &p.shape()].concat(), "{name}");
    assert!(!x.requires_grad(), "{name}");
    let values = |t: Tensor| t.to_vec::<f32>().unwrap();
    let (mean, variance) = (values(x.mean(&[0], false)), values(x.var(&[0], 1.0, false)));
    let (want_mean, want_variance) = (values(p.mean()), values(p.variance()));
    for i in 0..mean.len() {
        let error = (mean[i] - want_mean[i]) / (want_variance[i] / DRAWS as f32).sqrt();
        assert!(
            error.abs() < 4.5,
            "{name}: the mean {} of {} is {error} deviations off",
            mean[i],
            want_mean[i]
        );
        let ratio = variance[i] / want_variance[i];
        assert!((ratio - 1.0).abs() < 0.08, "{name}: variance {} of {}", variance[i], want_variance[i]);
    }
}

#[test]
fn samples_have_the_moments() {
    for device in testing::devices() {
        let z = zoo(&device);
        samples_fit("Normal", &z.normal);
        samples_fit("Uniform", &z.uniform);
        samples_fit("Bernoulli", &z.bernoulli);
        samples_fit("Binomial", &Binomial::new(10, z.bernoulli));
        samples_fit("Exponential", &z.exponential);
        samples_fit("Laplace", &z.laplace);
        samples_fit("Beta", &z.beta);
        samples_fit("Beta, others", &z.other_beta);
        let weights = Categorical::new(&row(&device, &[0.3, -0.2, 1.0]));
        let planar = Normal::new(&z.normal.loc.unsqueeze(1).expand(&[3, 2]), &row(&device, &[0.5, 2.0]));
        samples_fit("Mixture", &MixtureSameFamily::new(weights, Independent::new(planar, 1)));

        let drawn = z.categorical.sample(&Generator::new(11), &[20_000]);
        let shares = drawn.one_hot(3).mean(&[0], false).to_vec::<f32>().unwrap();
        let probs = z.categorical.probs().to_vec::<f32>().unwrap();
        for (share, p) in shares.iter().zip(&probs) {
            assert!((share - p).abs() < 4.5 * (p / 20_000.0).sqrt(), "{shares:?} of {probs:?}");
        }
    }
}

/// The concentration is so small that gamma samples underflow: nearly all values are at the ends.
#[test]
fn extreme_betas_are_finite() {
    for device in testing::devices() {
        let p = Beta::new(&row(&device, &[0.01, 1000.0]), &row(&device, &[0.01, 1000.0]));
        let x = p.sample(&Generator::new(2), &[5000]);
        let mean = x.mean(&[0], false).to_vec::<f32>().unwrap();
        assert!(mean.iter().all(|mean| (mean - 0.5).abs() < 0.03), "{mean:?}");
        assert!(x.to_vec::<f32>().unwrap().iter().all(|x| (0.0..=1.0).contains(x)));
    }
}

/// Compares gradients of a projection of samples, for both parameters, with finite differences under the same noise.
fn reparameterised<D: Reparameterized>(name: &str, build: fn(&Tensor, &Tensor) -> D, at: [&Tensor; 2]) {
    let projected = |a: &Tensor, b: &Tensor| {
        let x = build(a, b).rsample(&Generator::new(5), &[4]);
        (x.cos() * 0.5 + &x).sum_all()
    };
    let [a, b] = at.map(Tensor::variable);
    let found = grad(&projected(&a, &b), &[&a, &b]);
    for (i, g) in found.iter().enumerate() {
        let Some(g) = g else { continue };
        let mut slope = 0.0;
        for (step, factor) in [(0.02, 8.0), (-0.02, -8.0), (0.04, -1.0), (-0.04, 1.0)] {
            let moved = [&a, &b].map(|t| t + if t.same([&a, &b][i]) { step } else { 0.0 });
            slope += factor * projected(&moved[0], &moved[1]).item().unwrap() / (12.0 * 0.02);
        }
        let got = g.sum_all().item().unwrap();
        assert!((got - slope).abs() < 3e-3 * got.abs().max(1.0), "{name}: {got} instead of {slope}");
    }
}

#[test]
fn reparameterised_samples_have_gradients() {
    for device in testing::devices() {
        let (a, b) = (row(&device, &[0.5, -1.0, 2.0]), row(&device, &[0.8, 1.0, 2.5]));
        reparameterised("Normal", Normal::new, [&a, &b]);
        reparameterised("Laplace", Laplace::new, [&a, &b]);
        reparameterised("Uniform", Uniform::new, [&a, &(&a + &b)]);
        reparameterised("Exponential", |rate, _| Exponential::new(rate), [&b, &a]);
        reparameterised("Independent", |a, b| Independent::new(Normal::new(a, b), 1), [&a, &b]);
    }
}

/// Values outside of a support are impossible, and impossible values contribute nothing to an entropy or a divergence.
#[test]
fn impossible_values_count_nothing() {
    let device = Device::named("cpu").unwrap();
    let sure = Categorical::new(&row(&device, &[0.0, f32::NEG_INFINITY]));
    let fair = Categorical::new(&row(&device, &[0.0, 0.0]));
    near("entropy", &sure.entropy(), &[0.0]);
    near("divergence", &kl_divergence(&sure, &fair), &[2f32.ln()]);
    near("the other divergence", &kl_divergence(&fair, &sure), &[INF]);
    let certain = Bernoulli::from_probs(&row(&device, &[0.0, 1.0]));
    near("entropies", &certain.entropy(), &[0.0, 0.0]);
    near("information", &mutual_information(&Tensor::full(&device, 0.25, &[2, 2])), &[0.0]);
}

#[test]
#[should_panic(expected = "MixtureSameFamily: components [2] for logits [3]")]
fn mixtures_fit() {
    let device = Device::named("cpu").unwrap();
    let weights = Categorical::new(&row(&device, &[0.0, 0.0, 0.0]));
    let components = Exponential::new(&row(&device, &[1.0, 2.0]));
    MixtureSameFamily::new(weights, components);
}
