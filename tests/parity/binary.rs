//! Element-wise functions of two and three tensors.

use autograd::Tensor;

use super::call::{Answer, Call};

pub fn run(c: &Call) -> Option<Answer> {
    let a = &c.attrs;
    let x = c.inputs.first().map(|(_, x)| x)?;
    let other = || c.at(1);
    let scaled = || a.float("alpha").map_or_else(|| other().clone(), |alpha| other() * alpha);
    let y: Tensor = match c.op {
        "add" => x + scaled(),
        "sub" => x - scaled(),
        "mul" => x * other(),
        "div" => match a.text("rounding_mode") {
            None => x / other(),
            Some("trunc") => (x / other()).trunc(),
            Some("floor") => x.floor_divide(other()),
            Some(mode) => return Some(Err(c.without(mode))),
        },
        "pow" => x.pow(other()),
        "atan2" => x.atan2(other()),
        "fmod" => x.fmod(other()),
        "remainder" => x.remainder(other()),
        "maximum" => x.maximum(other()),
        "minimum" => x.minimum(other()),
        "eq" => x.eq(other()),
        "ne" => x.ne(other()),
        "lt" => x.lt(other()),
        "le" => x.le(other()),
        "gt" => x.gt(other()),
        "ge" => x.ge(other()),
        "logical_and" => x.logical_and(other()),
        "logical_or" => x.logical_or(other()),
        "logical_xor" => x.logical_xor(other()),
        "where" => c.at(1).where_(x, c.at(2)),
        "lerp" => match a.float("weight") {
            Some(weight) => x.lerp(other(), weight),
            None => x.lerp(other(), c.named("weight")),
        },
        "clamp" => clamp(c, x),
        _ => return None,
    };
    Some(Ok(vec![y]))
}

/// Clamps to bounds that are attributes or inputs; either bound may be missing.
fn clamp(c: &Call, x: &Tensor) -> Tensor {
    let x = match (c.attrs.float("min"), c.find("min")) {
        (Some(min), _) => x.clamp_min(min),
        (_, Some(min)) => x.clamp_min(min),
        _ => x.clone(),
    };
    match (c.attrs.float("max"), c.find("max")) {
        (Some(max), _) => x.clamp_max(max),
        (_, Some(max)) => x.clamp_max(max),
        _ => x,
    }
}
