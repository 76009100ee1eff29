//! Fine-tuning of a network of GPT-2 small's shape: all weights, or low-rank adapters. `cargo bench -p wgrad-tests --bench lora -- [cpu|software|..]`.
//!
//! Prints one line of JSON for each: trained parameters, their share, the median time of a step, and the most memory in use.

use std::time::Instant;

use serde_json::json;
use wgrad::models::{Lora, LoraOptions};
use wgrad::prelude::*;

/// Sequences of a batch, and their length.
const BATCH: usize = 1;
const LENGTH: usize = 128;
/// Warm-up steps, and measured steps.
const WARM: usize = 2;
const STEPS: usize = 7;

/// What is trained.
const WAYS: [(&str, &[&str]); 3] = [
    ("all weights", &[]),
    ("LoRA, rank 8: attn.qkv", &["*.attn.qkv"]),
    ("LoRA, rank 8: attn.*, mlp.*", &["*.attn.*", "*.mlp.*"]),
];

fn main() -> anyhow::Result<()> {
    let device = std::env::args().skip(1).find(|arg| !arg.starts_with('-')).unwrap_or_else(|| "cpu".into());
    let device = Device::named(&device)?;
    for (name, patterns) in WAYS {
        measure(&device, name, patterns)?;
    }
    Ok(())
}

fn measure(device: &Device, name: &str, patterns: &[&str]) -> anyhow::Result<()> {
    let params = Params::new(device, 1);
    let options = GptOptions { vocab: 50_257, context: 1024, width: 768, heads: 12, depth: 12, dropout: 0.0 };
    let net = Gpt::new(&params, options);
    let all = params.count();
    let lora = (!patterns.is_empty()).then(|| Lora::attach(&params, patterns, LoraOptions::default()));
    let trained = lora.as_ref().map_or(all, Lora::count);
    let mut opt = AdamW::new(&params);
    let tokens: Vec<i32> = (0..BATCH * LENGTH).map(|i| (i * 7919 % options.vocab) as i32).collect();
    let tokens = Tensor::from_slice(device, &tokens, &[BATCH, LENGTH])?;
    let mut step = || -> wgrad::Result<f64> {
        let start = Instant::now();
        let loss = net.forward(&tokens, Mode::Train).flatten(0, 1).cross_entropy(&tokens.flatten(0, 1));
        opt.step(loss.backward(), 1e-4)?;
        loss.item()?;
        Ok(start.elapsed().as_secs_f64())
    };
    for _ in 0..WARM {
        step()?;
    }
    device.trim()?;
    let mut times = (0..STEPS).map(|_| step()).collect::<wgrad::Result<Vec<f64>>>()?;
    times.sort_by(f64::total_cmp);
    let share = trained as f64 / all as f64;
    let peak = device.memory().peak / 1_000_000;
    let line = json!({ "way": name, "trained": trained, "share": share, "step_s": times[STEPS / 2], "peak_mb": peak });
    println!("{line}");
    Ok(())
}
