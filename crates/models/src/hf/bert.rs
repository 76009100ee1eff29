//! BERT, DistilBERT and RoBERTa.

use autograd::Tensor;

use super::Network;
use super::config::Config;
use super::names::Names;
use crate::zoo::{BertTask, Variant};
use crate::{Bert, BertOptions, Params, Result};

type Table = &'static [(&'static str, &'static [&'static str])];

/// Embeddings and layers, of all but DistilBERT.
const LAYERS: Table = &[
    ("tok_emb.weight", &["{}embeddings.word_embeddings.weight"]),
    ("pos_emb.weight", &["{}embeddings.position_embeddings.weight"]),
    ("seg_emb.weight", &["{}embeddings.token_type_embeddings.weight"]),
    ("norm.*", &["{}embeddings.LayerNorm.*"]),
    (
        "encoder.layers.*.self_attn.in_proj_*",
        &[
            "{}encoder.layer.*.attention.self.query.*",
            "{}encoder.layer.*.attention.self.key.*",
            "{}encoder.layer.*.attention.self.value.*",
        ],
    ),
    ("encoder.layers.*.self_attn.out_proj.*", &["{}encoder.layer.*.attention.output.dense.*"]),
    ("encoder.layers.*.norm1.*", &["{}encoder.layer.*.attention.output.LayerNorm.*"]),
    ("encoder.layers.*.linear1.*", &["{}encoder.layer.*.intermediate.dense.*"]),
    ("encoder.layers.*.linear2.*", &["{}encoder.layer.*.output.dense.*"]),
    ("encoder.layers.*.norm2.*", &["{}encoder.layer.*.output.LayerNorm.*"]),
];

const DISTILBERT: Table = &[
    ("tok_emb.weight", &["{}embeddings.word_embeddings.weight"]),
    ("pos_emb.weight", &["{}embeddings.position_embeddings.weight"]),
    ("norm.*", &["{}embeddings.LayerNorm.*"]),
    (
        "encoder.layers.*.self_attn.in_proj_*",
        &[
            "{}transformer.layer.*.attention.q_lin.*",
            "{}transformer.layer.*.attention.k_lin.*",
            "{}transformer.layer.*.attention.v_lin.*",
        ],
    ),
    ("encoder.layers.*.self_attn.out_proj.*", &["{}transformer.layer.*.attention.out_lin.*"]),
    ("encoder.layers.*.norm1.*", &["{}transformer.layer.*.sa_layer_norm.*"]),
    ("encoder.layers.*.linear1.*", &["{}transformer.layer.*.ffn.lin1.*"]),
    ("encoder.layers.*.linear2.*", &["{}transformer.layer.*.ffn.lin2.*"]),
    ("encoder.layers.*.norm2.*", &["{}transformer.layer.*.output_layer_norm.*"]),
];

/// What a relative of BERT calls its heads.
struct Heads {
    masked_lm: Table,
    classifier: Table,
    /// Before the classifier's last layer.
    activation: fn(&Tensor) -> Tensor,
}

/// Tensors that are not weights, and copies of the token table and of `head.bias`.
const IGNORED: &[&str] = &[
    "*position_ids",
    "cls.predictions.decoder.*",
    "cls.seq_relationship.*",
    "bert.pooler.*",
    "lm_head.decoder.*",
    "vocab_projector.weight",
];

pub fn bert(params: &Params, config: &Config) -> Result<(Network, Names)> {
    let heads = Heads {
        masked_lm: &[
            ("head.dense.*", &["cls.predictions.transform.dense.*"]),
            ("head.norm.*", &["cls.predictions.transform.LayerNorm.*"]),
            ("head.bias", &["cls.predictions.bias"]),
        ],
        classifier: &[("head.dense.*", &["bert.pooler.dense.*"]), ("head.out.*", &["classifier.*"])],
        activation: Tensor::tanh,
    };
    let variant = with_config(config, 0)?;
    build(params, config, variant, Names::new("bert.", IGNORED, LAYERS), heads)
}

pub fn roberta(params: &Params, config: &Config) -> Result<(Network, Names)> {
    let heads = Heads {
        masked_lm: &[
            ("head.dense.*", &["lm_head.dense.*"]),
            ("head.norm.*", &["lm_head.layer_norm.*"]),
            ("head.bias", &["lm_head.bias"]),
        ],
        classifier: &[("head.dense.*", &["classifier.dense.*"]), ("head.out.*", &["classifier.out_proj.*"])],
        activation: Tensor::tanh,
    };
    // The positions of tokens are counted from the one after the padding's.
    let padding = config.number_or("pad_token_id", 1.0)?;
    let variant = with_config(config, padding.clamp(0.0, 1e6) as usize + 1)?;
    build(params, config, variant, Names::new("roberta.", IGNORED, LAYERS), heads)
}

pub fn distilbert(params: &Params, config: &Config) -> Result<(Network, Names)> {
    let heads = Heads {
        masked_lm: &[
            ("head.dense.*", &["vocab_transform.*"]),
            ("head.norm.*", &["vocab_layer_norm.*"]),
            ("head.bias", &["vocab_projector.bias"]),
        ],
        classifier: &[("head.dense.*", &["pre_classifier.*"]), ("head.out.*", &["classifier.*"])],
        activation: Tensor::relu,
    };
    config.only("sinusoidal_pos_embds", false)?;
    let options = BertOptions {
        vocab: config.count("vocab_size")?,
        context: config.count("max_position_embeddings")?,
        width: config.count("dim")?,
        heads: config.count("n_heads")?,
        depth: config.layers("n_layers")?,
        dropout: config.number_or("dropout", 0.1)? as f32,
    };
    let variant = Variant {
        options,
        inner: config.count("hidden_dim")?,
        segments: 0,
        first_position: 0,
        eps: 1e-12,
        activation: config.activation("activation", "gelu")?,
        task: BertTask::MaskedLm,
    };
    build(params, config, variant, Names::new("distilbert.", IGNORED, DISTILBERT), heads)
}

/// From the keys of BERT and RoBERTa.
fn with_config(config: &Config, first_position: usize) -> Result<Variant> {
    config.only("position_embedding_type", "absolute")?;
    config.only("is_decoder", false)?;
    let positions = config.count("max_position_embeddings")?;
    let context = positions.checked_sub(first_position).filter(|&n| n > 0);
    let options = BertOptions {
        vocab: config.count("vocab_size")?,
        context: context.ok_or_else(|| config.fault(format!("only {positions} positions")))?,
        width: config.count("hidden_size")?,
        heads: config.count("num_attention_heads")?,
        depth: config.layers("num_hidden_layers")?,
        dropout: config.number_or("hidden_dropout_prob", 0.1)? as f32,
    };
    Ok(Variant {
        options,
        inner: config.count("intermediate_size")?,
        segments: config.count_or("type_vocab_size", 2)?,
        first_position,
        eps: config.number_or("layer_norm_eps", 1e-12)? as f32,
        activation: config.activation("hidden_act", "gelu")?,
        task: BertTask::MaskedLm,
    })
}

fn build(
    params: &Params,
    config: &Config,
    variant: Variant,
    mut names: Names,
    heads: Heads,
) -> Result<(Network, Names)> {
    config.divides("heads", variant.options.heads, variant.options.width)?;
    config.only("tie_word_embeddings", true)?;
    let masked_lm = config.architecture()?.ends_with("ForMaskedLM");
    let task = if masked_lm {
        BertTask::MaskedLm
    } else {
        BertTask::Classes { count: config.classes()?, activation: heads.activation }
    };
    let table = if masked_lm { heads.masked_lm } else { heads.classifier };
    table.iter().for_each(|(ours, theirs)| names.add(ours, theirs, false));
    Ok((Network::Bert(Bert::variant(params, Variant { task, ..variant })), names))
}
