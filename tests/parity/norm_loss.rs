//! Normalisation and losses.

use autograd::{CrossEntropyTarget, Reduction, Tensor, batch_norm_train};

use super::call::{Answer, Call};

pub fn run(c: &Call) -> Option<Answer> {
    match c.op {
        "batch_norm" => Some(Ok(batch_norm(c))),
        "layer_norm" => {
            let shape = c.attrs.sizes("normalized_shape").expect("normalized_shape");
            let [weight, bias] = affine(c, &shape);
            Some(Ok(vec![c.at(0).layer_norm(&weight, &bias, c.attrs.float("eps").unwrap_or(1e-5))]))
        }
        "mse_loss" | "nll_loss" | "cross_entropy" => Some(loss(c)),
        _ => None,
    }
}

/// Weight and bias; ones and zeros where a case has none.
fn affine(c: &Call, shape: &[usize]) -> [Tensor; 2] {
    let weight = c.find("weight").cloned().unwrap_or_else(|| Tensor::ones(c.device, shape));
    let bias = c.find("bias").cloned().unwrap_or_else(|| Tensor::zeros(c.device, shape));
    [weight, bias]
}

fn batch_norm(c: &Call) -> Vec<Tensor> {
    let x = c.at(0);
    let [weight, bias] = affine(c, &[x.shape()[1]]);
    let (eps, momentum) = (c.attrs.float("eps").unwrap_or(1e-5), c.attrs.float("momentum").unwrap_or(0.1));
    let running = c.find("running_mean").zip(c.find("running_var"));
    if !c.attrs.flag("training") {
        let (mean, var) = running.expect("running statistics");
        return vec![x.batch_norm_eval(mean, var, &weight, &bias, eps)];
    }
    let batch = batch_norm_train(x, &weight, &bias, eps);
    let running = running.map(|(mean, var)| batch.running(mean, var, momentum));
    [batch.y].into_iter().chain(running.into_iter().flat_map(|(mean, var)| [mean, var])).collect()
}

fn loss(c: &Call) -> Answer {
    let (a, x, target) = (&c.attrs, c.at(0), c.at(1));
    let reduction = match a.text("reduction") {
        None | Some("mean") => Reduction::Mean,
        Some("sum") => Reduction::Sum,
        Some("none") => Reduction::None,
        Some(other) => return Err(c.without(other)),
    };
    let ignore = || a.int("ignore_index").unwrap_or(-100) as i32;
    Ok(vec![match c.op {
        "mse_loss" => x.mse_loss(target, reduction),
        "nll_loss" => x.nll_loss(target, c.find("weight"), ignore(), reduction),
        _ => {
            let float = target.dtype().is_float();
            let kind = if float { CrossEntropyTarget::Probabilities } else { CrossEntropyTarget::Classes };
            let smoothing = a.float("label_smoothing").unwrap_or(0.0);
            x.cross_entropy_with(kind(target), c.find("weight"), ignore(), smoothing, reduction)
        }
    }])
}
