//! Layers applied to empty batches and to sequences without steps, on every device.

use autograd::{DType, Device, Reduction, RnnNonlinearity, Tensor};
use gpu_core::testing::devices;
use models::{
    AdditiveAttention, AttentionMask, BatchNorm2d, BlurPool, Conv1d, Conv2d, Conv3d, ConvTranspose2d, Crf,
    DropPath, Dropout, Dropout2d, Embedding, GroupNorm, Gru, InstanceNorm, LayerNorm, LearnedPositions,
    Linear, Lstm, Mode, MultiheadAttention, PRelu, Params, RmsNorm, Rnn, RnnOptions, Rotary, SeparableConv2d,
    SinusoidalPositions, SqueezeExcite, Transformer, TransformerMasks, TransformerOptions,
    VariationalDropout,
};

fn zeros(device: &Device, shape: &[usize]) -> Tensor {
    Tensor::zeros(device, shape)
}

type Case = (&'static str, &'static [usize], fn(&Params, &Tensor) -> Tensor);

fn transformer(p: &Params) -> Transformer {
    Transformer::new(p, 4, 2, 1, 1, TransformerOptions { dim_feedforward: 3, ..Default::default() })
}

/// The shape of an input that lacks a batch or steps, and a layer applied to it.
const CASES: &[Case] = &[
    ("Linear", &[0, 3], |p, x| Linear::new(p, 3, 2).forward(x)),
    ("Embedding", &[0, 2], |p, x| Embedding::new(p, 3, 2).forward(&x.to(DType::I32))),
    ("PRelu", &[0, 3], |p, x| PRelu::new(p, 3).forward(x)),
    ("Conv1d", &[0, 3, 5], |p, x| Conv1d::new(p, 3, 2, 3).padding_same().build().forward(x)),
    ("Conv2d", &[0, 3, 5, 5], |p, x| Conv2d::new(p, 3, 2, 3).stride(2).build().forward(x)),
    ("Conv3d", &[0, 3, 4, 4, 4], |p, x| Conv3d::new(p, 3, 2, 3).build().forward(x)),
    ("ConvTranspose2d", &[0, 3, 4, 4], |p, x| ConvTranspose2d::new(p, 3, 2, 3).stride(2).build().forward(x)),
    ("SeparableConv2d", &[0, 3, 4, 4], |p, x| SeparableConv2d::new(p, 3, 2, 3, |c| c).forward(x)),
    ("SqueezeExcite", &[0, 3, 4, 4], |p, x| SqueezeExcite::new(p, 3, 2).forward(x)),
    ("BlurPool", &[0, 3, 4, 4], |_, x| BlurPool::new(3, 2).forward(x)),
    ("BatchNorm2d", &[0, 3, 4, 4], |p, x| BatchNorm2d::new(p, 3).forward(x, Mode::Eval)),
    ("GroupNorm", &[0, 4, 3], |p, x| GroupNorm::new(p, 2, 4).forward(x)),
    ("InstanceNorm", &[0, 4, 3], |p, x| InstanceNorm::affine(p, 4).forward(x)),
    ("LayerNorm", &[0, 3], |p, x| LayerNorm::new(p, 3).forward(x)),
    ("RmsNorm", &[0, 3], |p, x| RmsNorm::new(p, 3).forward(x)),
    ("Dropout", &[0, 3], |p, x| Dropout::new(p, 0.5).forward(x, Mode::Train)),
    ("Dropout2d", &[0, 3, 2], |p, x| Dropout2d::new(p, 0.5).forward(x, Mode::Train)),
    ("DropPath", &[0, 3], |p, x| DropPath::new(p, 0.5).forward(x, Mode::Train)),
    ("VariationalDropout", &[2, 0, 3], |p, x| VariationalDropout::new(p, 0.5).forward(x, Mode::Train)),
    ("Rnn", &[3, 0, 2], |p, x| {
        Rnn::new(p, 2, 2, RnnNonlinearity::Tanh, RnnOptions::default()).forward(x, None).0
    }),
    ("Gru", &[0, 3, 2], |p, x| {
        let options = RnnOptions { batch_first: true, bidirectional: true, ..RnnOptions::default() };
        Gru::new(p, 2, 2, options).forward(x, None).1
    }),
    ("Lstm", &[3, 0, 2], |p, x| {
        Lstm::new(p, 2, 2, RnnOptions { num_layers: 2, ..RnnOptions::default() }).forward(x, None).0
    }),
    ("Crf", &[3, 0, 2], |p, x| {
        let none = |shape: &[usize]| zeros(p.device(), shape).to(DType::I32);
        Crf::new(p, 2).nll_loss(x, &none(&[3, 0]), &none(&[0]), Reduction::None)
    }),
    ("AdditiveAttention", &[0, 2, 3], |p, x| AdditiveAttention::new(p, 3, 3, 2).forward(x, x, None)),
    ("AdditiveAttention, no queries", &[2, 0, 3], |p, x| {
        AdditiveAttention::new(p, 3, 3, 2).forward(x, &zeros(p.device(), &[2, 1, 3]), None)
    }),
    ("MultiheadAttention", &[0, 3, 4], |p, x| {
        MultiheadAttention::new(p, 4, 2).forward(x, x, x, AttentionMask::causal(), Mode::Eval)
    }),
    ("MultiheadAttention, no steps", &[2, 0, 4], |p, x| {
        MultiheadAttention::new(p, 4, 2).forward(x, x, x, AttentionMask::causal(), Mode::Eval)
    }),
    ("MultiheadAttention, weights of no steps", &[2, 0, 4], |p, x| {
        MultiheadAttention::new(p, 4, 2).forward_weights(x, x, x, AttentionMask::causal(), Mode::Eval).1
    }),
    ("LearnedPositions", &[2, 0, 3], |p, x| LearnedPositions::new(p, 4, 3).forward(x, 1)),
    ("SinusoidalPositions", &[2, 0, 4], |p, x| SinusoidalPositions::new(p.device(), 4, 4).forward(x, 4)),
    ("Rotary", &[2, 0, 4], |p, x| Rotary::new(p.device(), 4, 4, 1e4).forward(x, 2)),
    ("Transformer", &[0, 3, 4], |p, x| transformer(p).forward(x, x, TransformerMasks::causal(), Mode::Eval)),
    ("Transformer, no targets", &[2, 0, 4], |p, x| {
        transformer(p).forward(&zeros(p.device(), &[2, 3, 4]), x, TransformerMasks::causal(), Mode::Eval)
    }),
];

/// The result is empty, and the gradients of parameters are 0.
#[test]
fn nothing_in_nothing_out() {
    for device in devices() {
        for (name, shape, layer) in CASES {
            let params = Params::new(&device, 1);
            let x = zeros(&device, shape).variable();
            let y = layer(&params, &x);
            let gradients = y.requires_grad().then(|| y.sum_all().backward());
            let fails = |e| panic!("{name} on {}: {e}", device.info());
            let values: Vec<f32> = y.to_vec().unwrap_or_else(fails);
            assert!(values.is_empty(), "{name}: {:?}", y.shape());
            for param in params.trainable() {
                let found = gradients.as_ref().and_then(|g| g.get(&param.value()).cloned());
                let Some(gradient) = found else { continue };
                let gradient: Vec<f32> = gradient.to_vec().unwrap_or_else(fails);
                assert!(gradient.iter().all(|&g| g == 0.0), "{name}: {} learns {gradient:?}", param.name());
            }
        }
    }
}

/// Attention without keys.
#[test]
fn no_keys_give_zeros() {
    for device in devices() {
        let params = Params::new(&device, 1);
        let layer = MultiheadAttention::new(&params, 4, 2);
        params.get("out_proj.bias").unwrap().set(&Tensor::full(&device, 3.0, &[4]));
        let (x, none) = (Tensor::ones(&device, &[1, 2, 4]), zeros(&device, &[1, 0, 4]));
        let y = layer.forward(&x, &none, &none, AttentionMask::default(), Mode::Eval);
        assert_eq!(y.to_vec::<f32>().unwrap(), [3.0; 8]);
        let gradients = y.square().sum_all().backward();
        for param in params.trainable() {
            let gradient = gradients.get(&param.value()).unwrap().to_vec::<f32>().unwrap();
            assert!(gradient.iter().all(|g| g.is_finite()), "{}", param.name());
        }
    }
}

/// Lengths are data, unknown while a graph is recorded: those outside of the sequence are clamped.
#[test]
fn lengths_of_a_crf_are_within_the_sequence() {
    for device in devices() {
        let params = Params::new(&device, 1);
        let crf = Crf::new(&params, 2);
        let values: Vec<f32> = (0..12).map(|i| (i * 5 % 7) as f32 / 3.0).collect();
        let emissions = Tensor::constant(&device, &values, &[3, 2, 2]);
        let int = |v: &[i32], shape: &[usize]| Tensor::constant(&device, v, shape);
        let tags = int(&[0, 1, 1, 1, 0, 0], &[3, 2]);
        let loss = |lengths: [i32; 2]| {
            let lengths = int(&lengths, &[2]);
            let loss = crf.nll_loss(&emissions, &tags, &lengths, Reduction::None).to_vec::<f32>().unwrap();
            (loss, crf.decode(&emissions, &lengths).1.to_vec::<i32>().unwrap())
        };
        let (inside, outside) = (loss([3, 1]), loss([9, -2]));
        assert_eq!(inside, outside);
        assert!(inside.0.iter().all(|l| l.is_finite() && *l > 0.0), "{:?}", inside.0);
        let other = int(&[0, 1, 5, 1, 0, 0], &[3, 2]);
        let loss = crf.nll_loss(&emissions, &other, &int(&[3, 1], &[2]), Reduction::None).to_vec::<f32>();
        assert!(loss.as_ref().unwrap()[0].is_nan() && loss.unwrap()[1].is_finite(), "a tag that is none");
    }
}
