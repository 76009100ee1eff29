//! Element-wise operators.

use autograd::{DType, Tensor};

use super::context::Context;
use super::value::{Host, Outcome, Value, broadcast, dtype};

type OnHost = fn(f64, f64) -> f64;
type OnDevice = fn(&Tensor, &Tensor) -> Tensor;

/// Functions of two operands: on the host, on the device, and whether the result is a bool.
const BINARY: &[(&str, OnHost, OnDevice, bool)] = &[
    ("Add", |a, b| a + b, |a, b| a + b, false),
    ("Sub", |a, b| a - b, |a, b| a - b, false),
    ("Mul", |a, b| a * b, |a, b| a * b, false),
    ("Div", |a, b| a / b, |a, b| a / b, false),
    ("Pow", f64::powf, |a, b| a.pow(b), false),
    ("Max", f64::max, |a, b| a.maximum(b), false),
    ("Min", f64::min, |a, b| a.minimum(b), false),
    ("Equal", |a, b| (a == b).into(), |a, b| a.eq(b), true),
    ("Less", |a, b| (a < b).into(), |a, b| a.lt(b), true),
    ("LessOrEqual", |a, b| (a <= b).into(), |a, b| a.le(b), true),
    ("Greater", |a, b| (a > b).into(), |a, b| a.gt(b), true),
    ("GreaterOrEqual", |a, b| (a >= b).into(), |a, b| a.ge(b), true),
    ("And", |a, b| (a != 0.0 && b != 0.0).into(), |a, b| a.logical_and(b), true),
    ("Or", |a, b| (a != 0.0 || b != 0.0).into(), |a, b| a.logical_or(b), true),
    ("Mod", |a, b| a - (a / b).floor() * b, |a, b| a.remainder(b), false),
];

type Single = (&'static str, fn(f64) -> f64, fn(&Tensor) -> Tensor);

/// Functions of one operand.
const UNARY: &[Single] = &[
    ("Relu", |a| a.max(0.0), Tensor::relu),
    ("Sigmoid", |a| 1.0 / (1.0 + (-a).exp()), Tensor::sigmoid),
    ("Tanh", f64::tanh, Tensor::tanh),
    ("Exp", f64::exp, Tensor::exp),
    ("Log", f64::ln, Tensor::log),
    ("Sqrt", f64::sqrt, Tensor::sqrt),
    ("Neg", |a| -a, |x| -x),
    ("Abs", f64::abs, Tensor::abs),
    ("Reciprocal", |a| 1.0 / a, Tensor::reciprocal),
    ("Floor", f64::floor, Tensor::floor),
    ("Ceil", f64::ceil, Tensor::ceil),
    ("Sin", f64::sin, Tensor::sin),
    ("Cos", f64::cos, Tensor::cos),
    ("Not", |a| (a == 0.0).into(), Tensor::logical_not),
];

pub const NAMES: &[&str] = &[
    "Where",
    "Cast",
    "Clip",
    "Erf",
    "Gelu",
    "HardSigmoid",
    "HardSwish",
    "LeakyRelu",
    "Elu",
    "Identity",
    "Dropout",
];

/// Whether an operator is in this file.
pub fn has(op: &str) -> bool {
    BINARY.iter().any(|b| b.0 == op) || UNARY.iter().any(|u| u.0 == op) || NAMES.contains(&op)
}

pub fn run(op: &str, c: &Context) -> Outcome<Value> {
    if let Some((_, host, device, truth)) = BINARY.iter().find(|b| b.0 == op) {
        return binary(op, c, *host, *device, *truth);
    }
    if let Some((_, host, device)) = UNARY.iter().find(|u| u.0 == op) {
        return Ok(match c.value(0)? {
            Value::Host(x) => {
                Value::Host(Host { values: x.values.iter().map(|&v| host(v)).collect(), ..x.clone() })
            }
            Value::Device(x) if x.dtype() == unary_type(op) => Value::Device(device(x)),
            Value::Device(x) => return Err(format!("an input of type {} is not supported", x.dtype())),
        });
    }
    match op {
        "Identity" | "Dropout" => return Ok(c.value(0)?.clone()),
        "Where" => return choose(c),
        "Cast" => return cast(c),
        _ => {}
    }
    let x = c.floats(0)?;
    Ok(Value::Device(match op {
        "Erf" => x.erf(),
        "Gelu" if c.text("approximate") == Some("tanh") => x.gelu_tanh(),
        "Gelu" => x.gelu(),
        "HardSigmoid" => (&x * c.float("alpha", 0.2) + c.float("beta", 0.5)).clamp(0.0, 1.0),
        "HardSwish" => &x * (&x * (1.0 / 6.0) + 0.5).clamp(0.0, 1.0),
        "LeakyRelu" => x.maximum(0.0) + x.minimum(0.0) * c.float("alpha", 0.01),
        "Elu" => x.maximum(0.0) + (x.minimum(0.0).exp() - 1.0) * c.float("alpha", 1.0),
        "Clip" => {
            let bound = |i: usize, name: &str| -> Outcome<Option<f32>> {
                let given = if c.has(i) { c.host(i)?.values.first().map(|&v| v as f32) } else { None };
                Ok(given.or_else(|| c.attribute(name).and_then(|a| a.f)))
            };
            let x = bound(1, "min")?.map_or(x.clone(), |low| x.maximum(low));
            bound(2, "max")?.map_or(x.clone(), |high| x.minimum(high))
        }
        _ => return Err("an unknown operator".into()),
    }))
}

/// The type that a function of one operand is supported for.
fn unary_type(op: &str) -> DType {
    if op == "Not" { DType::Bool } else { DType::F32 }
}

fn binary(op: &str, c: &Context, host: OnHost, device: OnDevice, truth: bool) -> Outcome<Value> {
    if c.inputs.len() != 2 {
        return Err(format!("{} inputs, only 2 are supported", c.inputs.len()));
    }
    let shape = broadcast(&[&c.shape(0)?, &c.shape(1)?])?;
    if !c.on_host() {
        let (a, b) = (c.tensor(0)?, c.tensor(1)?);
        let bits = matches!(op, "And" | "Or");
        let whole = !matches!(op, "Pow" | "Mod") && a.dtype() == DType::I32;
        let fits = if bits { a.dtype() == DType::Bool } else { a.dtype().is_float() || whole };
        if a.dtype() != b.dtype() || !fits {
            return Err(format!("operands of types {} and {}", a.dtype(), b.dtype()));
        }
        return Ok(Value::Device(device(&a, &b)));
    }
    let (a, b) = (c.host(0)?.expanded(&shape)?, c.host(1)?.expanded(&shape)?);
    let whole = op == "Div" && a.dtype != DType::F32;
    let of = |(&a, &b): (&f64, &f64)| if whole { host(a, b).trunc() } else { host(a, b) };
    let values = a.values.iter().zip(&b.values).map(of).collect();
    Ok(Value::Host(Host { shape, values, dtype: if truth { DType::Bool } else { a.dtype } }))
}

fn choose(c: &Context) -> Outcome<Value> {
    let shape = broadcast(&[&c.shape(0)?, &c.shape(1)?, &c.shape(2)?])?;
    if !c.on_host() {
        let [which, a, b] = [0, 1, 2].map(|i| c.tensor(i));
        let (which, a, b) = (which?, a?, b?);
        if which.dtype() != DType::Bool || a.dtype() != b.dtype() {
            return Err(format!("inputs of types {}, {} and {}", which.dtype(), a.dtype(), b.dtype()));
        }
        return Ok(Value::Device(a.where_(&which, &b)));
    }
    let [which, a, b] = [0, 1, 2].map(|i| c.host(i).and_then(|h| h.expanded(&shape)));
    let (which, mut a, b) = (which?, a?, b?);
    for ((a, b), which) in a.values.iter_mut().zip(&b.values).zip(&which.values) {
        if *which == 0.0 {
            *a = *b;
        }
    }
    Ok(Value::Host(a))
}

fn cast(c: &Context) -> Outcome<Value> {
    let to = dtype(c.int("to", 0) as i32)?;
    Ok(match c.value(0)? {
        Value::Device(x) => Value::Device(x.to(to)),
        Value::Host(x) => {
            let of = |&v: &f64| match to {
                DType::F32 => v,
                DType::Bool => (v != 0.0).into(),
                _ => v.trunc(),
            };
            Value::Host(Host { values: x.values.iter().map(of).collect(), shape: x.shape.clone(), dtype: to })
        }
    })
}
