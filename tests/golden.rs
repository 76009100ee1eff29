//! Worked examples of textbooks, computed in float64, which the library must reproduce.

use wgrad::models::{Adagrad, ExponentialLr, Mlp, MnistCnn, Optimizer, Rule};
use wgrad::prelude::*;

fn cpu() -> Device {
    Device::named("cpu").unwrap()
}

fn tensor(values: &[f32], shape: &[usize]) -> Tensor {
    Tensor::from_slice(&cpu(), values, shape).unwrap()
}

#[track_caller]
fn near(got: &[f32], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len(), "{got:?}");
    for (g, w) in got.iter().zip(want) {
        assert!((f64::from(*g) - w).abs() <= tolerance * w.abs().max(1.0), "{got:?} instead of {want:?}");
    }
}

#[track_caller]
fn holds(x: &Tensor, want: &[f64]) {
    near(&x.to_vec::<f32>().unwrap(), want, 2e-6);
}

#[test]
fn back_propagation_by_hand() {
    let params = Params::new(&cpu(), 0);
    let parameter = |name: &str, values: &[f32], shape: &[usize]| {
        let param = params.param(name, shape, Init::ZEROS);
        param.set(&tensor(values, shape));
        param
    };
    // The text multiplies from the left: W1 is [inputs, hidden].
    let w1 = [0.496_714_15, -0.138_264_3, 0.647_688_54, 1.523_029_9, -0.234_153_37, -0.234_136_96];
    let w1 = parameter("w1", &w1, &[3, 2]);
    let b1 = parameter("b1", &[0.0; 2], &[2]);
    let w2 = parameter("w2", &[1.579_212_8, 0.767_434_7], &[2, 1]);
    let b2 = parameter("b2", &[0.0], &[1]);
    let (x, y) = (tensor(&[0.1, 0.2, 0.3], &[1, 3]), tensor(&[0.7], &[1, 1]));
    let forward = || {
        let hidden = (x.matmul(&w1.value()) + b1.value()).sigmoid();
        (hidden.matmul(&w2.value()) + b2.value()).sigmoid()
    };
    let loss = |prediction: &Tensor| (prediction - &y).square().sum_all() * 0.5;
    let before = forward();
    holds(&before, &[0.778_757_755_0]);
    holds(&loss(&before), &[0.003_101_392_0]);
    let gradients = loss(&before).backward();
    // A bias's gradient is the delta of the text.
    holds(gradients.get(&b2.value()).unwrap(), &[0.013_569_497_6]);
    holds(gradients.get(&b1.value()).unwrap(), &[0.005_341_410_9, 0.002_572_024_9]);
    Sgd::new(&params).step(gradients, 0.1).unwrap();
    holds(&w2.value(), &[1.578_497_412_8, 0.766_681_741_1]);
    holds(&b2.value(), &[-0.001_356_949_8]);
    holds(&forward(), &[0.778_335_851_3]);
    holds(&loss(&forward()), &[0.003_068_252_8]);
}

/// The path of an optimizer on theta^2 from 1 with a rate of 0.1.
fn descend<R: Rule>(make: impl Fn(&Params) -> Optimizer<R>, steps: usize) -> Vec<f32> {
    let params = Params::new(&cpu(), 0);
    let theta = params.param("theta", &[], Init::ONES);
    let mut opt = make(&params);
    let step = |_| {
        opt.step(theta.value().square().backward(), 0.1).unwrap();
        theta.value().item().unwrap()
    };
    (0..steps).map(step).collect()
}

#[test]
fn optimizers_on_a_parabola() {
    near(&descend(Sgd::new, 3), &[0.8, 0.64, 0.512], 1e-6);
    near(&descend(Adam::new, 3), &[0.9, 0.800_412_2, 0.701_586_3], 1e-6);
    let momentum = [0.8, 0.46, 0.062, -0.3086, -0.5804, -0.7090, -0.6829, -0.5228, -0.2742, 0.0044];
    near(&descend(|p| Sgd::new(p).momentum(0.9), 10), &momentum, 5e-5);
    let adagrad = [0.9, 0.8331, 0.7805, 0.7362, 0.6977, 0.6634, 0.6324, 0.6041, 0.5780, 0.5537];
    near(&descend(Adagrad::new, 10), &adagrad, 5e-5);
    near(&descend(Adagrad::new, 3), &[0.9, 0.833_103_5, 0.780_456_2], 1e-6);
}

/// SGD on x^2 + 2 y^2 from (3, 3), without and with momentum.
#[test]
fn paths_in_a_bowl() {
    let path = |momentum: f32| -> Vec<f32> {
        let params = Params::new(&cpu(), 0);
        let x = params.param("x", &[2], Init::Constant(3.0));
        let mut opt = Sgd::new(&params).momentum(momentum);
        let bowl = tensor(&[1.0, 2.0], &[2]);
        let step = |_| {
            opt.step((x.value().square() * &bowl).sum_all().backward(), 0.1).unwrap();
            x.value().to_vec::<f32>().unwrap()
        };
        (0..3).flat_map(step).collect()
    };
    near(&path(0.0), &[2.4, 1.8, 1.92, 1.08, 1.536, 0.648], 1e-6);
    near(&path(0.9), &[2.4, 1.8, 1.38, 0.0, 0.186, -1.62], 1e-6);
}

#[test]
fn schedules_by_epoch() {
    let step = Step::new(0.1, 0.1, [30, 60, 90]);
    let exponential = ExponentialLr::new(0.1, (-0.03f64).exp());
    let cosine = Cosine::new(0.1, 0.0, 100);
    let warm = Warmup::new(0.0, 10, Cosine::new(0.1, 0.0, 90));
    for (epoch, want) in [
        (1, [0.1, 0.097_044_553_4, 0.099_975_328_1, 0.01]),
        (10, [0.1, 0.074_081_822_1, 0.097_552_825_8, 0.1]),
        (30, [0.01, 0.040_656_966_0, 0.079_389_262_6, 0.088_302_222_2]),
        (60, [0.001, 0.016_529_888_8, 0.034_549_150_3, 0.041_317_591_1]),
        (100, [0.0001, 0.004_978_706_8, 0.0, 0.0]),
    ] {
        near(&[step.lr(epoch), exponential.lr(epoch), cosine.lr(epoch), warm.lr(epoch)], &want, 1e-8);
    }
}

#[test]
fn activations_at_minus_one_and_one() {
    let x = tensor(&[-1.0, 1.0], &[2]);
    holds(&x.sigmoid(), &[0.268_941_421_4, 0.731_058_578_6]);
    holds(&x.tanh(), &[-0.761_594_156_0, 0.761_594_156_0]);
    holds(&x.leaky_relu(0.1), &[-0.1, 1.0]);
    holds(&x.elu(1.0), &[-0.632_120_558_8, 1.0]);
    holds(&x.gelu(), &[-0.158_655_253_9, 0.841_344_746_1]);
    holds(&x.gelu_tanh(), &[-0.158_808_009_4, 0.841_191_990_6]);
    holds(&x.silu(), &[-0.268_941_421_4, 0.731_058_578_6]);
    holds(&x.mish(), &[-0.303_401_461_4, 0.865_098_388_3]);
    holds(&tensor(&[2.0, 1.0, 0.1], &[3]).softmax(0), &[0.659_001_14, 0.242_432_97, 0.098_565_89]);
    let large = tensor(&[1000.0, 1001.0, 1002.0], &[3]);
    holds(&large.softmax(0), &[0.090_030_57, 0.244_728_47, 0.665_240_96]);
    holds(&large.logsumexp(&[0], false), &[1_002.407_606]);
}

#[test]
fn losses_of_the_book() {
    let (y, p) = (tensor(&[3.0, -0.5, 2.0, 7.0], &[4]), tensor(&[2.5, 0.0, 2.0, 8.0], &[4]));
    holds(&p.mse_loss(&y, Reduction::Mean), &[0.375]);
    holds(&p.l1_loss(&y, Reduction::Mean), &[0.5]);
    holds(&p.huber_loss(&y, 1.0, Reduction::Mean), &[0.1875]);
    let rates = tensor(&[0.01, 0.1, 0.2, 0.5], &[4]);
    let kl = [0.041_291_085_0, 0.016_706_501_2, 0.093_943_026_0, 0.494_631_937_2];
    holds(&rates.sparsity_kl(0.05, Reduction::None), &kl);
    let (mean, log_var) = (tensor(&[1.0], &[1, 1]), tensor(&[0.25f32.ln()], &[1, 1]));
    near(&mean.gaussian_kl(&log_var, Reduction::Sum).to_vec::<f32>().unwrap(), &[0.818_147_2], 1e-6);
}

#[test]
fn cells_with_all_weights_one() {
    let params = Params::new(&cpu(), 0);
    let x = Tensor::ones(&cpu(), &[1, 1, 1]);
    let options = RnnOptions { bias: false, ..RnnOptions::default() };
    let lstm = Lstm::new(&params.path("lstm"), 1, 1, options);
    let gru = Gru::new(&params.path("gru"), 1, 1, options);
    params.all().iter().for_each(|p| p.set(&p.value().ones_like()));
    let (y, (_, c)) = lstm.forward(&x, None);
    holds(&c, &[0.556_769_9]);
    holds(&y, &[0.369_606_4]);
    // The text's update gate is 1 minus PyTorch's, so its weights change sign.
    for name in ["gru.weight_ih_l0", "gru.weight_hh_l0"] {
        params.get(name).unwrap().set(&tensor(&[1.0, -1.0, 1.0], &[3, 1]));
    }
    holds(&gru.forward(&x, None).0, &[0.556_769_9]);
}

#[test]
fn a_node_s_row_of_a_normalised_graph() {
    let mut adjacency = [0.0f32; 25];
    for (i, j) in [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (0, 1), (0, 2), (1, 2), (1, 3), (2, 4)] {
        (adjacency[5 * i + j], adjacency[5 * j + i]) = (1.0, 1.0);
    }
    let a = tensor(&adjacency, &[5, 5]);
    let scale = a.sum(&[1], true).rsqrt();
    let row = (&a * &scale * scale.transpose(0, 1)).narrow(0, 1, 1);
    holds(&row, &[0.288_675_13, 0.25, 0.25, 0.353_553_39, 0.0]);
}

#[test]
fn dropout_and_clipping() {
    for (p, scale) in [(0.0, 1.0), (0.3, 1.428_571), (0.5, 2.0), (0.7, 3.333_333)] {
        let kept = Tensor::ones(&cpu(), &[400]).dropout(p, &Generator::new(1)).to_vec::<f32>().unwrap();
        assert!(kept.iter().all(|&v| v == 0.0 || (v - scale).abs() < 1e-5), "{p}: {kept:?}");
        let share = kept.iter().filter(|&&v| v == 0.0).count() as f32 / 400.0;
        assert!((share - p).abs() < 0.1, "{share} dropped of {p}");
    }
    let x = tensor(&[1.0, 1.0], &[2]).variable();
    let (clipped, norm) = (&x * tensor(&[3.0, 4.0], &[2])).sum_all().backward().clip_norm(1.0, 2.0);
    holds(&norm, &[5.0]);
    near(&clipped.get(&x).unwrap().to_vec::<f32>().unwrap(), &[0.6, 0.8], 2e-6);
}

#[test]
fn parameter_counts() {
    let count = |make: &dyn Fn(&Params)| {
        let params = Params::new(&cpu(), 0);
        make(&params);
        params.count()
    };
    assert_eq!(count(&|p| drop(Mlp::new(p, &[10, 128, 64, 32, 2]))), 11_810);
    assert_eq!(count(&|p| drop(Mlp::new(p, &[784, 256, 128, 10]))), 235_146);
    assert_eq!(count(&|p| drop(Conv2d::new(p, 64, 128, 3).build())), 73_856);
    assert_eq!(count(&|p| drop(Conv2d::new(p, 64, 64, 3).no_bias().build())), 36_864);
    let separable = |p: &Params| {
        Conv2d::new(&p.path("depthwise"), 64, 64, 3).groups(64).no_bias().build();
        Conv2d::new(&p.path("pointwise"), 64, 64, 1).no_bias().build();
    };
    assert_eq!(count(&separable), 4_672);
    let (d, h) = (5, 7);
    let one_bias = count(&|p| drop(Lstm::new(p, d, h, RnnOptions::default()))) - 4 * h;
    assert_eq!(one_bias, 4 * (h * (h + d) + h));
    assert_eq!(count(&|p| drop(ResNet::cifar(p, 20, 10))), 269_722);
    assert_eq!(count(&|p| drop(MnistCnn::new(p, 10))), 34_826);
    let x = Tensor::zeros(&cpu(), &[1, 3, 224, 224]);
    let conv = Conv2d::new(&Params::new(&cpu(), 0), 3, 1, 7).stride(2).padding(3).build().forward(&x);
    assert_eq!(conv.shape(), [1, 1, 112, 112]);
    assert_eq!(conv.max_pool2d(Pool2d { stride: [2, 2], ..Pool2d::new(3) }).0.shape(), [1, 1, 55, 55]);
}
