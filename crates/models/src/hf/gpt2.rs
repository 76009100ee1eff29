//! GPT-2.

use super::Network;
use super::config::Config;
use super::names::Names;
use crate::{Gpt, GptOptions, Params, Result};

const TABLE: &[(&str, &[&str])] = &[
    ("tok_emb.weight", &["{}wte.weight"]),
    ("pos_emb.weight", &["{}wpe.weight"]),
    ("blocks.*.ln1.*", &["{}h.*.ln_1.*"]),
    ("blocks.*.ln2.*", &["{}h.*.ln_2.*"]),
    ("blocks.*.attn.qkv.bias", &["{}h.*.attn.c_attn.bias"]),
    ("blocks.*.attn.proj.bias", &["{}h.*.attn.c_proj.bias"]),
    ("blocks.*.mlp.fc1.bias", &["{}h.*.mlp.c_fc.bias"]),
    ("blocks.*.mlp.fc2.bias", &["{}h.*.mlp.c_proj.bias"]),
    ("ln_f.*", &["{}ln_f.*"]),
    ("head.weight", &["lm_head.weight"]),
];

/// Weights of `Conv1D`, `[in, out]`.
const TURNED: &[(&str, &str)] = &[
    ("blocks.*.attn.qkv.weight", "{}h.*.attn.c_attn.weight"),
    ("blocks.*.attn.proj.weight", "{}h.*.attn.c_proj.weight"),
    ("blocks.*.mlp.fc1.weight", "{}h.*.mlp.c_fc.weight"),
    ("blocks.*.mlp.fc2.weight", "{}h.*.mlp.c_proj.weight"),
];

pub fn build(params: &Params, config: &Config) -> Result<(Network, Names)> {
    let (width, heads) = (config.count("n_embd")?, config.count("n_head")?);
    config.divides("heads", heads, width)?;
    config.only("n_inner", 4 * width)?;
    for (key, usual) in [
        ("scale_attn_weights", true),
        ("scale_attn_by_inverse_layer_idx", false),
        ("add_cross_attention", false),
    ] {
        config.only(key, usual)?;
    }
    let options = GptOptions {
        vocab: config.count("vocab_size")?,
        context: config.count("n_positions")?,
        width,
        heads,
        depth: config.layers("n_layer")?,
        dropout: config.number_or("resid_pdrop", 0.1)? as f32,
    };
    let net = Gpt::new(params, options).eps(config.number_or("layer_norm_epsilon", 1e-5)? as f32);
    let net = net.activation(config.activation("activation_function", "gelu_new")?);
    let tied = config.flag_or("tie_word_embeddings", true)?;
    let net = if tied { net } else { net.untied(params) };
    let ignored: &[&str] = if tied {
        &["*attn.bias", "*attn.masked_bias", "lm_head.weight"]
    } else {
        &["*attn.bias", "*attn.masked_bias"]
    };
    let mut names = Names::new("transformer.", ignored, TABLE);
    TURNED.iter().for_each(|(ours, theirs)| names.add(ours, &[theirs], true));
    Ok((Network::Gpt(net), names))
}
