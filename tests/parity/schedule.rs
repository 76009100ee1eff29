//! Learning-rate schedules.

use autograd::Tensor;
use models::{
    ConstantLr, Cosine, CosineAnnealingWarmRestarts, CyclicLr, ExponentialLr, LinearLr, OneCycle,
    PolynomialLr, ReduceLrOnPlateau, Schedule, SequentialLr, Step,
};

use super::attrs::Attrs;
use super::call::{Answer, Call, Unsupported};

pub fn run(c: &Call) -> Option<Answer> {
    let name = c.op.strip_prefix("lr/")?;
    Some(rates(c, name))
}

fn rates(c: &Call, name: &str) -> Answer {
    let a = &c.attrs;
    let (steps, initial) = (a.size("steps").expect("steps"), a.double("initial_lr").expect("initial_lr"));
    let vector = |values: Vec<f32>| Tensor::constant(c.device, &values, &[steps]);
    if name == "OneCycleLR" {
        let cycle = one_cycle(c)?;
        let rates = vector((0..steps).map(|k| cycle.lr(k)).collect());
        let momentum =
            a.flag("record_momentum").then(|| vector((0..steps).map(|k| cycle.momentum(k)).collect()));
        return Ok([rates].into_iter().chain(momentum).collect());
    }
    if name == "CyclicLR" {
        let cycle = cyclic(c)?;
        let rates = vector((0..steps).map(|k| cycle.lr(k)).collect());
        let momentum =
            a.flag("record_momentum").then(|| vector((0..steps).map(|k| cycle.momentum(k)).collect()));
        return Ok([rates].into_iter().chain(momentum).collect());
    }
    if name == "ReduceLROnPlateau" {
        let mut plateau = plateau(c, initial)?;
        let metrics: Vec<f32> = c.named("metric").to_vec().expect("read");
        let rate = |metric: &f32| {
            let lr = plateau.lr();
            plateau.step(*metric);
            lr
        };
        return Ok(vec![vector(metrics.iter().take(steps).map(rate).collect())]);
    }
    let schedule = schedule(name, a, initial, steps)?;
    Ok(vec![vector((0..steps).map(|k| schedule.lr(k)).collect())])
}

/// The schedule that torch calls `name`, for an optimizer with the rate `lr`, valid for `steps` steps.
fn schedule(name: &str, a: &Attrs, lr: f64, steps: usize) -> Result<Box<dyn Schedule>, Unsupported> {
    let gamma = || a.double("gamma").unwrap_or(0.1);
    let double = |key: &str, default: f64| a.double(key).unwrap_or(default);
    let total = || a.size("total_iters").unwrap_or(5);
    Ok(match name {
        "StepLR" => {
            let size = a.size("step_size").expect("step_size");
            Box::new(Step::new(lr, gamma(), (1..=steps / size).map(|k| k * size).collect::<Vec<_>>()))
        }
        "MultiStepLR" => Box::new(Step::new(lr, gamma(), a.sizes("milestones").expect("milestones"))),
        "ExponentialLR" => Box::new(ExponentialLr::new(lr, a.double("gamma").expect("gamma"))),
        "ConstantLR" => Box::new(ConstantLr::new(lr, double("factor", 1.0 / 3.0), total())),
        "PolynomialLR" => Box::new(PolynomialLr::new(lr, double("power", 1.0), total())),
        "LinearLR" => {
            Box::new(LinearLr::new(lr, double("start_factor", 1.0 / 3.0), double("end_factor", 1.0), total()))
        }
        "CosineAnnealingLR" => {
            let end = double("eta_min", 0.0);
            Box::new(Cosine::new(lr, end, a.size("T_max").expect("T_max")).periodic())
        }
        "CosineAnnealingWarmRestarts" => {
            let (first, factor) = (a.size("T_0").expect("T_0"), a.size("T_mult").unwrap_or(1));
            Box::new(CosineAnnealingWarmRestarts::new(lr, double("eta_min", 0.0), first, factor))
        }
        "SequentialLR" => {
            let parts = a.list("schedulers").expect("schedulers");
            let mut schedules = vec![];
            for part in &parts {
                schedules.push(schedule(part.text("scheduler").expect("a name"), part, lr, steps)?);
                if let Some(key) = part.unread() {
                    return Err(Unsupported(format!("lr/SequentialLR with {key}")));
                }
            }
            Box::new(SequentialLr::new(schedules, a.sizes("milestones").expect("milestones")))
        }
        _ => return Err(Unsupported(format!("lr/{name}"))),
    })
}

fn plateau(c: &Call, lr: f64) -> Result<ReduceLrOnPlateau, Unsupported> {
    let a = &c.attrs;
    let double = |key: &str, default: f64| a.double(key).unwrap_or(default);
    let threshold = double("threshold", 1e-4);
    let plateau = ReduceLrOnPlateau::new(lr)
        .factor(double("factor", 0.1))
        .patience(a.size("patience").unwrap_or(10))
        .cooldown(a.size("cooldown").unwrap_or(0))
        .min_lr(double("min_lr", 0.0))
        .eps(double("eps", 1e-8));
    let plateau = match a.text("threshold_mode") {
        None | Some("rel") => plateau.threshold(threshold),
        Some("abs") => plateau.absolute_threshold(threshold),
        Some(other) => return Err(c.without(other)),
    };
    Ok(match a.text("mode") {
        None | Some("min") => plateau,
        Some("max") => plateau.maximize(),
        Some(other) => return Err(c.without(other)),
    })
}

fn cyclic(c: &Call) -> Result<CyclicLr, Unsupported> {
    let a = &c.attrs;
    let double = |key: &str, default: f64| a.double(key).unwrap_or(default);
    let momentum = a.double("initial_momentum").is_none() || a.flag("cycle_momentum");
    a.flag("cycle_momentum");
    if a.flag("record_momentum") && !momentum {
        return Err(c.without("a momentum of the optimizer's own"));
    }
    let up = a.size("step_size_up").unwrap_or(2000);
    let cycle = CyclicLr::new(a.double("base_lr").expect("base_lr"), a.double("max_lr").expect("max_lr"), up)
        .down(a.size("step_size_down").unwrap_or(up))
        .momentum_range(double("base_momentum", 0.8), double("max_momentum", 0.9));
    let gamma = double("gamma", 1.0);
    Ok(match a.text("mode") {
        None | Some("triangular") => cycle,
        Some("triangular2") => cycle.halving(),
        Some("exp_range") => cycle.exp_range(gamma),
        Some(other) => return Err(c.without(other)),
    })
}

fn one_cycle(c: &Call) -> Result<OneCycle, Unsupported> {
    let a = &c.attrs;
    let double = |key: &str, default: f64| a.double(key).unwrap_or(default);
    let momentum = a.double("initial_momentum").is_none() || a.flag("cycle_momentum");
    if a.flag("record_momentum") && !momentum {
        return Err(c.without("a momentum of the optimizer's own"));
    }
    let cycle =
        OneCycle::new(a.double("max_lr").expect("max_lr"), a.size("total_steps").expect("total_steps"))
            .warm(double("pct_start", 0.3))
            .div(double("div_factor", 25.0), double("final_div_factor", 1e4))
            .momentum_range(double("base_momentum", 0.85), double("max_momentum", 0.95));
    let cycle = if a.flag("three_phase") { cycle.three_phase() } else { cycle };
    Ok(if a.text("anneal_strategy") == Some("linear") { cycle.linear() } else { cycle })
}
