//! Mistakes panic where they are made: the message names the operation and the shapes or types, the location is the caller's own line.
//!
//! [`documented_panics_are_tested`] requires a mistake for every function that documents panics.

mod convolutions;
mod devices;
mod elementwise;
mod indexing;
mod losses;
mod norms;
#[path = "../check/panics.rs"]
mod panics;
mod pools;
mod recurrent;
mod reductions;
mod shapes;
#[path = "../check/sources.rs"]
mod sources;
mod tensors;

use std::collections::BTreeSet;

use autograd::{DType, Device, Tensor};

fn cpu() -> Device {
    Device::named("cpu").unwrap()
}

fn f32s(shape: &[usize]) -> Tensor {
    Tensor::ones(&cpu(), shape)
}

fn i32s(shape: &[usize]) -> Tensor {
    f32s(shape).to(DType::I32)
}

#[test]
fn documented_panics_are_tested() {
    let tables = [
        convolutions::MISTAKES,
        elementwise::MISTAKES,
        indexing::MISTAKES,
        losses::MISTAKES,
        norms::MISTAKES,
        pools::MISTAKES,
        recurrent::MISTAKES,
        reductions::MISTAKES,
        shapes::MISTAKES,
        tensors::MISTAKES,
    ];
    let tested: BTreeSet<&str> = tables.concat().iter().map(|(name, ..)| panics::subject(name)).collect();
    let functions = sources::functions(concat!(env!("CARGO_MANIFEST_DIR"), "/src/ops"));
    assert!(functions.len() > 150, "the sources are read");
    let missing = functions.iter().filter(|f| f.panics && !tested.contains(f.name.as_str()));
    let missing: Vec<&str> = missing.map(|f| f.name.as_str()).collect();
    assert!(missing.is_empty(), "documented panics that no table tests: {missing:?}");
}
