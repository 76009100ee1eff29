//! Full, causal and sliding-window attention over lengths: `cargo bench -p wgrad-tests --bench attention -- [cpu|software|..]`.
//!
//! Prints one line of JSON for each way and length: the median times of a forward pass, and of a forward and backward pass, and the most
//! memory in use beyond the operands.

use std::time::Instant;

use serde_json::json;
use wgrad::autograd::AttentionWindow;
use wgrad::prelude::*;

const HEADS: usize = 8;
/// Features of a head.
const FEATURES: usize = 64;
/// Earlier positions that a sliding window sees, besides a query's own.
const BEFORE: usize = 255;
/// Measured runs.
const RUNS: usize = 5;

/// A way to attend to keys, by a window of the kernel, or by a mask `[T, T]` of the same keys.
const WAYS: [(&str, AttentionWindow, bool); 4] = [
    ("full", AttentionWindow::ALL, false),
    ("causal", AttentionWindow::CAUSAL, false),
    ("window", AttentionWindow { before: BEFORE, after: 0 }, false),
    ("mask", AttentionWindow { before: BEFORE, after: 0 }, true),
];

fn main() -> anyhow::Result<()> {
    let device = std::env::args().skip(1).find(|arg| !arg.starts_with('-')).unwrap_or_else(|| "cpu".into());
    for length in (8..=13).map(|power| 1 << power) {
        for (name, window, masked) in WAYS {
            measure(&Device::named(&device)?, length, name, window, masked)?;
        }
    }
    Ok(())
}

fn measure(
    device: &Device,
    length: usize,
    name: &str,
    window: AttentionWindow,
    masked: bool,
) -> anyhow::Result<()> {
    let draw = Generator::new(1);
    let operands = [(); 3].map(|()| draw.normal(device, &[1, HEADS, length, FEATURES]).detach());
    let [q, k, v] = operands.map(|x| x.variable());
    for x in [&q, &k, &v] {
        x.to_vec::<f32>()?;
    }
    device.trim()?;
    let before = device.memory().peak;
    let mask = masked.then(|| {
        let seen =
            |i: usize| i32::from(window.keys(i / length..i / length + 1, length).contains(&(i % length)));
        Tensor::from_slice(device, &(0..length * length).map(seen).collect::<Vec<_>>(), &[length, length])
    });
    let mask = mask.transpose()?.map(|mask| mask.to(DType::Bool));
    let window = if masked { AttentionWindow::ALL } else { window };
    let attend = || q.scaled_dot_product_attention(&k, &v, mask.as_ref(), window, None);
    let forward = median(|| attend().detach().narrow(2, 0, 1).to_vec::<f32>().map(drop))?;
    let both = median(|| {
        let gradients = grad(&attend().square().mean_all(), &[&q, &k, &v]);
        gradients.into_iter().flatten().try_for_each(|g| g.narrow(2, 0, 1).to_vec::<f32>().map(drop))
    })?;
    let peak = (device.memory().peak - before) as f64 / 1e6;
    println!(
        "{}",
        json!({ "way": name, "length": length, "forward_ms": forward, "step_ms": both, "peak_mb": peak })
    );
    Ok(())
}

/// The median time of a few runs, in milliseconds, after one to warm up.
fn median(mut run: impl FnMut() -> wgrad::autograd::Result<()>) -> wgrad::autograd::Result<f64> {
    run()?;
    let mut times = vec![];
    for _ in 0..RUNS {
        let start = Instant::now();
        run()?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[RUNS / 2])
}
