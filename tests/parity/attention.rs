//! Attention and the layers of transformers.

use autograd::Tensor;
use models::{
    AttentionMask, AttentionOptions, Mode, MultiheadAttention, Params, TransformerDecoderLayer,
    TransformerEncoderLayer, TransformerOptions,
};

use super::call::{Answer, Call};

pub fn run(c: &Call) -> Option<Answer> {
    match c.op {
        "scaled_dot_product_attention" => Some(Ok(vec![scaled_dot_product(c)])),
        "multi_head_attention" => Some(multi_head(c)),
        "transformer_encoder_layer" | "transformer_decoder_layer" => Some(transformer_layer(c)),
        _ => None,
    }
}

fn scaled_dot_product(c: &Call) -> Tensor {
    let (q, k, v) = (c.named("query"), c.named("key"), c.named("value"));
    let grouped = c.attrs.flag("enable_gqa");
    assert!(grouped || k.size(-3) == q.size(-3), "heads that are not shared");
    let (causal, scale) = (c.attrs.flag("is_causal"), c.attrs.float("scale"));
    q.scaled_dot_product_attention(k, v, c.find("attn_mask"), causal, scale)
}

/// The input with the batch first, as the layers expect it.
fn turned(c: &Call, x: &Tensor) -> Tensor {
    if c.attrs.flag("batch_first") { x.clone() } else { x.transpose(0, 1) }
}

fn multi_head(c: &Call) -> Answer {
    let a = &c.attrs;
    if a.double("dropout").is_some_and(|p| p != 0.0) {
        return Err(c.without("dropout"));
    }
    let (width, heads) = (a.size("embed_dim").expect("embed_dim"), a.size("num_heads").expect("num_heads"));
    let options = AttentionOptions {
        bias: a.get("bias").is_none_or(|v| v.as_bool() == Some(true)),
        kdim: a.size("kdim"),
        vdim: a.size("vdim"),
        dropout: 0.0,
    };
    let params = Params::new(c.device, 0);
    let layer = MultiheadAttention::with(&params, width, heads, options);
    c.set(&params);
    let [q, k, v] = ["query", "key", "value"].map(|name| c.named(name));
    // Inputs that are the same tensor stay the same after the transposition.
    let (q, k, v) = if q.same(k) && q.same(v) {
        let x = turned(c, q);
        (x.clone(), x.clone(), x)
    } else {
        (turned(c, q), turned(c, k), turned(c, v))
    };
    let mask = AttentionMask {
        attn: c.find("attn_mask"),
        key_padding: c.find("key_padding_mask"),
        causal: a.flag("is_causal"),
        window: None,
    };
    let averaged = a.get("average_attn_weights").is_none_or(|v| v.as_bool() == Some(true));
    if !a.flag("need_weights") {
        return Ok(vec![turned(c, &layer.forward(&q, &k, &v, mask, Mode::Train))]);
    }
    let (y, weights) = layer.forward_weights(&q, &k, &v, mask, Mode::Train);
    Ok(vec![turned(c, &y), if averaged { weights.mean(&[1], false) } else { weights }])
}

fn transformer_layer(c: &Call) -> Answer {
    let a = &c.attrs;
    if a.double("dropout").is_some_and(|p| p != 0.0) {
        return Err(c.without("dropout"));
    }
    let (width, heads) = (a.size("d_model").expect("d_model"), a.size("nhead").expect("nhead"));
    let default = TransformerOptions::default();
    let options = TransformerOptions {
        dim_feedforward: a.size("dim_feedforward").unwrap_or(default.dim_feedforward),
        activation: match a.text("activation") {
            None | Some("relu") => Tensor::relu,
            Some("gelu") => Tensor::gelu,
            Some(other) => return Err(c.without(other)),
        },
        norm_first: a.flag("norm_first"),
        layer_norm_eps: a.float("layer_norm_eps").unwrap_or(default.layer_norm_eps),
        bias: a.get("bias").is_none_or(|v| v.as_bool() == Some(true)),
        dropout: 0.0,
    };
    let mask = |attn, padding, causal| AttentionMask {
        attn: c.find(attn),
        key_padding: c.find(padding),
        causal: a.flag(causal),
        window: None,
    };
    let params = Params::new(c.device, 0);
    let x = turned(c, c.at(0));
    let y = if c.op == "transformer_encoder_layer" {
        let layer = TransformerEncoderLayer::new(&params, width, heads, options);
        c.set(&params);
        layer.forward(&x, mask("src_mask", "src_key_padding_mask", "is_causal"), Mode::Train)
    } else {
        let layer = TransformerDecoderLayer::new(&params, width, heads, options);
        c.set(&params);
        let own = mask("tgt_mask", "tgt_key_padding_mask", "tgt_is_causal");
        let of_memory = mask("memory_mask", "memory_key_padding_mask", "memory_is_causal");
        layer.forward(&x, &turned(c, c.named("memory")), own, of_memory, Mode::Train)
    };
    Ok(vec![turned(c, &y)])
}
