//! Mistakes with layers and parameters panic at the caller's own line.

mod attention;
#[path = "../gradcheck/exported.rs"]
mod exported;
mod graphs;
mod layers;
#[path = "../../../autograd/tests/check/panics.rs"]
mod panics;
mod recurrent;
mod rest;

use std::collections::BTreeSet;

use autograd::{DType, Device, Tensor};
use models::Params;

fn cpu() -> Device {
    Device::named("cpu").unwrap()
}

fn params() -> Params {
    Params::new(&cpu(), 0)
}

fn ones(shape: &[usize]) -> Tensor {
    Tensor::ones(&cpu(), shape)
}

fn ints(shape: &[usize]) -> Tensor {
    ones(shape).to(DType::I32)
}

fn flags(shape: &[usize]) -> Tensor {
    ones(shape).to(DType::Bool)
}

#[test]
fn every_layer_is_misused() {
    let tables = [attention::MISTAKES, graphs::MISTAKES, layers::MISTAKES, recurrent::MISTAKES].concat();
    let misused: BTreeSet<String> = tables.iter().map(|row| panics::subject(row.0).to_owned()).collect();
    let layers = exported::layers();
    let none = BTreeSet::new();
    assert_eq!(&layers - &misused, none, "layers in no table");
    assert_eq!(&misused - &layers, none, "names of no layer");
}
