//! Multi-head attention against its definition head by head.

use autograd::{DType, Device, Tensor, cat};
use models::{AttentionMask, Mode, MultiheadAttention, Params, strided_attention_mask};

const WIDTH: usize = 6;
const HEADS: usize = 2;

fn layer(device: &Device) -> (MultiheadAttention, Params) {
    let params = Params::new(device, 3);
    let layer = MultiheadAttention::new(&params, WIDTH, HEADS);
    (layer, params)
}

fn numbers(device: &Device, shape: &[usize], scale: f32) -> Tensor {
    let count: usize = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|i| scale * ((i * 37 % 19) as f32 / 9.0 - 1.0)).collect();
    Tensor::from_slice(device, &values, shape).unwrap()
}

/// Computes every head separately; `hidden` is added to the scores.
fn reference(params: &Params, q: &Tensor, k: &Tensor, v: &Tensor, hidden: &Tensor) -> Tensor {
    let value = |name: &str| params.get(name).unwrap().value();
    let (weight, bias) = (value("in_proj_weight"), value("in_proj_bias"));
    let size = WIDTH / HEADS;
    let head = |h: usize| {
        let [q, k, v] = [(q, 0), (k, 1), (v, 2)].map(|(x, i)| {
            let rows = i * WIDTH + h * size;
            x.linear(&weight.narrow(0, rows, size), Some(&bias.narrow(0, rows, size)))
        });
        let scores = q.matmul(&k.transpose(-1, -2)) / (size as f32).sqrt() + hidden;
        scores.softmax(-1).matmul(&v)
    };
    let heads: Vec<Tensor> = (0..HEADS).map(head).collect();
    cat(&heads.iter().collect::<Vec<_>>(), -1)
        .linear(&value("out_proj.weight"), Some(&value("out_proj.bias")))
}

fn near(got: &Tensor, want: &Tensor) {
    assert_eq!(got.shape(), want.shape());
    for (g, w) in got.to_vec::<f32>().unwrap().iter().zip(want.to_vec::<f32>().unwrap()) {
        assert!((g - w).abs() < 1e-5, "{g} instead of {w}");
    }
}

#[test]
fn heads_attend_by_themselves() {
    for device in gpu_core::testing::devices() {
        let (layer, params) = layer(&device);
        let bias = params.get("in_proj_bias").unwrap();
        bias.set(&numbers(&device, &[3 * WIDTH], 0.3));
        let (x, memory) = (numbers(&device, &[2, 4, WIDTH], 1.0), numbers(&device, &[2, 5, WIDTH], 1.5));
        let none = Tensor::zeros(&device, &[1]);
        let all = AttentionMask::default();
        near(&layer.forward(&x, &x, &x, all, Mode::Eval), &reference(&params, &x, &x, &x, &none));
        let cross = layer.forward(&x, &memory, &memory, all, Mode::Eval);
        near(&cross, &reference(&params, &x, &memory, &memory, &none));

        // As in torch, true hides a key; causal attention equals hiding later positions.
        let later = Tensor::ones(&device, &[4, 4]).triu(1);
        let causal = reference(&params, &x, &x, &x, &(&later * -1e30));
        near(&layer.forward(&x, &x, &x, AttentionMask::causal(), Mode::Eval), &causal);
        let later = later.to(DType::Bool);
        let mask = AttentionMask { attn: Some(&later), ..all };
        near(&layer.forward(&x, &x, &x, mask, Mode::Eval), &causal);
    }
}

/// Hidden positions have weight 0, and the others a softmax over themselves.
#[test]
fn sparse_attention_sees_what_it_says() {
    let device = Device::named("cpu").unwrap();
    let (layer, _) = layer(&device);
    let x = numbers(&device, &[1, 7, WIDTH], 1.0);
    let strided = strided_attention_mask(&device, 7, 3);
    type Sees<'a> = &'a dyn Fn(usize, usize) -> bool;
    let masks: [(AttentionMask, Sees); 3] = [
        (AttentionMask::window(2, 1), &|t, s| s + 2 >= t && s <= t + 1),
        (AttentionMask { causal: true, ..AttentionMask::window(2, 1) }, &|t, s| s + 2 >= t && s <= t),
        (AttentionMask { attn: Some(&strided), ..AttentionMask::default() }, &|t, s| {
            s <= t && (t - s <= 3 || (t - s).is_multiple_of(3))
        }),
    ];
    for (mask, seen) in masks {
        let (_, weights) = layer.forward_weights(&x, &x, &x, mask, Mode::Eval);
        for (t, row) in weights.to_vec::<f32>().unwrap().chunks(7).enumerate() {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{row:?}");
            assert!((0..7).all(|s| (row[s] > 0.0) == seen(t % 7, s)), "{t}: {row:?}");
        }
    }
}

/// A sliding window gives what full attention with a mask gives, and the same gradients, at lengths that blocks do not divide.
#[test]
fn windows_equal_masks() {
    for device in gpu_core::testing::devices() {
        let (layer, params) = layer(&device);
        for (length, before, after) in [(7, 2, 2), (61, 5, 0), (150, 33, 40), (150, 0, 129)] {
            let x = numbers(&device, &[2, length, WIDTH], 1.0);
            let hidden = |i: usize| {
                let (t, s) = (i / length, i % length);
                i32::from(s + before < t || s > t + after)
            };
            let hidden: Vec<i32> = (0..length * length).map(hidden).collect();
            let hidden = Tensor::from_slice(&device, &hidden, &[length, length]).unwrap().to(DType::Bool);
            let padding: Vec<i32> = (0..2 * length).map(|i| i32::from(i + 3 >= 2 * length)).collect();
            let padding = Tensor::from_slice(&device, &padding, &[2, length]).unwrap().to(DType::Bool);
            for (causal, key_padding) in [(false, None), (true, Some(&padding))] {
                let all = AttentionMask { causal, key_padding, ..AttentionMask::default() };
                let window = AttentionMask { window: Some([before, after]), ..all };
                let masked = AttentionMask { attn: Some(&hidden), ..all };
                let [of_window, of_mask] = [window, masked].map(|mask| {
                    let y = layer.forward(&x, &x, &x, mask, Mode::Eval);
                    let gradients = y.square().mean_all().backward();
                    let all = params.trainable();
                    (y, all.iter().map(|p| gradients.get(&p.value()).unwrap().clone()).collect::<Vec<_>>())
                });
                near(&of_window.0, &of_mask.0);
                of_window.1.iter().zip(&of_mask.1).for_each(|(got, want)| near(got, want));
            }
        }
    }
}

#[test]
fn all_parameters_get_gradients() {
    let device = Device::named("cpu").unwrap();
    let (layer, params) = layer(&device);
    let x = numbers(&device, &[2, 4, WIDTH], 1.0);
    let gradients =
        layer.forward(&x, &x, &x, AttentionMask::causal(), Mode::Eval).square().sum_all().backward();
    for param in params.trainable() {
        let gradient = gradients.get(&param.value()).unwrap().to_vec::<f32>().unwrap();
        assert!(gradient.iter().any(|g| g.abs() > 1e-6), "{}", param.name());
    }
}
