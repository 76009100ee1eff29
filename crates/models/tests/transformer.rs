//! Invariants of transformers and positions.

use autograd::{DType, Device, Tensor};
use models::{
    AttentionMask, Mode, MultiheadAttention, Params, Rotary, Transformer, TransformerMasks,
    TransformerOptions,
};

const WIDTH: usize = 6;

fn numbers(device: &Device, shape: &[usize], scale: f32) -> Tensor {
    let count: usize = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|i| scale * ((i * 37 % 19) as f32 / 9.0 - 1.0)).collect();
    Tensor::from_slice(device, &values, shape).unwrap()
}

fn near(got: &Tensor, want: &Tensor) {
    assert_eq!(got.shape(), want.shape());
    for (g, w) in got.to_vec::<f32>().unwrap().iter().zip(want.to_vec::<f32>().unwrap()) {
        assert!((g - w).abs() < 1e-5, "{g} instead of {w}");
    }
}

fn hidden(device: &Device, flags: &[i32], shape: &[usize]) -> Tensor {
    Tensor::from_slice(device, flags, shape).unwrap().to(DType::Bool)
}

fn transformer(device: &Device, norm_first: bool) -> Transformer {
    let options = TransformerOptions { dim_feedforward: 10, norm_first, ..TransformerOptions::default() };
    Transformer::new(&Params::new(device, 5), WIDTH, 2, 2, 2, options)
}

#[test]
fn padding_is_not_seen() {
    for device in gpu_core::testing::devices() {
        let net = transformer(&device, true);
        let (source, target) = (numbers(&device, &[2, 5, WIDTH], 1.0), numbers(&device, &[2, 3, WIDTH], 2.0));
        let short = net.forward(&source.narrow(1, 0, 3), &target, TransformerMasks::causal(), Mode::Eval);
        let padding = hidden(&device, &[0, 0, 0, 1, 1, 0, 0, 0, 1, 1], &[2, 5]);
        let mask = AttentionMask { key_padding: Some(&padding), ..AttentionMask::default() };
        let masks = TransformerMasks { src: mask, memory: mask, ..TransformerMasks::causal() };
        near(&net.forward(&source, &target, masks, Mode::Eval), &short);
    }
}

#[test]
fn layers_without_biases_have_none() {
    let params = Params::new(&Device::named("cpu").unwrap(), 5);
    let options = TransformerOptions { bias: false, dim_feedforward: 10, ..TransformerOptions::default() };
    let net = Transformer::new(&params, WIDTH, 2, 1, 1, options);
    assert!(params.all().iter().all(|p| p.name().ends_with("weight")), "{params:?}");
    let zeros = Tensor::zeros(params.device(), &[1, 2, WIDTH]);
    let y = net.forward(&zeros, &zeros, TransformerMasks::default(), Mode::Eval).to_vec::<f32>().unwrap();
    assert_eq!(y, [0.0; 2 * WIDTH]);
}

#[test]
fn the_future_is_not_seen() {
    for device in gpu_core::testing::devices() {
        let net = transformer(&device, false);
        let (source, target) = (numbers(&device, &[1, 4, WIDTH], 1.0), numbers(&device, &[1, 5, WIDTH], 2.0));
        let whole = net.forward(&source, &target, TransformerMasks::causal(), Mode::Eval);
        let early = net.forward(&source, &target.narrow(1, 0, 2), TransformerMasks::causal(), Mode::Eval);
        near(&whole.narrow(1, 0, 2), &early);
    }
}

#[test]
fn masks_of_all_kinds_join() {
    for device in gpu_core::testing::devices() {
        let layer = MultiheadAttention::new(&Params::new(&device, 3), WIDTH, 2);
        let x = numbers(&device, &[2, 3, WIDTH], 1.0);
        let padding = hidden(&device, &[0, 0, 1, 0, 0, 0], &[2, 3]);
        let later = hidden(&device, &[0, 1, 1, 0, 0, 1, 0, 0, 0], &[3, 3]);
        let mask =
            AttentionMask { attn: Some(&later), key_padding: Some(&padding), ..AttentionMask::default() };
        let (y, weights) = layer.forward_weights(&x, &x, &x, mask, Mode::Eval);
        near(&layer.forward(&x, &x, &x, mask, Mode::Eval), &y);
        let p = weights.to_vec::<f32>().unwrap();
        for (i, p) in p.iter().enumerate() {
            let (sample, query, key) = (i / 18, i / 3 % 3, i % 3);
            let unseen = key > query || (sample == 0 && key == 2);
            assert_eq!(*p == 0.0, unseen, "query {query}, key {key} of sample {sample}: {p}");
        }
        // The same mask as floats, for each head of each sample.
        let added = Tensor::zeros(&device, &[1]).masked_fill(&later, f32::NEG_INFINITY).expand(&[4, 3, 3]);
        near(&layer.forward(&x, &x, &x, AttentionMask { attn: Some(&added), ..mask }, Mode::Eval), &y);
        // Gradients reach a float mask in both implementations.
        let scores = numbers(&device, &[3, 3], 0.5).variable();
        let of = |y: Tensor| y.square().sum_all().backward().get(&scores).unwrap().clone();
        let mask =
            AttentionMask { attn: Some(&scores), key_padding: Some(&padding), ..AttentionMask::causal() };
        near(
            &of(layer.forward(&x, &x, &x, mask, Mode::Eval)),
            &of(layer.forward_weights(&x, &x, &x, mask, Mode::Eval).0),
        );
    }
}

#[test]
fn rotary_products_depend_on_distances() {
    for device in gpu_core::testing::devices() {
        let rotary = Rotary::new(&device, 32, WIDTH, 10_000.0);
        let (q, k) = (numbers(&device, &[2, 1, WIDTH], 1.0), numbers(&device, &[2, 1, WIDTH], 2.0));
        let product =
            |at: usize, other: usize| (rotary.forward(&q, at) * rotary.forward(&k, other)).sum(&[-1], false);
        near(&product(4, 1), &product(29, 26));
        near(&product(0, 0), &(&q * &k).sum(&[-1], false));
    }
}

#[test]
#[should_panic(expected = "width 6 for 4 heads")]
fn heads_divide_the_width() {
    MultiheadAttention::new(&Params::new(&Device::named("cpu").unwrap(), 0), WIDTH, 4);
}

#[test]
#[should_panic(expected = "positions 30..33 of 32")]
fn positions_end() {
    let device = Device::named("cpu").unwrap();
    Rotary::new(&device, 32, WIDTH, 10_000.0).forward(&Tensor::zeros(&device, &[3, WIDTH]), 30);
}
