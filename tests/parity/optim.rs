//! Optimizers and gradient clipping.

use autograd::{Gradients, Result, Tensor};
use models::{Adam, AdamW, Init, Params, Sgd};

use super::attrs::Attrs;
use super::call::{Answer, Call, Unsupported};

/// One update of all parameters with a learning rate.
pub type Step = Box<dyn FnMut(Gradients, f32) -> Result<()>>;

/// torch's optimizer of a name.
pub fn optimizer(name: &str, a: &Attrs, params: &Params) -> std::result::Result<Step, Unsupported> {
    let float = |key: &str, default: f32| a.float(key).unwrap_or(default);
    match name {
        "SGD" => {
            let mut opt = Sgd::new(params)
                .momentum(float("momentum", 0.0))
                .dampening(float("dampening", 0.0))
                .weight_decay(float("weight_decay", 0.0))
                .nesterov(a.flag("nesterov"))
                .maximize(a.flag("maximize"));
            Ok(Box::new(move |gradients, lr| opt.step(gradients, lr)))
        }
        "Adam" | "AdamW" => {
            let decoupled = name == "AdamW" || a.flag("decoupled_weight_decay");
            let (opt, decay) = if decoupled { (AdamW::new(params), 0.01) } else { (Adam::new(params), 0.0) };
            let decay = if name == "AdamW" { decay } else { 0.0 };
            let betas = a.floats("betas").unwrap_or_else(|| vec![0.9, 0.999]);
            let mut opt = opt
                .betas(betas[0], betas[1])
                .eps(float("eps", 1e-8))
                .weight_decay(float("weight_decay", decay))
                .amsgrad(a.flag("amsgrad"))
                .maximize(a.flag("maximize"));
            Ok(Box::new(move |gradients, lr| opt.step(gradients, lr)))
        }
        _ => Err(Unsupported(format!("optim/{name}"))),
    }
}

pub fn run(c: &Call) -> Option<Answer> {
    match c.op.split_once('/')? {
        ("optim", name) => Some(steps(c, name)),
        ("clip", name) => Some(clip(c, name)),
        _ => None,
    }
}

fn steps(c: &Call, name: &str) -> Answer {
    let params = Params::new(c.device, 0);
    let mut step = optimizer(name, &c.attrs, &params)?;
    let variables = c.inputs.iter().filter(|(name, _)| !name.starts_with("grads_"));
    let variables: Vec<_> = variables
        .map(|(name, start)| {
            let param = params.param(name, start.shape(), Init::ZEROS);
            param.set(start);
            (param, c.named(&format!("grads_{name}")))
        })
        .collect();
    let lr = c.attrs.float("lr").expect("lr");
    let keep = c.attrs.sizes("keep").expect("keep");
    let mut kept: Vec<(String, Tensor)> = vec![];
    for k in 0..c.attrs.size("steps").expect("steps") {
        let pairs = variables.iter().map(|(param, grads)| (param.value(), grads.select(0, k)));
        step(Gradients::from_pairs(pairs), lr).expect("a step");
        if keep.contains(&(k + 1)) {
            kept.extend(
                variables.iter().map(|(p, _)| (format!("{}_{}", p.name(), k + 1), p.value().detach())),
            );
        }
    }
    let value = |name: &String| kept.iter().find(|(n, _)| n == name).expect("a kept value").1.clone();
    Ok(c.outputs.iter().map(value).collect())
}

fn clip(c: &Call, name: &str) -> Answer {
    let variables: Vec<Tensor> = c.tensors().iter().map(|g| g.zeros_like().variable()).collect();
    let pairs = variables.iter().cloned().zip(c.tensors().into_iter().cloned());
    let gradients = Gradients::from_pairs(pairs);
    let (gradients, norm) = match name {
        "clip_grad_norm_" => {
            let p = c.attrs.float("norm_type").unwrap_or(2.0);
            let (gradients, norm) = gradients.clip_norm(c.attrs.float("max_norm").expect("max_norm"), p);
            (gradients, Some(norm))
        }
        "clip_grad_value_" => (gradients.clip_value(c.attrs.float("clip_value").expect("clip_value")), None),
        _ => return Err(Unsupported(c.op.into())),
    };
    let clipped = variables.iter().map(|v| gradients.get(v).expect("a gradient").clone());
    Ok(norm.into_iter().chain(clipped).collect())
}
