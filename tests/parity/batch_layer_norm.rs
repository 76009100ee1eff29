//! Normalisation.

use autograd::{Tensor, batch_norm_train};
use models::{Init, Params};

use super::call::{Answer, Call};

pub fn run(c: &Call) -> Option<Answer> {
    match c.op {
        "batch_norm" => Some(Ok(batch_norm(c))),
        "layer_norm" => {
            let shape = c.attrs.sizes("normalized_shape").expect("normalized_shape");
            let [weight, bias] = affine(c, &shape);
            Some(Ok(vec![c.at(0).layer_norm(&weight, &bias, c.attrs.float("eps").unwrap_or(1e-5))]))
        }
        _ => None,
    }
}

/// Weight and bias; ones and zeros if a case has none.
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
    let moved = |old: &Tensor, value: &Tensor, share: f32| {
        let statistic = Params::new(c.device, 0).statistic("running", old.shape(), Init::ZEROS);
        statistic.set(old);
        statistic.track(value, 1.0 - momentum, share);
        statistic.value()
    };
    let running = running.map(|(mean, var)| {
        [moved(mean, &batch.mean, momentum), moved(var, &batch.var, momentum * batch.correction())]
    });
    [batch.y].into_iter().chain(running.into_iter().flatten()).collect()
}
