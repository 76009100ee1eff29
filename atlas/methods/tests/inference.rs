//! Inference and energy models against closed forms and exhaustive enumeration.

use std::f64::consts::TAU;

use autograd::{Device, Generator, Tensor};
use methods::energy::{BoltzmannMachine, DeepBelief, Hopfield, Ising, Rbm};
use methods::inference::{
    BeliefPropagation, ExpectationPropagation, FactorGraph, Gaussian, LinearGaussian, MixtureCavi, Tilted,
    annealed_importance,
};
use models::Params;

fn cpu() -> Device {
    Device::named("cpu").expect("there is always a CPU")
}

fn close(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() < tolerance, "{a} and {b}");
}

/// All states of `units` binary units.
fn states(units: usize) -> Tensor {
    let bits: Vec<f32> = (0..units << units).map(|i| (((i / units) >> (i % units)) & 1) as f32).collect();
    Tensor::constant(&cpu(), &bits, &[1 << units, units])
}

/// Sets all parameters to standard normal values.
fn randomised(params: &Params) {
    let generator = Generator::new(5);
    for param in params.trainable() {
        param.set(&generator.normal(params.device(), param.value().shape()));
    }
}

#[test]
fn a_smoothed_random_walk_is_the_joint_posterior() {
    // x1 ~ N(0, 4), x2 = x1 + N(0, 1), y = x + N(0, 2): the precision of the posterior is [[1/4 + 1 + 1/2, -1], [-1, 1 + 1/2]].
    let model = LinearGaussian {
        transition: [[1.0]],
        transition_noise: [[1.0]],
        observation: [[1.0]],
        observation_noise: [[2.0]],
        start: Gaussian { mean: [0.0], covariance: [[4.0]] },
    };
    let (y1, y2) = (3.0, -1.0);
    let filtered = model.filter(&[[y1], [y2]]);
    let smoothed = model.smooth(&filtered);
    let (a, b, c) = (1.75, -1.0, 1.5);
    let det = a * c - b * b;
    let (h1, h2) = (y1 / 2.0, y2 / 2.0);
    close(smoothed[0].mean[0], (c * h1 - b * h2) / det, 1e-12);
    close(smoothed[1].mean[0], (a * h2 - b * h1) / det, 1e-12);
    close(smoothed[0].covariance[0][0], c / det, 1e-12);
    close(smoothed[1].covariance[0][0], a / det, 1e-12);
    // The observations have covariance [[6, 4], [4, 7]].
    let det = 6.0 * 7.0 - 16.0;
    let distance = (7.0 * y1 * y1 - 8.0 * y1 * y2 + 6.0 * y2 * y2) / det;
    close(filtered.log_likelihood, -0.5 * distance - 0.5 * f64::ln(det) - TAU.ln(), 1e-12);
}

#[test]
fn messages_are_exact_on_a_tree_with_a_factor_of_three() {
    let mut graph = FactorGraph::new(&[2, 3, 2, 2]);
    graph.factor(&[0, 1, 2], &(0..12).map(|i| f64::from(i * 7 % 5) - 1.0).collect::<Vec<_>>());
    graph.factor(&[2, 3], &[0.3, -1.0, 0.7, 0.1]);
    graph.factor(&[3], &[0.0, 0.4]);
    let (exact, best) = graph.enumerate();
    let beliefs = graph.sum_product(&BeliefPropagation { damping: 0.3, ..BeliefPropagation::default() });
    assert!(beliefs.converged);
    close(beliefs.log_partition, exact.log_partition, 1e-9);
    for (a, b) in beliefs.factors.iter().flatten().zip(exact.factors.iter().flatten()) {
        close(*a, *b, 1e-9);
    }
    assert_eq!(graph.max_product(&BeliefPropagation::default()), best);
}

#[test]
fn expectation_propagation_of_normal_terms_is_bayes_rule() {
    // s ~ N(0, 3) and two terms N(y; s, 2): together the marginal likelihood of y ~ N(0, [[5, 3], [3, 5]]).
    let ys = [1.0, 2.5];
    let mut ep = ExpectationPropagation::new(vec![vec![3.0]]);
    for y in ys {
        ep.term(vec![1.0], move |m, v| Tilted {
            log_mass: -0.5 * ((y - m) * (y - m) / (v + 2.0) + (TAU * (v + 2.0)).ln()),
            mean: m + v / (v + 2.0) * (y - m),
            variance: 2.0 * v / (v + 2.0),
        });
    }
    assert_eq!(ep.run(5, 1e-12), Some(2));
    let precision = 1.0 / 3.0 + 2.0 / 2.0;
    close(ep.covariance()[0][0], 1.0 / precision, 1e-12);
    close(ep.mean()[0], (ys[0] + ys[1]) / 2.0 / precision, 1e-12);
    let distance = (5.0 * (ys[0] * ys[0] + ys[1] * ys[1]) - 6.0 * ys[0] * ys[1]) / 16.0;
    close(ep.log_evidence(), -0.5 * distance - 0.5 * 16f64.ln() - TAU.ln(), 1e-12);
}

#[test]
fn a_mixture_of_one_has_the_exact_evidence_as_its_bound() {
    let points = [[0.5], [2.0], [1.0]];
    let mut cavi = MixtureCavi::new(vec![[0.0]], 2.0, 3.0);
    let bound = cavi.update(&points);
    // Points ~ N(0, 2 I + 3), with determinant 2^2 (2 + 9) and inverse (I - 3/11) / 2.
    let (square, sum) = (0.25 + 4.0 + 1.0, 3.5f64);
    let distance = (square - 3.0 / 11.0 * sum * sum) / 2.0;
    close(bound, -0.5 * (distance + 44f64.ln() + 3.0 * TAU.ln()), 1e-12);
    close(cavi.variances[0], 1.0 / (1.0 / 3.0 + 1.5), 1e-12);
    close(cavi.means[0][0], sum / 2.0 / (1.0 / 3.0 + 1.5), 1e-12);
}

#[test]
fn annealing_to_a_multiple_has_that_factor() {
    let log_density = |x: &Tensor, at: f32| x.square().sum(&[1], false) * -0.5 + at * 3.0;
    let start = Generator::new(1).normal(&cpu(), &[8, 2]);
    let stay = |x: &Tensor, _: f32, _: &Generator| x.clone();
    let (weights, end) =
        annealed_importance(&start, &[0.0, 0.25, 1.0], log_density, stay, &Generator::new(1)).expect("a CPU");
    close(weights.log_mean(), 3.0, 1e-5);
    close(weights.effective_size(), 8.0, 1e-4);
    assert_eq!(end.to_vec::<f32>().expect("a CPU"), start.to_vec::<f32>().expect("a CPU"));
}

#[test]
fn a_restricted_machine_is_a_boltzmann_machine_without_couplings_in_a_layer() {
    for (visible, hidden) in [(3, 2), (2, 3)] {
        let params = Params::new(&cpu(), 1);
        let rbm = Rbm::new(&params, visible, hidden);
        randomised(&params);
        let units = visible + hidden;
        let other = Params::new(&cpu(), 2);
        let machine = BoltzmannMachine::new(&other, visible, hidden);
        let weight = rbm.weight().value().to_vec::<f32>().expect("a CPU");
        let coupling: Vec<f32> = (0..units * units)
            .map(|i| (i / units, i % units))
            .map(|(v, u)| if v < visible && u >= visible { weight[(u - visible) * visible + v] } else { 0.0 })
            .collect();
        other.get("coupling").expect("couplings").set(&Tensor::constant(&cpu(), &coupling, &[units, units]));
        let biases =
            [rbm.visible_bias(), rbm.hidden_bias()].map(|b| b.value().to_vec::<f32>().expect("a CPU"));
        other.get("bias").expect("biases").set(&Tensor::constant(&cpu(), &biases.concat(), &[units]));
        let v = states(visible);
        let [a, b] = [rbm.log_prob(&v), machine.log_prob(&v)].map(|p| p.to_vec::<f32>().expect("a CPU"));
        a.iter().zip(&b).for_each(|(a, b)| close(f64::from(*a), f64::from(*b), 1e-5));
        close(a.iter().map(|p| f64::from(p.exp())).sum(), 1.0, 1e-5);
    }
}

#[test]
fn a_machine_turned_round_changes_nothing() {
    let params = Params::new(&cpu(), 3);
    let net = DeepBelief::new(&params, &[4, 3, 4]);
    randomised(&params);
    let v = states(4);
    let sum = net.log_prob(&v).exp().sum_all().item().expect("a CPU");
    close(sum.into(), 1.0, 1e-4);
    let gap = (net.log_prob(&v) - net.bound(&v)).amin(&[0], false).item().expect("a CPU");
    assert!(gap > -1e-5, "a bound over the logarithm of the probability by {gap}");
    let [low, high] = net.layers() else { panic!("two machines") };
    high.weight().set(&low.weight().value().t());
    high.visible_bias().set(&low.hidden_bias().value());
    high.hidden_bias().set(&low.visible_bias().value());
    for other in [net.log_prob(&v), net.bound(&v)] {
        let apart = (low.log_prob(&v) - other).abs().amax(&[0], false).item().expect("a CPU");
        assert!(apart < 1e-4, "{apart}");
    }
}

#[test]
fn annealed_samples_find_the_partition_function() {
    let params = Params::new(&cpu(), 4);
    let rbm = Rbm::new(&params, 5, 4);
    randomised(&params);
    let (estimate, weights) = rbm.annealed_log_partition(400, 50, &Generator::new(2)).expect("a CPU");
    assert!(weights.effective_size() > 100.0);
    close(estimate, rbm.log_partition().item().expect("a CPU").into(), 0.15);
}

#[test]
fn stored_patterns_that_are_orthogonal_stay() {
    let patterns = vec![vec![1.0, 1.0, 1.0, 1.0], vec![1.0, -1.0, 1.0, -1.0]];
    let net = Hopfield::new(&patterns);
    for pattern in &patterns {
        let mut state = pattern.clone();
        net.recall(&mut state, 5);
        assert_eq!(&state, pattern);
    }
}

#[test]
fn four_spins_have_two_ordered_states() {
    // Each pair is connected twice: energies -8 (2 states), 0 (12) and 8 (2).
    let beta = 0.3;
    let (up, down) = (2.0 * f64::exp(8.0 * beta), 2.0 * f64::exp(-8.0 * beta));
    let (energy, size) = Ising::enumerate(2, beta);
    close(energy, -2.0 * (up - down) / (up + 12.0 + down), 1e-12);
    // Of the twelve, eight have three equal spins and four have two.
    close(size, (up + 8.0 * 0.5) / (up + 12.0 + down), 1e-12);
    // At infinite temperature the spins are random, at temperature 0 they all agree.
    close(Ising::onsager_energy(1e-4), -2e-4, 1e-7);
    close(Ising::onsager_energy(5.0), -2.0, 1e-7);
}
