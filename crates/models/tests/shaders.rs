//! Every shader of complete training steps, including generated ones, is valid within the portable limits.

use std::collections::BTreeSet;

use autograd::{CrossEntropy, Device, Tensor, evaluate, plans};
use gpu_core::{GpuFamily, GpuProfile, testing};
use models::{AdamW, Mode, Params, ResNet, Sgd};
use rayon::prelude::*;

/// Records and compiles steps of two networks, and an evaluation.
fn steps(device: &Device) {
    let x = Tensor::ones(device, &[4, 3, 32, 32]);
    let classes = Tensor::from_slice(device, &[1i32, 2, 3, 4], &[4]).unwrap();
    let params = Params::new(device, 0);
    let net = ResNet::cifar(&params, 20, 10);
    let mut opt = Sgd::new(&params).momentum(0.9).weight_decay(5e-4);
    let logits = net.forward(&x, Mode::Train);
    let smoothed = CrossEntropy { label_smoothing: 0.1, ..CrossEntropy::default() };
    opt.step(logits.cross_entropy_with(&classes, smoothed).backward(), 0.1).unwrap();
    evaluate(&[&logits.argmax(1, false).eq(&classes).sum_all()]).unwrap();
    evaluate(&[&net.forward(&x, Mode::Eval).softmax(-1)]).unwrap();

    let params = Params::new(device, 0);
    let net = ResNet::imagenet(&params, 18, 10);
    let mut opt = AdamW::new(&params);
    opt.step(net.forward(&x, Mode::Train).cross_entropy(&classes).backward(), 0.1).unwrap();
}

/// For software adapters and for real GPUs, whose kernels have other forms.
#[test]
fn shaders_of_training_steps() {
    for family in [GpuFamily::Software, GpuFamily::Other] {
        let device = Device::dry(GpuProfile::of(family)).unwrap();
        steps(&device);
        let mut sources = BTreeSet::new();
        let mut kernels = BTreeSet::new();
        for plan in plans(&device) {
            for launch in plan.launches() {
                kernels.insert(launch.kernel().name());
                sources.extend(launch.kernel().shaders().iter().map(|s| s.module()));
            }
        }
        for wanted in ["conv2d", "conv2d_input_grad", "conv2d_weight_grad", "map", "reduce", "matmul"] {
            assert!(kernels.contains(wanted), "{kernels:?}");
        }
        assert!(sources.len() > 50, "{} shaders", sources.len());
        sources.par_iter().for_each(|source| testing::validate(source));
    }
}
