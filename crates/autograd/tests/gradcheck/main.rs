//! Every differentiable operation against finite differences of itself, to first and second order.
//!
//! A new operation is a line in one of the tables; [`every_operation_is_checked`] fails if it is missing.

#[path = "../check/mod.rs"]
mod check;
mod elementwise;
mod losses;
mod norms;
mod pools;
mod products;
mod recurrent;
mod reductions;
mod shapes;
#[path = "../check/sources.rs"]
#[allow(dead_code)] // only a part of it is used here
mod sources;
mod special;

use std::collections::BTreeSet;

use autograd::{Device, Tensor};

use check::{Case, subject};

fn cpu() -> Device {
    Device::named("cpu").unwrap()
}

fn ints(values: &[i32], shape: &[usize]) -> Tensor {
    Tensor::constant(&cpu(), values, shape)
}

fn cases() -> Vec<Case> {
    let tables = [
        elementwise::cases(),
        shapes::cases(),
        reductions::cases(),
        products::cases(),
        pools::cases(),
        norms::cases(),
        losses::cases(),
        recurrent::cases(),
    ];
    tables.into_iter().flatten().collect()
}

/// Results without gradients: truth values, positions, and results that depend on no values.
const NO_GRADIENT: [&str; 24] = [
    "all",
    "any",
    "arange",
    "argmax",
    "argmin",
    "argsort",
    "eq",
    "flatten_all",
    "ge",
    "gt",
    "isfinite",
    "isinf",
    "isnan",
    "le",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "lt",
    "ne",
    "one_hot",
    "ones_like",
    "singular_vectors",
    "zeros_like",
];
/// Functions of inputs other than tensors, or of gradients.
const NO_OPERATION: [&str; 12] = [
    "apply",
    "bernoulli",
    "clip_norm",
    "clip_value",
    "correction",
    "log_standard_gamma",
    "new",
    "normal",
    "resume",
    "set_state",
    "state",
    "uniform",
];

#[test]
fn every_operation_is_checked() {
    let functions = sources::functions(concat!(env!("CARGO_MANIFEST_DIR"), "/src/ops"));
    assert!(functions.len() > 150, "the sources are read");
    let operators = ["add", "sub", "mul", "div", "neg"];
    let operations: BTreeSet<&str> = functions.iter().map(|f| f.name.as_str()).chain(operators).collect();
    let cases = cases();
    let checked: BTreeSet<&str> = cases.iter().map(|(name, ..)| subject(name)).collect();
    let others: BTreeSet<&str> = NO_GRADIENT.iter().chain(&NO_OPERATION).copied().collect();
    let all: BTreeSet<&str> = checked.union(&others).copied().collect();
    let none = BTreeSet::new();
    assert_eq!(&operations - &all, none, "operations in no table");
    assert_eq!(&all - &operations, none, "names of no operation");
    assert_eq!(&checked & &others, none, "checked, and said not to need it");
}
