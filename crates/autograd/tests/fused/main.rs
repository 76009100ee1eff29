//! Random graphs, forward and backward, computed in several ways that must agree: fused, unfused, on every device, with new data by a
//! cached plan, by two threads at once, and captured.
//!
//! 75 graphs in each of four parts; `PROPTEST_CASES` sets another number, `PROPTEST_RNG_SEED` another seed.

#[path = "../check/numbers.rs"]
mod numbers;
mod ops;

use std::fmt;

use autograd::{Captured, Device, Gradients, Tensor, evaluate, set_fusion};
use gpu_core::testing;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use numbers::{Numbers, Values};
use ops::{Context, OPS};

/// A program: every step applies an op to earlier tensors.
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
    /// Indices of the operands, counted back from the newest tensor, modulo the number of tensors.
    operands: [usize; 2],
    /// A parameter that the op interprets: dimensions, sizes, options.
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
    let size = || prop_oneof![Just(1usize), Just(2), Just(3), Just(5)];
    let small = prop::collection::vec(size(), 0..=4);
    // Sizes that lead to vectors, splits and several workgroups.
    let long = prop_oneof![Just(64usize), Just(257), Just(1031), Just(5000)];
    let large = (prop::collection::vec(size(), 0..=2), long, 0..3usize).prop_map(|(mut shape, long, at)| {
        shape.insert(at.min(shape.len()), long);
        shape
    });
    let shape = prop_oneof![5 => small, 1 => large];
    let step = (0..OPS.len(), [0..4usize, 0..4usize], 0..60usize, prop::bool::weighted(0.25));
    let step = step.prop_map(|(op, operands, detail, held)| Step { op, operands, detail, held });
    (prop::collection::vec(shape, 1..=3), prop::collection::vec(step, 1..=10))
        .prop_map(|(inputs, steps)| Graph { inputs, steps })
}

/// The data that a graph starts with, between -1 and 1.
fn inputs(graph: &Graph, device: &Device, seed: u64) -> Vec<Tensor> {
    let input = |(i, shape): (usize, &Vec<usize>)| {
        let mut numbers = Numbers::new(1 + i as u64 + 10 * seed);
        let values = numbers.draw(Values::Between(-1.0, 1.0), shape.iter().product());
        Tensor::from_slice(device, &values, shape).unwrap()
    };
    graph.inputs.iter().enumerate().map(input).collect()
}

type Named = Vec<(String, Vec<f32>)>;

/// What a graph evaluates to: held results, the loss, and gradients of all variables, in one plan.
fn values(graph: &Graph, device: &Device, seed: u64) -> Named {
    let wanted = outputs(graph, device, &inputs(graph, device, seed));
    evaluate(&wanted.iter().map(|(_, t)| t).collect::<Vec<_>>()).unwrap();
    wanted.into_iter().map(|(name, t)| (name, t.to_vec().unwrap())).collect()
}

/// The same values, read one by one by two threads at once, from both ends.
fn by_two_threads(graph: &Graph, device: &Device, seed: u64) -> [Named; 2] {
    let wanted = outputs(graph, device, &inputs(graph, device, seed));
    let read = |(name, t): &(String, Tensor)| (name.clone(), t.to_vec().unwrap());
    std::thread::scope(|scope| {
        let forwards = scope.spawn(|| wanted.iter().map(read).collect());
        let backwards = scope.spawn(|| wanted.iter().rev().map(read).collect::<Named>());
        let mut backwards = backwards.join().unwrap();
        backwards.reverse();
        [forwards.join().unwrap(), backwards]
    })
}

/// The same values, captured with other data.
fn captured(graph: &Graph, device: &Device, seed: u64) -> Named {
    let mut names = vec![];
    let mut pass = Captured::new(|inputs: &[Tensor]| {
        let (own, tensors): (Vec<String>, Vec<Tensor>) = outputs(graph, device, inputs).into_iter().unzip();
        names = own;
        tensors.iter().fold(Gradients::from_pairs([]), Gradients::with_output)
    });
    let mut call = |seed| pass.call(&inputs(graph, device, seed)).unwrap().outputs().to_vec();
    (seed + 1..seed + 3).for_each(|seed| _ = call(seed));
    let tensors = call(seed);
    assert_eq!(pass.impure(), None);
    let values = tensors.into_iter().map(|t| t.to_vec().unwrap());
    names.into_iter().zip(values).collect()
}

fn outputs(graph: &Graph, device: &Device, inputs: &[Tensor]) -> Vec<(String, Tensor)> {
    let mut cx = Context::new(device);
    let mut tensors: Vec<Tensor> = inputs.iter().map(|data| cx.input(data)).collect();
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

/// Relative to the largest value of a tensor, or to 1. Fusion changes where products are rounded, and GPUs change the order of sums.
const TOLERANCE: f32 = 5e-4;

fn compare(graph: &Graph, device: &Device) -> Result<(), TestCaseError> {
    let cpu = Device::named("cpu").unwrap();
    // Every plan of a GPU has several shaders to compile: the other ways only for a part of the graphs.
    let all_ways = *device == cpu || graph.steps.len().is_multiple_of(5);
    for seed in [0, 1] {
        set_fusion(false);
        let reference = values(graph, &cpu, seed);
        if all_ways {
            agree("unfused", device, &values(graph, device, seed), &reference)?;
        }
        set_fusion(true);
        agree("fused", device, &values(graph, device, seed), &reference)?;
        if all_ways && seed == 0 {
            agree("captured", device, &captured(graph, device, seed), &reference)?;
            for read in by_two_threads(graph, device, seed) {
                agree("by two threads", device, &read, &reference)?;
            }
        }
    }
    Ok(())
}

fn agree(how: &str, device: &Device, got: &Named, reference: &Named) -> Result<(), TestCaseError> {
    prop_assert_eq!(got.len(), reference.len());
    for ((name, got), (_, wanted)) in got.iter().zip(reference) {
        let scale = wanted.iter().fold(1f32, |m, x| m.max(x.abs()));
        prop_assert!(scale.is_finite(), "{name}: {wanted:?}");
        let close = |(g, w): (&f32, &f32)| (g - w).abs() <= TOLERANCE * scale;
        prop_assert!(
            got.len() == wanted.len() && got.iter().zip(wanted).all(close),
            "{name}, {how} on {}:\n   got {got:?}\nwanted {wanted:?}",
            device.info()
        );
    }
    Ok(())
}

/// Compares graphs of a part of their own: fusion is switched for a thread, so that parts run side by side.
fn check(part: u64) {
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 75;
    }
    let seed = match config.rng_seed {
        RngSeed::Random => 1,
        RngSeed::Fixed(seed) => seed,
    };
    config.rng_seed = RngSeed::Fixed(4 * seed + part);
    let devices = testing::devices();
    let outcome = TestRunner::new(config)
        .run(&graphs(), |graph| devices.iter().try_for_each(|device| compare(&graph, device)));
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[test]
fn all_ways_to_compute_a_graph_agree_1() {
    check(0);
}

#[test]
fn all_ways_to_compute_a_graph_agree_2() {
    check(1);
}

#[test]
fn all_ways_to_compute_a_graph_agree_3() {
    check(2);
}

#[test]
fn all_ways_to_compute_a_graph_agree_4() {
    check(3);
}
