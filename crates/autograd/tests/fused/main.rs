//! Fused plans against unfused ones: random graphs, forward and backward, on every device.
//!
//! `PROPTEST_CASES` and `PROPTEST_RNG_SEED` ask for more graphs, or others.

#[path = "../check/numbers.rs"]
mod numbers;
mod ops;

use std::fmt;

use autograd::{Device, Tensor, evaluate, set_fusion};
use gpu_core::testing;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use ops::{Context, OPS};

/// A program: every step applies an op to tensors made before.
#[derive(Clone, Debug)]
struct Graph {
    /// Shapes of the variables that it starts with.
    inputs: Vec<Vec<usize>>,
    steps: Vec<Step>,
}

#[derive(Clone)]
struct Step {
    /// Number of the op in [`OPS`].
    op: usize,
    /// Numbers of the operands, counted back from the newest tensor and taken modulo what there is.
    operands: [usize; 2],
    /// Whatever the op makes of it: dimensions, sizes, options.
    detail: usize,
    /// Whether the result is kept.
    held: bool,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let held = if self.held { ", held" } else { "" };
        write!(f, "{} {:?} ({}{held})", OPS[self.op].0, self.operands, self.detail)
    }
}

fn graphs() -> impl Strategy<Value = Graph> {
    let size = prop_oneof![Just(1usize), Just(2), Just(3), Just(5)];
    let shape = prop::collection::vec(size, 0..=4);
    let step = (0..OPS.len(), [0..4usize, 0..4usize], 0..60usize, prop::bool::weighted(0.25));
    let step = step.prop_map(|(op, operands, detail, held)| Step { op, operands, detail, held });
    (prop::collection::vec(shape, 1..=3), prop::collection::vec(step, 1..=10))
        .prop_map(|(inputs, steps)| Graph { inputs, steps })
}

/// What a graph evaluates to: held results, the loss, and gradients of all variables.
fn values(graph: &Graph, device: &Device) -> Vec<(String, Vec<f32>)> {
    let wanted = outputs(graph, device);
    // In one plan.
    evaluate(&wanted.iter().map(|(_, t)| t).collect::<Vec<_>>()).unwrap();
    wanted.into_iter().map(|(name, t)| (name, t.to_vec().unwrap())).collect()
}

fn outputs(graph: &Graph, device: &Device) -> Vec<(String, Tensor)> {
    let mut cx = Context::new(device);
    let mut tensors: Vec<Tensor> = graph.inputs.iter().map(|shape| cx.variable(shape)).collect();
    let mut outputs = vec![];
    for (i, step) in graph.steps.iter().enumerate() {
        let [a, b] = step.operands.map(|back| tensors[tensors.len() - 1 - back % tensors.len()].clone());
        let (name, apply) = OPS[step.op];
        let result = apply(&mut cx, &a, &b, step.detail);
        if step.held {
            outputs.push((format!("step {i}, {name}"), result.clone()));
        }
        tensors.push(result);
    }
    let last = tensors.last().expect("a graph has inputs").clone();
    outputs.push(("last".into(), last));
    // A different weight for every element, so that errors don't cancel.
    let projected = |t: &Tensor| (t * cx.constant(t.shape())).sum_all();
    let loss = outputs.iter().map(|(_, t)| projected(t)).reduce(|a, b| a + b).expect("the last one");
    let gradients = loss.backward();
    for (i, variable) in cx.variables().iter().enumerate() {
        if let Some(gradient) = gradients.get(variable) {
            outputs.push((format!("gradient of variable {i} {:?}", variable.shape()), gradient.clone()));
        }
    }
    outputs.push(("loss".into(), loss));
    outputs
}

/// Relative to the largest value of a tensor, or to 1. Fusing changes where products are rounded, no more.
const TOLERANCE: f32 = 5e-4;

fn compare(graph: &Graph, device: &Device) -> Result<(), TestCaseError> {
    set_fusion(false);
    let unfused = values(graph, device);
    set_fusion(true);
    let fused = values(graph, device);
    for ((name, fused), (_, unfused)) in fused.iter().zip(&unfused) {
        let scale = unfused.iter().fold(1f32, |m, x| m.max(x.abs()));
        prop_assert!(scale.is_finite(), "{name} on {}: {unfused:?}", device.info());
        let close = |(f, u): (&f32, &f32)| (f - u).abs() <= TOLERANCE * scale;
        prop_assert!(
            fused.len() == unfused.len() && fused.iter().zip(unfused).all(close),
            "{name} on {}:\n  fused {fused:?}\nunfused {unfused:?}",
            device.info()
        );
    }
    Ok(())
}

#[test]
fn fused_and_unfused_plans_agree() {
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if matches!(config.rng_seed, RngSeed::Random) {
        config.rng_seed = RngSeed::Fixed(1);
    }
    let devices = testing::devices();
    let outcome = TestRunner::new(config)
        .run(&graphs(), |graph| devices.iter().try_for_each(|device| compare(&graph, device)));
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
