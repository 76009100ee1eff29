//! Belief propagation: exact on a tree and on the chain of a conditional random field, where it equals the forward-backward and Viterbi
//! algorithms, and approximate on a grid, whose loops it ignores: `cargo run --release -p wgrad-atlas -- belief_propagation`.

use atlas::prelude::*;
use methods::inference::{BeliefPropagation, Beliefs, FactorGraph};

pub const STUDY: Study = Study {
    name: "belief_propagation",
    about: "Sum-product and max-product on trees, chains and grids, against going through all assignments.",
    on_gpu: false,
    data: None,
    run,
};

fn run(lab: &mut Lab) -> Result<()> {
    tree(lab);
    chain(lab)?;
    grid(lab)
}

/// The largest difference between two sets of beliefs.
fn apart(a: &Beliefs, b: &Beliefs) -> f64 {
    let pairs =
        a.variables.iter().chain(&a.factors).flatten().zip(b.variables.iter().chain(&b.factors).flatten());
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// Ten variables of three values, each attached to an earlier one; one factor joins three.
fn tree(lab: &mut Lab) {
    let mut draws = lab.draws(0);
    let mut scores = |count: usize| (0..count).map(|_| 1.5 * draws.normal()).collect::<Vec<_>>();
    let mut graph = FactorGraph::new(&[3; 10]);
    (0..10).for_each(|v| graph.factor(&[v], &scores(3)));
    for (parent, child) in [(0, 1), (0, 2), (1, 3), (1, 4), (4, 5), (2, 6), (6, 7)] {
        graph.factor(&[parent, child], &scores(9));
    }
    graph.factor(&[7, 8, 9], &scores(27));
    let beliefs = graph.sum_product(&BeliefPropagation::default());
    let (exact, best) = graph.enumerate();
    lab.expect("tree: error of marginals", apart(&beliefs, &exact), ..1e-10);
    lab.expect("tree: error of log Z", (beliefs.log_partition - exact.log_partition).abs(), ..1e-10);
    let found = graph.max_product(&BeliefPropagation::default());
    lab.expect("tree: best assignment's score lost", graph.score(&best) - graph.score(&found), ..=1e-12);
    lab.expect("tree: iterations", beliefs.iterations as f64, ..12.0);
}

/// A linear-chain conditional random field as a factor graph.
fn chain(lab: &mut Lab) -> Result<()> {
    const STEPS: usize = 8;
    const TAGS: usize = 4;
    let params = lab.params();
    let crf = Crf::new(&params, TAGS);
    let generator = Generator::new(lab.seed());
    for param in params.trainable() {
        param.set(&generator.normal(lab.device(), param.value().shape()));
    }
    let emissions = generator.normal(lab.device(), &[STEPS, 1, TAGS]);
    let lengths = Tensor::from_slice(lab.device(), &[STEPS as i32], &[1])?;
    let scores = |tensor: &Tensor| -> Result<Vec<f64>> {
        Ok(tensor.to_vec::<f32>()?.into_iter().map(f64::from).collect())
    };
    let named = |name: &str| scores(&params.get(name).context("a parameter of the field")?.value());
    let mut graph = FactorGraph::new(&[TAGS; STEPS]);
    scores(&emissions)?.chunks(TAGS).enumerate().for_each(|(t, row)| graph.factor(&[t], row));
    let transitions = named("transitions")?;
    (1..STEPS).for_each(|t| graph.factor(&[t - 1, t], &transitions));
    graph.factor(&[0], &named("start_transitions")?);
    graph.factor(&[STEPS - 1], &named("end_transitions")?);

    let beliefs = graph.sum_product(&BeliefPropagation::default());
    let total = f64::from(crf.log_partition(&emissions, &lengths).item()?);
    lab.expect("chain: log Z, forward against messages", (total - beliefs.log_partition).abs(), ..1e-4);
    let marginals = scores(&crf.marginals(&emissions, &lengths))?;
    let error = marginals.iter().zip(beliefs.variables.iter().flatten()).map(|(a, b)| (a - b).abs());
    lab.expect("chain: marginals, forward-backward against messages", error.fold(0.0, f64::max), ..1e-5);
    let tags = crf.decode(&emissions, &lengths).1.to_vec::<i32>()?;
    let best = graph.max_product(&BeliefPropagation::default());
    let other = tags.iter().zip(&best).filter(|(a, b)| **a as usize != **b).count();
    lab.expect("chain: tags, Viterbi against max-product, that differ", other as f64, ..=0.0);
    Ok(())
}

/// Binary variables on a square grid, coupled with random signs.
fn grid(lab: &mut Lab) -> Result<()> {
    let side = lab.pick(4, 3);
    let grid = |strength: f64, mut draws: Draws| {
        let mut graph = FactorGraph::new(&vec![2; side * side]);
        for v in 0..side * side {
            let field = 0.5 * draws.normal();
            graph.factor(&[v], &[-field, field]);
            let beside =
                [(v % side + 1 < side).then_some(v + 1), (v + side < side * side).then_some(v + side)];
            for other in beside.into_iter().flatten() {
                let pull = strength * draws.normal();
                graph.factor(&[v, other], &[pull, -pull, -pull, pull]);
            }
        }
        graph
    };
    let damped = BeliefPropagation { damping: 0.5, tolerance: 1e-9, max_iterations: 2000 };
    let mean_error = |a: &Beliefs, b: &Beliefs| {
        let errors = a.variables.iter().zip(&b.variables).map(|(a, b)| (a[1] - b[1]).abs());
        errors.sum::<f64>() / a.variables.len() as f64
    };
    let alone = {
        // The same fields without couplings: the baseline for the messages.
        let beliefs = grid(0.0, lab.draws(1)).sum_product(&damped);
        mean_error(&beliefs, &grid(0.25, lab.draws(1)).enumerate().0)
    };
    let (mut errors, mut bounds, mut pairs) = (vec![], vec![], vec![]);
    for i in 0..=8 {
        let strength = 0.25 * f64::from(i);
        let graph = grid(strength, lab.draws(1));
        let (beliefs, (exact, _)) = (graph.sum_product(&damped), graph.enumerate());
        errors.push((strength, mean_error(&beliefs, &exact)));
        bounds.push((strength, (beliefs.log_partition - exact.log_partition).abs()));
        if i == 1 {
            lab.expect("grid: messages that arrived", f64::from(beliefs.converged), 1.0..=1.0);
            lab.expect("grid: mean error of marginals", errors[1].1, ..0.015);
            lab.expect("grid: error of log Z", bounds[1].1, ..0.05);
            lab.expect("grid: error against no messages", errors[1].1 / alone, ..0.15);
        }
        if i == 2 {
            let both = exact.variables.iter().zip(&beliefs.variables).map(|(e, b)| (e[1], b[1]));
            pairs.extend(both);
        }
    }
    lab.expect("grid: error without loops to go round", errors[0].1, ..1e-8);
    let scatter = plot::Panel::new("Strength 0.5", "exact probability of 1", "by messages")
        .layer(plot::Points::new("variables", pairs))
        .with(plot::Series::new("exact", [(0.0, 0.0), (1.0, 1.0)]).exact())
        .equal();
    let curves = plot::Panel::new(
        "Error by strength of the loops",
        "deviation of couplings",
        "mean error of marginals",
    )
    .with(plot::Series::new("loopy belief propagation", errors));
    lab.picture("belief_propagation", |path| {
        plot::Figure::new("Belief propagation on a grid of random couplings")
            .panel(scatter)
            .panel(curves)
            .save(path)
    })
}
