//! Reductions.

use autograd::Tensor;

use super::call::{Answer, Call};

pub fn run(c: &Call) -> Option<Answer> {
    let a = &c.attrs;
    let x = c.inputs.first().map(|(_, x)| x)?;
    let all = || (0..x.rank() as isize).collect::<Vec<_>>();
    let dims = || a.ints("dim").filter(|d| !d.is_empty()).unwrap_or_else(all);
    let keep = || a.flag("keepdim");
    let one = |y: Tensor| Some(Ok(vec![y]));
    match c.op {
        "sum" => one(x.sum(&dims(), keep())),
        "mean" => one(x.mean(&dims(), keep())),
        "prod" => one(x.prod(&dims(), keep())),
        "amax" => one(x.amax(&dims(), keep())),
        "amin" => one(x.amin(&dims(), keep())),
        "any" => one(x.any(&dims(), keep())),
        "all" => one(x.all(&dims(), keep())),
        "logsumexp" => one(x.logsumexp(&dims(), keep())),
        "cumsum" => one(x.cumsum(a.int("dim").expect("dim"))),
        "cumprod" => one(x.cumprod(a.int("dim").expect("dim"))),
        "logcumsumexp" => one(x.logcumsumexp(a.int("dim").expect("dim"))),
        "var" => one(x.var(&dims(), correction(c), keep())),
        "std" => one(x.std(&dims(), correction(c), keep())),
        "norm" => one(x.norm(a.float("p").unwrap_or(2.0), &dims(), keep())),
        "normalize" => {
            let (p, eps) = (a.float("p").unwrap_or(2.0), a.float("eps").unwrap_or(1e-12));
            one(x.normalize(p, a.int("dim").unwrap_or(1), eps))
        }
        "argmax" => one(position(c, x, Tensor::argmax)),
        "argmin" => one(position(c, x, Tensor::argmin)),
        "max" | "min" if c.inputs.len() == 2 => {
            one(if c.op == "max" { x.maximum(c.at(1)) } else { x.minimum(c.at(1)) })
        }
        "max" | "min" => Some(Ok(match a.int("dim") {
            None if c.op == "max" => vec![x.amax(&all(), keep())],
            None => vec![x.amin(&all(), keep())],
            Some(dim) => {
                let (values, indices) =
                    if c.op == "max" { x.max_dim(dim, keep()) } else { x.min_dim(dim, keep()) };
                vec![values, indices]
            }
        })),
        _ => None,
    }
}

fn correction(c: &Call) -> f32 {
    match c.attrs.get("unbiased").and_then(|v| v.as_bool()) {
        Some(unbiased) => f32::from(u8::from(unbiased)),
        None => c.attrs.float("correction").unwrap_or(1.0),
    }
}

/// The position found along a dimension, or in the whole tensor.
fn position(c: &Call, x: &Tensor, find: fn(&Tensor, isize, bool) -> Tensor) -> Tensor {
    let keep = c.attrs.flag("keepdim");
    match c.attrs.int("dim") {
        Some(dim) => find(x, dim, keep),
        None => {
            let y = find(&x.flatten(0, -1), 0, false);
            if keep { y.reshape(&vec![1; x.rank()]) } else { y }
        }
    }
}
