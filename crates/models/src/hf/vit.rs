//! ViT.

use super::Network;
use super::config::Config;
use super::names::Names;
use crate::{Params, Result, Vit, VitOptions};

const TABLE: &[(&str, &[&str])] = &[
    ("cls_token", &["{}embeddings.cls_token"]),
    ("pos_embed", &["{}embeddings.position_embeddings"]),
    ("patch_embed.*", &["{}embeddings.patch_embeddings.projection.*"]),
    ("blocks.*.ln1.*", &["{}encoder.layer.*.layernorm_before.*"]),
    (
        "blocks.*.attn.qkv.*",
        &[
            "{}encoder.layer.*.attention.attention.query.*",
            "{}encoder.layer.*.attention.attention.key.*",
            "{}encoder.layer.*.attention.attention.value.*",
        ],
    ),
    ("blocks.*.attn.proj.*", &["{}encoder.layer.*.attention.output.dense.*"]),
    ("blocks.*.ln2.*", &["{}encoder.layer.*.layernorm_after.*"]),
    ("blocks.*.mlp.fc1.*", &["{}encoder.layer.*.intermediate.dense.*"]),
    ("blocks.*.mlp.fc2.*", &["{}encoder.layer.*.output.dense.*"]),
    ("norm.*", &["{}layernorm.*"]),
    ("head.*", &["classifier.*"]),
];

pub fn build(params: &Params, config: &Config) -> Result<(Network, Names)> {
    let (width, heads) = (config.count("hidden_size")?, config.count("num_attention_heads")?);
    let (inner, image, patch) =
        (config.count("intermediate_size")?, config.count("image_size")?, config.count("patch_size")?);
    config.divides("heads", heads, width)?;
    config.divides("features", width, inner)?;
    config.divides("pixels of a patch", patch, image)?;
    config.only("hidden_act", "gelu")?;
    config.only("qkv_bias", true)?;
    let options = VitOptions {
        channels: config.count_or("num_channels", 3)?,
        width,
        heads,
        depth: config.layers("num_hidden_layers")?,
        mlp_ratio: inner / width,
        dropout: config.number_or("hidden_dropout_prob", 0.0)? as f32,
        ..VitOptions::new([image; 2], patch, config.classes()?)
    };
    let net = Vit::new(params, options).eps(config.number_or("layer_norm_eps", 1e-12)? as f32);
    Ok((Network::Vit(net), Names::new("vit.", &["vit.pooler.*"], TABLE)))
}
