//! Distributions of initial values.

use models::Init;
use models::init::{Fan, Nonlinearity};

use super::attrs::Attrs;
use super::call::Unsupported;
use super::compare::Check;
use super::fixtures::Case;

/// Checks mean, deviation and bounds of draws with several seeds.
pub fn run(case: &Case) -> Result<Vec<Check>, Unsupported> {
    let a = Attrs::new(case.attrs.clone());
    let kwargs = a.inner("kwargs").unwrap_or_else(|| Attrs::new(Default::default()));
    let init = init(case, &kwargs)?;
    let shape = a.sizes("shape").expect("shape");
    let (mean, std) = (a.double("mean").expect("mean"), a.double("std").expect("std"));
    let (low, high) = (a.double("low"), a.double("high"));
    let gram = a.double("gram_diagonal");
    // Marked as read: the shape and `std` already determine these.
    for key in ["fan_in", "fan_out", "orthonormal"] {
        a.get(key);
    }
    if let Some(key) = a.unread().or_else(|| kwargs.unread()) {
        return Err(Unsupported(format!("{} with {key}", case.op)));
    }
    let mut all = vec![];
    for seed in 0..3 {
        let values: Vec<f64> = init.draw(&shape, seed, "weight").into_iter().map(f64::from).collect();
        let n = values.len() as f64;
        let got = values.iter().sum::<f64>() / n;
        let spread = (values.iter().map(|v| (v - got).powi(2)).sum::<f64>() / n).sqrt();
        let allowed = 5.0 * std / n.sqrt();
        // Allows for bounds rounded to f32.
        let room = 1e-6 * std;
        let below = low.map_or(0.0, |low| low - values.iter().copied().fold(f64::INFINITY, f64::min));
        let above = high.map_or(0.0, |high| values.iter().copied().fold(f64::NEG_INFINITY, f64::max) - high);
        let checks = [
            ("mean", (got - mean).abs() / allowed),
            ("std", (spread - std).abs() / allowed),
            ("low", below / room),
            ("high", above / room),
        ];
        let detail = format!("seed {seed}: mean {got:e} for {mean:e}, std {spread:e} for {std:e}");
        if let Some(diagonal) = gram {
            let error = gram_error(&values, shape[0], diagonal);
            all.push(Check::new(
                "gram matrix",
                error / (1e-6 * diagonal),
                format!("seed {seed}: off by {error:e}"),
            ));
        }
        all.extend(checks.map(|(what, ratio)| Check::new(what, ratio, detail.clone())));
    }
    Ok(all)
}

/// How far the Gram matrix of the rows, or of the columns if these are fewer, is from `diagonal` times the identity.
fn gram_error(values: &[f64], rows: usize, diagonal: f64) -> f64 {
    let columns = values.len() / rows;
    let (few, long) = (rows.min(columns), rows.max(columns));
    let at =
        |k: usize, i: usize| if rows <= columns { values[k * columns + i] } else { values[i * columns + k] };
    let product = |k: usize, l: usize| (0..long).map(|i| at(k, i) * at(l, i)).sum::<f64>();
    let error = |k: usize, l: usize| (product(k, l) - if k == l { diagonal } else { 0.0 }).abs();
    (0..few).flat_map(|k| (0..=k).map(move |l| (k, l))).map(|(k, l)| error(k, l)).fold(0.0, f64::max)
}

fn init(case: &Case, kwargs: &Attrs) -> Result<Init, Unsupported> {
    let name = case.op.strip_prefix("init/").expect("an init op");
    let without = |what: &str| Unsupported(format!("{} with {what}", case.op));
    Ok(match name {
        "xavier_uniform_" => Init::XavierUniform { gain: kwargs.float("gain").unwrap_or(1.0) },
        "xavier_normal_" => Init::XavierNormal { gain: kwargs.float("gain").unwrap_or(1.0) },
        "kaiming_uniform_" | "kaiming_normal_" => {
            let slope = kwargs.float("a").unwrap_or(0.0);
            let gain = match kwargs.text("nonlinearity") {
                None | Some("leaky_relu") => Nonlinearity::LeakyRelu(slope),
                Some("relu") => Nonlinearity::Relu,
                Some("tanh") => Nonlinearity::Tanh,
                Some("selu") => Nonlinearity::Selu,
                Some("sigmoid") => Nonlinearity::Sigmoid,
                Some("linear") => Nonlinearity::Linear,
                Some(other) => return Err(without(other)),
            }
            .gain();
            let fan = match kwargs.text("mode") {
                None | Some("fan_in") => Fan::In,
                Some("fan_out") => Fan::Out,
                Some(other) => return Err(without(other)),
            };
            if name == "kaiming_uniform_" {
                Init::KaimingUniform { gain, fan }
            } else {
                Init::KaimingNormal { gain, fan }
            }
        }
        "constant_" => Init::Constant(kwargs.float("val").expect("val")),
        "uniform_" => {
            Init::Uniform { low: kwargs.float("a").unwrap_or(0.0), high: kwargs.float("b").unwrap_or(1.0) }
        }
        "normal_" => Init::Normal {
            mean: kwargs.float("mean").unwrap_or(0.0),
            std: kwargs.float("std").unwrap_or(1.0),
        },
        "trunc_normal_" => Init::TruncNormal {
            mean: kwargs.float("mean").unwrap_or(0.0),
            std: kwargs.float("std").unwrap_or(1.0),
            low: kwargs.float("a").unwrap_or(-2.0),
            high: kwargs.float("b").unwrap_or(2.0),
        },
        "orthogonal_" => Init::Orthogonal { gain: kwargs.float("gain").unwrap_or(1.0) },
        _ => return Err(Unsupported(case.op.clone())),
    })
}
