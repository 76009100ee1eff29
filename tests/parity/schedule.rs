//! Learning-rate schedules.

use autograd::Tensor;
use models::{Constant, Cosine, OneCycle, Schedule, Step, Warmup};

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
    let schedule = schedule(name, a, initial, steps)?;
    Ok(vec![vector((0..steps).map(|k| schedule.lr(k)).collect())])
}

/// torch's scheduler of a name, on an optimizer with the rate `lr`; good for `steps` steps.
fn schedule(name: &str, a: &Attrs, lr: f64, steps: usize) -> Result<Box<dyn Schedule>, Unsupported> {
    let gamma = || a.double("gamma").unwrap_or(0.1);
    Ok(match name {
        "StepLR" => {
            let size = a.size("step_size").expect("step_size");
            Box::new(Step::new(lr, gamma(), (1..=steps / size).map(|k| k * size).collect::<Vec<_>>()))
        }
        "MultiStepLR" => Box::new(Step::new(lr, gamma(), a.sizes("milestones").expect("milestones"))),
        "CosineAnnealingLR" => {
            let end = a.double("eta_min").unwrap_or(0.0);
            Box::new(Cosine::new(lr, end, a.size("T_max").expect("T_max")).periodic())
        }
        "LinearLR" => {
            let (start, steps) = warmup(a)?;
            Box::new(Warmup::new(start, steps, Constant(lr as f32)))
        }
        "SequentialLR" => {
            let (parts, milestones) =
                (a.list("schedulers").expect("schedulers"), a.sizes("milestones").expect("milestones"));
            let [first, then] = &parts[..] else {
                return Err(Unsupported("lr/SequentialLR of more than two".into()));
            };
            if first.text("scheduler") != Some("LinearLR") {
                return Err(Unsupported("lr/SequentialLR without a warm-up".into()));
            }
            let (start, warm) = warmup(first)?;
            if milestones != [warm] {
                return Err(Unsupported("lr/SequentialLR that cuts its warm-up".into()));
            }
            let inner = schedule(then.text("scheduler").expect("a name"), then, lr, steps)?;
            if let Some(key) = first.unread().or_else(|| then.unread()) {
                return Err(Unsupported(format!("lr/SequentialLR with {key}")));
            }
            Box::new(Warmup::new(start, warm, inner))
        }
        _ => return Err(Unsupported(format!("lr/{name}"))),
    })
}

/// Start factor and length of a `LinearLR` that ends at the full rate.
fn warmup(a: &Attrs) -> Result<(f32, usize), Unsupported> {
    if a.float("end_factor").unwrap_or(1.0) != 1.0 {
        return Err(Unsupported("lr/LinearLR with another end than the full rate".into()));
    }
    Ok((a.float("start_factor").unwrap_or(1.0 / 3.0), a.size("total_iters").unwrap_or(5)))
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
