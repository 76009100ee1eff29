//! Dropout in transformers: where it drops, when, and with which random numbers. The tests count plans, so they run one at a time.

use std::sync::{Mutex, MutexGuard};

use autograd::{Device, Tensor};
use gpu_core::testing;
use models::{
    AttentionMask, AttentionOptions, Bert, BertOptions, Gpt, GptOptions, Mode, MultiheadAttention, Params,
    Sgd, Transformer, TransformerMasks, TransformerOptions, Vit, VitOptions,
};

const WIDTH: usize = 8;

fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(|e| e.into_inner())
}

fn numbers(device: &Device, shape: &[usize]) -> Tensor {
    let count: usize = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|i| (i * 37 % 19) as f32 / 9.0 - 1.0).collect();
    Tensor::from_slice(device, &values, shape).unwrap()
}

fn values(t: &Tensor) -> Vec<f32> {
    t.to_vec().unwrap()
}

type Forward = Box<dyn Fn(Mode) -> Tensor>;

/// A network of each kind applied to a fixed input, with dropout `p` and parameters that depend only on the seed.
fn networks(device: &Device, p: f32) -> Vec<(&'static str, Params, Forward)> {
    let fresh = || Params::new(device, 3);
    let tokens = Tensor::from_slice(device, &[0i32, 3, 1, 4, 1, 2], &[2, 3]).unwrap();
    let x = numbers(device, &[2, 3, WIDTH]);
    let mut all: Vec<(&'static str, Params, Forward)> = vec![];

    let (params, input) = (fresh(), x.clone());
    let options = AttentionOptions { dropout: p, ..AttentionOptions::default() };
    let layer = MultiheadAttention::with(&params, WIDTH, 2, options);
    let attend = move |mode| layer.forward(&input, &input, &input, AttentionMask::causal(), mode);
    all.push(("attention", params, Box::new(attend)));

    for (name, norm_first) in [("post-norm", false), ("pre-norm", true)] {
        let (params, input) = (fresh(), x.clone());
        let options =
            TransformerOptions { dim_feedforward: 16, norm_first, dropout: p, ..Default::default() };
        let net = Transformer::new(&params, WIDTH, 2, 1, 1, options);
        let translate = move |mode| net.forward(&input, &input, TransformerMasks::causal(), mode);
        all.push((name, params, Box::new(translate)));
    }

    let (params, input) = (fresh(), tokens.clone());
    let options = GptOptions { vocab: 5, context: 4, width: WIDTH, heads: 2, depth: 2, dropout: p };
    let net = Gpt::new(&params, options);
    all.push(("GPT", params, Box::new(move |mode| net.forward(&input, mode))));

    let params = fresh();
    let options = BertOptions { vocab: 5, context: 4, width: WIDTH, heads: 2, depth: 1, dropout: p };
    let net = Bert::new(&params, options);
    all.push(("BERT", params, Box::new(move |mode| net.forward(&tokens, None, None, mode))));

    let (params, images) = (fresh(), numbers(device, &[2, 3, 4, 4]));
    let options =
        VitOptions { width: WIDTH, heads: 2, depth: 1, dropout: p, ..VitOptions::new([4, 4], 2, 3) };
    let net = Vit::new(&params, options);
    all.push(("ViT", params, Box::new(move |mode| net.forward(&images, mode))));
    all
}

#[test]
fn evaluation_is_without_dropout() {
    let _alone = alone();
    for device in testing::devices() {
        for ((name, _, plain), (.., dropping)) in networks(&device, 0.0).iter().zip(networks(&device, 0.3)) {
            let want = values(&plain(Mode::Train));
            assert_eq!(values(&plain(Mode::Eval)), want, "{name}");
            assert_eq!(values(&dropping(Mode::Eval)), want, "{name}");
            assert_ne!(values(&dropping(Mode::Train)), want, "{name}");
            assert_ne!(values(&dropping(Mode::Sample)), want, "{name}");
        }
    }
}

#[test]
fn the_seed_of_the_parameters_decides() {
    let _alone = alone();
    for device in testing::devices() {
        let [first, again] = [0.3, 0.3].map(|p| networks(&device, p));
        for ((name, _, first), (.., again)) in first.iter().zip(&again) {
            let (one, two) = (values(&first(Mode::Train)), values(&first(Mode::Train)));
            assert_ne!(one, two, "{name}");
            assert_eq!(one, values(&again(Mode::Train)), "{name}");
            assert_eq!(two, values(&again(Mode::Train)), "{name}");
        }
    }
}

/// Attention is linear in its weights, so its mean over many draws equals the result of evaluation.
#[test]
fn attention_keeps_its_mean() {
    let _alone = alone();
    let device = Device::named("cpu").unwrap();
    let params = Params::new(&device, 3);
    let options = AttentionOptions { dropout: 0.2, ..AttentionOptions::default() };
    let layer = MultiheadAttention::with(&params, WIDTH, 2, options);
    let x = numbers(&device, &[1, 4, WIDTH]);
    let many = x.expand(&[4000, 4, WIDTH]);
    let mean =
        values(&layer.forward(&many, &many, &many, AttentionMask::default(), Mode::Train).mean(&[0], false));
    let want = values(&layer.forward(&x, &x, &x, AttentionMask::default(), Mode::Eval));
    let worst = mean.iter().zip(&want).map(|(m, w)| (m - w).abs()).fold(0.0, f32::max);
    println!("mean attention within {worst:.4}");
    assert!(worst < 0.02, "{mean:?} instead of {want:?}");

    let (_, weights) = layer.forward_weights(&many, &many, &many, AttentionMask::default(), Mode::Train);
    let dropped = values(&weights.eq(0.0).to(autograd::DType::F32).mean_all())[0];
    assert!((dropped - 0.2).abs() < 0.01, "{dropped} of the weights dropped");
}

/// Every dropout of PyTorch's layers draws once per step: 4 times in an encoder layer (attention weights, between the linear layers, both
/// residual branches), 6 times in a decoder layer; networks also drop embeddings.
#[test]
fn every_part_draws() {
    let _alone = alone();
    let device = Device::named("cpu").unwrap();
    let draws = [1, 4 + 6, 4 + 6, 1 + 2 * 4, 1 + 4, 1 + 4];
    for ((name, params, forward), want) in networks(&device, 0.1).iter().zip(draws) {
        values(&forward(Mode::Train));
        assert_eq!(params.generator().state().1, want, "{name}");
    }
}

/// Every step draws new numbers without a new plan.
#[test]
fn replayed_steps_draw_anew() {
    let _alone = alone();
    for device in testing::devices() {
        for (name, params, forward) in networks(&device, 0.2) {
            let mut opt = Sgd::new(&params);
            let mut step = || {
                let loss = forward(Mode::Train).abs().mean_all();
                // With a learning rate of 0, only the random numbers change.
                opt.step(loss.backward(), 0.0).unwrap();
                loss.item().unwrap()
            };
            (0..3).for_each(|_| _ = step());
            let before = device.stats().compiles;
            let mut losses: Vec<f32> = (0..4).map(|_| step()).collect();
            assert_eq!(device.stats().compiles, before, "{name} on {}", device.info());
            losses.sort_by(f32::total_cmp);
            losses.dedup();
            assert_eq!(losses.len(), 4, "{name}: {losses:?}");
        }
    }
}
