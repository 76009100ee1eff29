//! Layers against their definitions.

use autograd::{Device, Generator, Padding, Tensor, cat};
use gpu_core::testing;
use models::{
    BatchNorm2d, BatchRenorm, BlurPool, Conv1d, Conv2d, Conv3d, ConvTranspose2d, GhostBatchNorm, Gru, Init,
    InstanceNorm, Mode, Params, RnnOptions, SpectralNorm, WeightNorm,
};

fn cpu() -> Device {
    Device::named("cpu").unwrap()
}

fn random(device: &Device, shape: &[usize]) -> Tensor {
    Generator::new(5).normal(device, shape)
}

#[track_caller]
fn near(got: &Tensor, want: &Tensor) {
    assert_eq!(got.shape(), want.shape());
    for (g, w) in got.to_vec::<f32>().unwrap().iter().zip(want.to_vec::<f32>().unwrap()) {
        assert!((g - w).abs() < 1e-4 * w.abs().max(1.0), "{g} instead of {w}");
    }
}

const MODES: [Padding; 4] = [Padding::Constant(0.0), Padding::Reflect, Padding::Replicate, Padding::Circular];

/// As in PyTorch, the input is padded first, and the convolution itself has no padding.
#[test]
fn padding_modes_pad_the_input() {
    for device in testing::devices() {
        for mode in MODES {
            let params = Params::new(&device, 1);
            let (x, line) = (random(&device, &[2, 3, 5, 6]), random(&device, &[2, 3, 7]));
            let layer = Conv2d::new(&params.path("2"), 3, 4, 3).padding([2, 1]).padding_mode(mode).build();
            let [w, b] = ["2.weight", "2.bias"].map(|n| params.get(n).unwrap().value());
            let padded = x.pad(&[(1, 1), (2, 2)], mode);
            let want = padded.conv2d(&w, Some(&b), [1; 2], [0; 2], [1; 2], 1);
            near(&layer.forward(&x), &want);

            let layer = Conv1d::new(&params.path("1"), 3, 2, 4).padding_same().padding_mode(mode).build();
            let [w, b] = ["1.weight", "1.bias"].map(|n| params.get(n).unwrap().value());
            let want = line.pad(&[(1, 2)], mode).conv1d(&w, Some(&b), 1, 0, 1, 1);
            near(&layer.forward(&line), &want);
        }
    }
}

#[test]
fn sizes_follow_pytorchs_formulas() {
    let params = Params::new(&cpu(), 1);
    let volume = Conv3d::new(&params.path("volume"), 2, 4, [1, 2, 3]).stride([1, 2, 1]).padding(1);
    let volume = volume.dilation([2, 1, 1]).groups(2).build();
    assert_eq!(volume.forward(&random(&cpu(), &[1, 2, 3, 4, 5])).shape(), [1, 4, 5, 3, 5]);
    assert_eq!(params.get("volume.weight").unwrap().value().shape(), [4, 1, 1, 2, 3]);
    let up = ConvTranspose2d::new(&params.path("up"), 4, 6, 3).stride(2).padding(1).output_padding(1);
    let up = up.groups(2).build();
    assert_eq!(up.forward(&random(&cpu(), &[1, 4, 5, 6])).shape(), [1, 6, 10, 12]);
    assert_eq!(params.get("up.weight").unwrap().value().shape(), [4, 3, 3, 3]);
    let same =
        Conv2d::new(&params.path("same"), 4, 4, [4, 3]).dilation([1, 2]).padding_same().groups(4).build();
    assert_eq!(same.forward(&random(&cpu(), &[1, 4, 5, 6])).shape(), [1, 4, 5, 6]);
}

#[test]
fn ghost_batches_are_normalised_by_themselves() {
    for device in testing::devices() {
        let (params, reference) = (Params::new(&device, 1), Params::new(&device, 1));
        let layer = GhostBatchNorm::<2>::new(&params, 3, 4);
        let norm = BatchNorm2d::new(&reference, 3);
        let x = random(&device, &[8, 3, 2, 2]);
        let parts = x.split(4, 0).iter().map(|x| norm.forward(x, Mode::Train)).collect::<Vec<_>>();
        near(&layer.forward(&x, Mode::Train), &cat(&[&parts[0], &parts[1]], 0));
        for name in ["running_mean", "running_var"] {
            near(&params.get(name).unwrap().value(), &reference.get(name).unwrap().value());
        }
        near(&layer.forward(&x, Mode::Eval), &norm.forward(&x, Mode::Eval));
    }
}

/// No gradient flows through the correction: the gradient is that of batch norm times `r`.
#[test]
fn batch_renorm_corrects_without_gradient() {
    let device = cpu();
    let [one, other] = [Params::new(&device, 1), Params::new(&device, 1)];
    let (renorm, norm) = (BatchRenorm::<2>::new(&one, 2), BatchNorm2d::new(&other, 2));
    let x = (random(&device, &[4, 2, 3, 3]) * 1.5 + 0.2).variable();
    let std = x.var(&[0, 2, 3], 0.0, true).detach().sqrt();
    let gradient = |y: &Tensor| y.pow(3.0).sum_all().backward().get(&x).unwrap().clone();
    let (y, plain) = (renorm.forward(&x, 3.0, 5.0, Mode::Train), norm.forward(&x, Mode::Train));
    near(&y, &x);
    let weight = y.square() * 3.0;
    let want = autograd::vjp(&[(&plain, &(weight * std))], &[&x]).remove(0).unwrap();
    near(&gradient(&y), &want);
    near(&one.get("running_var").unwrap().value(), &other.get("running_var").unwrap().value());
}

#[test]
fn weights_of_unit_spectral_norm() {
    for device in testing::devices() {
        let params = Params::new(&device, 1);
        let weight = SpectralNorm::new(&params, &[4, 3, 2], Init::torch_default());
        (0..10).for_each(|_| drop(weight.forward(Mode::Train).to_vec::<f32>().unwrap()));
        let w = weight.forward(Mode::Eval);
        near(&weight.forward(Mode::Eval), &w);
        let (u, v) = w.singular_vectors(&Tensor::ones(&device, &[4]), 0, 50, 1e-12);
        let sigma = u.dot(&w.flatten(1, -1).matmul(&v)).item().unwrap();
        assert!((sigma - 1.0).abs() < 1e-3, "{sigma}");
    }
}

#[test]
fn weights_with_a_length_start_as_drawn() {
    let params = Params::new(&cpu(), 1);
    let weight = WeightNorm::new(&params, &[4, 3, 2], Init::torch_default());
    near(&weight.value(), &params.get("parametrizations.weight.original1").unwrap().value());
    let gradients = weight.value().square().sum_all().backward();
    for param in params.trainable() {
        assert!(gradients.get(&param.value()).is_some(), "{}", param.name());
    }
}

#[test]
fn instances_are_scaled_by_channel() {
    let params = Params::new(&cpu(), 1);
    let x = random(&cpu(), &[2, 3, 4, 4]);
    let layer = InstanceNorm::affine(&params, 3);
    params.get("weight").unwrap().set(&Tensor::full(&cpu(), 2.0, &[3]));
    near(&layer.forward(&x), &(InstanceNorm::new().forward(&x) * 2.0));
}

/// A constant image stays constant, also at the mirrored edges.
#[test]
fn blurs_keep_constants() {
    for (size, stride) in [(1, 2), (2, 2), (3, 1), (4, 2), (7, 3)] {
        let y = BlurPool::new(size, stride).forward(&Tensor::full(&cpu(), 3.0, &[1, 2, 9, 8]));
        assert_eq!(y.shape(), [1, 2, 9usize.div_ceil(stride), 8usize.div_ceil(stride)]);
        near(&y, &Tensor::full(&cpu(), 3.0, y.shape()));
    }
}

/// The GRU of texts with `h = z n + (1 - z) h`, whose update gate has the negated weights and biases.
#[test]
fn the_other_update_gate() -> autograd::Result<()> {
    let params = Params::new(&cpu(), 5);
    let layer = Gru::new(&params, 3, 2, RnnOptions::default());
    let x = random(params.device(), &[4, 1, 3]);
    let of = |name: &str| params.get(name).expect("of the layer").value();
    let gates = |x: &Tensor, weight: &str, bias: &str| x.matmul(&of(weight).t()) + of(bias);
    let mut h = Tensor::zeros(params.device(), &[1, 2]);
    let mut states = Vec::new();
    for t in 0..4 {
        let [i, s] =
            [gates(&x.select(0, t), "weight_ih_l0", "bias_ih_l0"), gates(&h, "weight_hh_l0", "bias_hh_l0")];
        let part = |gates: &Tensor, k: usize| gates.narrow(1, 2 * k, 2);
        let r = (part(&i, 0) + part(&s, 0)).sigmoid();
        let z = (-part(&i, 1) - part(&s, 1)).sigmoid();
        let n = (part(&i, 2) + r * part(&s, 2)).tanh();
        h = &z * n + (1.0 - &z) * &h;
        states.extend(h.to_vec::<f32>()?);
    }
    near(&layer.forward(&x, None).0, &Tensor::from_slice(params.device(), &states, &[4, 1, 2])?);
    Ok(())
}
