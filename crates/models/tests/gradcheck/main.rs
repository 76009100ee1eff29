//! The gradients of every layer against finite differences, for inputs and parameters, of first and second order.
//!
//! A new layer needs a line in one of the tables; [`every_layer_is_checked`] fails without it.

mod attention;
#[path = "../../../autograd/tests/check/mod.rs"]
#[allow(dead_code)] // a part of it is enough here
mod check;
mod exported;
mod graphs;
mod plain;
mod recurrent;

use std::collections::BTreeSet;

use autograd::{Device, Tensor};
use models::Params;

use check::{Check, Input, signed, subject};

/// A name that starts with the layer's, the inputs, and a function that builds the layer under the given parameters.
type Case = (&'static str, Vec<Input>, fn(&Params) -> Layer);
type Layer = Box<dyn Fn(&[Tensor]) -> Tensor>;

/// Boxes a layer, for short table rows.
fn layer(f: impl Fn(&[Tensor]) -> Tensor + 'static) -> Layer {
    Box::new(f)
}

fn check_all(cases: Vec<Case>) {
    for (name, mut inputs, build) in cases {
        let own = inputs.len();
        let params = params();
        drop(build(&params));
        let shapes: Vec<Vec<usize>> = params.trainable().iter().map(|p| p.value().shape().to_vec()).collect();
        inputs.extend(shapes.iter().map(|shape| signed(0.2, 0.8, shape)));
        // The layer is rebuilt for each point, so that random numbers and tracked statistics start anew.
        let at = |x: &[Tensor]| {
            let params = self::params();
            let layer = build(&params);
            let trainable = params.trainable();
            trainable.iter().zip(&x[own..]).for_each(|(param, value)| param.set(value));
            let variables = x[..own].iter().cloned().chain(trainable.iter().map(|p| p.value()));
            (variables.collect(), layer(&x[..own]))
        };
        let check = Check::new(name, &inputs, &at);
        check.first_order();
        check.second_order();
    }
}

fn params() -> Params {
    Params::new(&Device::named("cpu").unwrap(), 3)
}

#[test]
fn every_layer_is_checked() {
    let cases = [plain::cases(), recurrent::cases(), attention::cases(), graphs::cases()];
    let checked: BTreeSet<String> = cases.iter().flatten().map(|case| subject(case.0).to_owned()).collect();
    let layers = exported::layers();
    let none = BTreeSet::new();
    assert_eq!(&layers - &checked, none, "layers in no table");
    assert_eq!(&checked - &layers, none, "names of no layer");
}
