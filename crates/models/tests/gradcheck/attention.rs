//! Attention, positions and transformers.

use autograd::{DType, Tensor, cat};
use models::{
    AdditiveAttention, AttentionMask, AttentionOptions, KvCache, LearnedPositions, Mode, MultiheadAttention,
    Rotary, SinusoidalPositions, Transformer, TransformerDecoder, TransformerDecoderLayer,
    TransformerEncoder, TransformerEncoderLayer, TransformerMasks, TransformerOptions,
};

use super::{Case, check_all, layer};
use crate::check::{any, distinct};

/// Small sizes, and a smooth activation.
fn options() -> TransformerOptions {
    TransformerOptions {
        dim_feedforward: 2,
        activation: Tensor::tanh,
        layer_norm_eps: 1e-2,
        ..TransformerOptions::default()
    }
}

/// Hides the last key of the first sequence.
fn last_hidden(x: &Tensor) -> Tensor {
    let (n, s) = (x.size(0), x.size(1));
    let flags: Vec<i32> = (0..n * s).map(|i| i32::from(i + 1 == s)).collect();
    Tensor::constant(x.device(), &flags, &[n, s]).to(DType::Bool)
}

fn single() -> Vec<Case> {
    vec![
        ("AdditiveAttention", vec![any(&[2, 2, 2]), any(&[2, 3, 3])], |p| {
            let l = AdditiveAttention::new(p, 2, 3, 2);
            layer(move |x| l.forward(&x[0], &x[1], Some(&last_hidden(&x[1]))))
        }),
        ("MultiheadAttention", vec![any(&[1, 3, 4])], |p| {
            let l = MultiheadAttention::new(p, 4, 2);
            layer(move |x| l.forward(&x[0], &x[0], &x[0], AttentionMask::causal(), Mode::Eval))
        }),
        ("MultiheadAttention, other widths", vec![any(&[1, 2, 2]), any(&[1, 3, 3]), any(&[1, 3, 1])], |p| {
            let options = AttentionOptions { kdim: Some(3), vdim: Some(1), ..AttentionOptions::default() };
            let l = MultiheadAttention::with(p, 2, 1, options);
            layer(move |x| {
                let hidden = last_hidden(&x[1]);
                let mask = AttentionMask { key_padding: Some(&hidden), ..AttentionMask::default() };
                let (y, weights) = l.forward_weights(&x[0], &x[1], &x[2], mask, Mode::Eval);
                cat(&[&y.flatten(0, 2), &weights.flatten(0, 3)], 0)
            })
        }),
        // Gradients do not flow into the cache.
        ("KvCache", vec![any(&[1, 2, 2, 3])], |p| {
            let kept = Tensor::constant(p.device(), &[0.1f32, 0.9, -0.5].repeat(4), &[1, 2, 2, 3]);
            layer(move |x| {
                let mut cache = KvCache::new(kept.device(), 1, 2, 5, 3);
                cache.attend(&kept, &kept, &(&kept + 1.0));
                cache.attend(&x[0], &(&kept * 2.0), &kept)
            })
        }),
        ("LearnedPositions", vec![any(&[2, 2, 3])], |p| {
            let l = LearnedPositions::new(p, 4, 3);
            layer(move |x| l.forward(&x[0], 1).square())
        }),
        ("SinusoidalPositions", vec![any(&[1, 2, 4])], |p| {
            let l = SinusoidalPositions::new(p.device(), 5, 4);
            layer(move |x| l.forward(&x[0], 2).square())
        }),
        ("Rotary", vec![any(&[1, 3, 4])], |p| {
            let l = Rotary::new(p.device(), 5, 4, 100.0);
            layer(move |x| l.forward(&x[0], 1).square())
        }),
    ]
}

fn transformers() -> Vec<Case> {
    vec![
        ("TransformerEncoderLayer", vec![distinct(&[1, 2, 3])], |p| {
            let l = TransformerEncoderLayer::new(p, 3, 1, options());
            layer(move |x| l.forward(&x[0], AttentionMask::causal(), Mode::Eval))
        }),
        ("TransformerEncoder", vec![distinct(&[1, 2, 3])], |p| {
            let options = TransformerOptions { norm_first: true, ..options() };
            let l = TransformerEncoder::new(p, 3, 1, 1, None, options);
            layer(move |x| l.forward(&x[0], AttentionMask::default(), Mode::Eval))
        }),
        ("TransformerDecoderLayer", vec![distinct(&[1, 2, 3]), any(&[1, 2, 3])], |p| {
            let l = TransformerDecoderLayer::new(p, 3, 1, options());
            layer(move |x| {
                l.forward(&x[0], &x[1], AttentionMask::causal(), AttentionMask::default(), Mode::Eval)
            })
        }),
        ("TransformerDecoder", vec![distinct(&[1, 2, 2]), any(&[1, 1, 2])], |p| {
            let options = TransformerOptions { norm_first: true, bias: false, ..options() };
            let l = TransformerDecoder::new(p, 2, 2, 1, None, options);
            layer(move |x| {
                l.forward(&x[0], &x[1], AttentionMask::default(), AttentionMask::default(), Mode::Eval)
            })
        }),
        ("Transformer", vec![distinct(&[1, 2, 3]), distinct(&[1, 1, 3])], |p| {
            let options =
                TransformerOptions { norm_first: true, bias: false, dim_feedforward: 1, ..options() };
            let l = Transformer::new(p, 3, 1, 1, 1, options);
            layer(move |x| l.forward(&x[0], &x[1], TransformerMasks::causal(), Mode::Eval))
        }),
    ]
}

pub fn cases() -> Vec<Case> {
    [single(), transformers()].into_iter().flatten().collect()
}

#[test]
fn gradients() {
    check_all(cases());
}
