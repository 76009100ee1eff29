//! Optimizers and gradient clipping.

use autograd::{Gradients, Result, Tensor};
use models::optim::AdjustLr;
use models::{
    Adadelta, Adafactor, Adagrad, Adam, AdamW, Adamax, Asgd, Init, Lbfgs, Muon, NAdam, Optimizer, Params,
    RAdam, RmsProp, Rprop, Rule, Sgd,
};

use super::attrs::Attrs;
use super::call::{Answer, Call, Unsupported};

/// One update of all parameters with a learning rate.
pub type Step = Box<dyn FnMut(Gradients, f32) -> Result<()>>;

fn boxed<R: Rule + 'static>(a: &Attrs, opt: Optimizer<R>) -> Step {
    let opt = opt.maximize(a.flag("maximize"));
    let mut opt = match a.float("weight_decay") {
        Some(weight_decay) => opt.weight_decay(weight_decay),
        None => opt,
    };
    Box::new(move |gradients, lr| opt.step(gradients, lr))
}

/// The optimizer that torch calls `name`.
pub fn optimizer(name: &str, a: &Attrs, params: &Params) -> std::result::Result<Step, Unsupported> {
    let float = |key: &str, default: f32| a.float(key).unwrap_or(default);
    let double = |key: &str, default: f64| a.double(key).unwrap_or(default);
    let pair = |key: &str, default: [f32; 2]| a.floats(key).map_or(default, |v| [v[0], v[1]]);
    // In double precision, as optimizers take them as f64.
    let betas = || a.doubles("betas").map_or([0.9, 0.999], |b| [b[0], b[1]]);
    Ok(match name {
        "SGD" => boxed(
            a,
            Sgd::new(params)
                .momentum(float("momentum", 0.0))
                .dampening(float("dampening", 0.0))
                .nesterov(a.flag("nesterov")),
        ),
        "Adam" | "AdamW" => {
            let decoupled = name == "AdamW" || a.flag("decoupled_weight_decay");
            let opt = if decoupled { AdamW::new(params) } else { Adam::new(params) };
            let opt = if name == "Adam" { opt.weight_decay(0.0) } else { opt };
            let [beta1, beta2] = pair("betas", [0.9, 0.999]);
            boxed(a, opt.betas(beta1, beta2).eps(float("eps", 1e-8)).amsgrad(a.flag("amsgrad")))
        }
        "RMSprop" => boxed(
            a,
            RmsProp::new(params)
                .alpha(double("alpha", 0.99))
                .eps(float("eps", 1e-8))
                .momentum(float("momentum", 0.0))
                .centered(a.flag("centered")),
        ),
        "Adagrad" => boxed(
            a,
            Adagrad::new(params)
                .lr_decay(double("lr_decay", 0.0))
                .initial_accumulator_value(float("initial_accumulator_value", 0.0))
                .eps(float("eps", 1e-10)),
        ),
        "Adadelta" => boxed(a, Adadelta::new(params).rho(double("rho", 0.9)).eps(float("eps", 1e-6))),
        "Adamax" => {
            let [beta1, beta2] = betas();
            boxed(a, Adamax::new(params).betas(beta1, beta2).eps(float("eps", 1e-8)))
        }
        "NAdam" => {
            let [beta1, beta2] = betas();
            let opt = NAdam::new(params).betas(beta1, beta2).eps(float("eps", 1e-8));
            let opt = opt.momentum_decay(double("momentum_decay", 4e-3));
            boxed(a, opt.decoupled_weight_decay(a.flag("decoupled_weight_decay")))
        }
        "RAdam" => {
            let [beta1, beta2] = betas();
            let opt = RAdam::new(params).betas(beta1, beta2).eps(float("eps", 1e-8));
            boxed(a, opt.decoupled_weight_decay(a.flag("decoupled_weight_decay")))
        }
        "Rprop" => {
            let ([minus, plus], [min, max]) = (pair("etas", [0.5, 1.2]), pair("step_sizes", [1e-6, 50.0]));
            boxed(a, Rprop::new(params).etas(minus, plus).step_sizes(min, max))
        }
        "ASGD" => boxed(
            a,
            Asgd::new(params).lambd(double("lambd", 1e-4)).alpha(double("alpha", 0.75)).t0(double("t0", 1e6)),
        ),
        "Adafactor" => {
            // torch's default of the first value is f32's epsilon, written as None.
            let eps = a.get("eps").and_then(|v| v.as_array());
            let at = |i: usize, default: f32| eps.and_then(|e| e[i].as_f64()).map_or(default, |e| e as f32);
            let [eps1, eps2] = [at(0, f32::EPSILON), at(1, 1e-3)];
            let opt = Adafactor::new(params).beta2_decay(double("beta2_decay", -0.8));
            boxed(a, opt.eps(eps1, eps2).d(float("d", 1.0)))
        }
        "Muon" => {
            // Newton-Schulz is always in f32 here; the tolerances of the bf16 cases allow for that.
            a.get("newton_schulz_dtype");
            let adjust = match a.text("adjust_lr_fn") {
                None | Some("original") => AdjustLr::Original,
                Some("match_rms_adamw") => AdjustLr::MatchRmsAdamW,
                Some(other) => return Err(Unsupported(format!("optim/Muon with {other}"))),
            };
            let coefficients = a.floats("ns_coefficients");
            let coefficients = coefficients.map_or([3.4445, -4.775, 2.0315], |c| [c[0], c[1], c[2]]);
            let opt = Muon::new(params)
                .momentum(double("momentum", 0.95))
                .nesterov(a.get("nesterov").is_none_or(|v| v.as_bool() == Some(true)))
                .ns_coefficients(coefficients)
                .ns_steps(a.size("ns_steps").unwrap_or(5))
                .eps(float("eps", 1e-7));
            boxed(a, opt.adjust_lr(adjust))
        }
        _ => return Err(Unsupported(format!("optim/{name}"))),
    })
}

pub fn run(c: &Call) -> Option<Answer> {
    match c.op.split_once('/')? {
        ("optim", "lbfgs_rosenbrock") => Some(lbfgs(c)),
        ("optim", name) => Some(steps(c, name)),
        ("clip", name) => Some(clip(c, name)),
        _ => None,
    }
}

/// Rosenbrock's function of several variables, `[n]`.
fn rosenbrock(x: &Tensor) -> Tensor {
    let n = x.size(0);
    let (now, next) = (x.narrow(0, 0, n - 1), x.narrow(0, 1, n - 1));
    ((next - now.square()).square() * 100.0 + (now - 1.0).square()).sum_all()
}

fn lbfgs(c: &Call) -> Answer {
    let a = &c.attrs;
    let params = Params::new(c.device, 0);
    let x = params.param("x", c.named("x").shape(), Init::ZEROS);
    x.set(c.named("x"));
    let mut opt = Lbfgs::new(&params);
    if let Some(n) = a.size("max_iter") {
        opt = opt.max_iter(n);
    }
    if let Some(n) = a.size("max_eval") {
        opt = opt.max_eval(n);
    }
    if let Some(n) = a.size("history_size") {
        opt = opt.history_size(n);
    }
    if let Some(tolerance) = a.double("tolerance_grad") {
        opt = opt.tolerance_grad(tolerance);
    }
    if let Some(tolerance) = a.double("tolerance_change") {
        opt = opt.tolerance_change(tolerance);
    }
    opt = match a.text("line_search_fn") {
        None => opt,
        Some("strong_wolfe") => opt.strong_wolfe(),
        Some(other) => return Err(c.without(other)),
    };
    let (lr, keep) = (a.float("lr").unwrap_or(1.0), a.sizes("keep").expect("keep"));
    let mut kept: Vec<(String, Tensor)> = vec![];
    for k in 1..=a.size("steps").expect("steps") {
        opt.step(lr, || rosenbrock(&x.value())).expect("a step");
        if keep.contains(&k) {
            kept.push((format!("x_{k}"), x.value().detach()));
            kept.push((format!("f_{k}"), rosenbrock(&x.value()).detach()));
        }
    }
    let value = |name: &String| kept.iter().find(|(n, _)| n == name).expect("a kept value").1.clone();
    Ok(c.outputs.iter().map(value).collect())
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
