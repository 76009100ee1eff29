//! Llama, Mistral and Qwen2.

use super::config::Config;
use super::names::Names;
use super::{MOST_CONTEXT, Network};
use crate::{Llama, LlamaOptions, Params, Result, RopeScaling};

pub fn build(params: &Params, config: &Config) -> Result<(Network, Names)> {
    let qwen = config.architecture()?.starts_with("Qwen2");
    let (width, heads) = (config.count("hidden_size")?, config.count("num_attention_heads")?);
    let kv_heads = config.count_or("num_key_value_heads", heads)?;
    config.divides("key and value heads", kv_heads, heads)?;
    let head_dim = match config.get("head_dim") {
        Some(_) => Some(config.count("head_dim")?),
        None => None,
    };
    if head_dim.is_none() {
        config.divides("heads", heads, width)?;
    }
    config.divides("features of a pair", 2, head_dim.unwrap_or(width / heads))?;
    config.only("hidden_act", "silu")?;
    config.only("mlp_bias", false)?;
    config.only("attention_bias", qwen)?;
    let context = config.count("max_position_embeddings")?.min(MOST_CONTEXT);
    if config.flag_or("use_sliding_window", !qwen)? && config.get("sliding_window").is_some() {
        let window = config.count("sliding_window")?;
        if window < context {
            return Err(config.fault(format!("a sliding window of {window} positions is not supported")));
        }
    }
    let rope = Rope::read(config)?;
    let options = LlamaOptions {
        vocab: config.count("vocab_size")?,
        context,
        width,
        heads,
        kv_heads,
        head_dim,
        depth: config.layers("num_hidden_layers")?,
        inner: config.count("intermediate_size")?,
        eps: config.number_or("rms_norm_eps", 1e-6)? as f32,
        theta: rope.theta,
        scaling: rope.scaling,
        qkv_bias: qwen,
        tied: config.flag_or("tie_word_embeddings", false)?,
    };
    let ignored: &[&str] =
        if options.tied { &["*rotary_emb.inv_freq", "lm_head.weight"] } else { &["*rotary_emb.inv_freq"] };
    Ok((Network::Llama(Llama::new(params, options)), Names::new("", ignored, &[])))
}

struct Rope {
    theta: f64,
    scaling: Option<RopeScaling>,
}

impl Rope {
    /// From `rope_parameters`, or, before version 5 of transformers, from `rope_theta` and `rope_scaling`.
    fn read(config: &Config) -> Result<Rope> {
        let (key, found) = match config.get("rope_parameters") {
            Some(found) => ("rope_parameters", Some(found)),
            None => ("rope_scaling", config.get("rope_scaling")),
        };
        let number =
            |name: &str| found.and_then(|f| f.get(name)).and_then(|v| v.as_f64()).filter(|n| *n > 0.0);
        let theta = match number("rope_theta") {
            Some(theta) => theta,
            None => config.number_or("rope_theta", 10_000.0)?,
        };
        let kind = found.and_then(|f| f.get("rope_type").or_else(|| f.get("type"))).and_then(|v| v.as_str());
        let need =
            |name: &str| number(name).ok_or_else(|| config.fault(format!("\"{key}\" lacks \"{name}\"")));
        let scaling = match kind.unwrap_or("default") {
            "default" => None,
            "llama3" => Some(RopeScaling {
                factor: need("factor")?,
                low: need("low_freq_factor")?,
                high: need("high_freq_factor")?,
                original: need("original_max_position_embeddings")?,
            }),
            other => {
                return Err(config.fault(format!("rotary positions of the kind {other:?} are not supported")));
            }
        };
        Ok(Rope { theta, scaling })
    }
}
