//! Every shader of complete training steps, including generated ones, is valid within the portable limits.

use std::collections::BTreeSet;

use autograd::{CrossEntropy, Device, Tensor, plans};
use gpu_core::testing;
use models::{AdamW, Mode, Params, ResNet, Sgd};

fn images(device: &Device) -> (Tensor, Tensor) {
    let images = Tensor::ones(device, &[4, 3, 32, 32]);
    (images, Tensor::from_slice(device, &[1i32, 2, 3, 4], &[4]).unwrap())
}

#[test]
fn shaders_of_training_steps() {
    let Some(device) = testing::gpu() else { return };
    let (x, classes) = images(&device);
    let params = Params::new(&device, 0);
    let net = ResNet::cifar(&params, 20, 10);
    let mut opt = Sgd::new(&params).momentum(0.9).weight_decay(5e-4);
    let logits = net.forward(&x, Mode::Train);
    opt.step(
        logits
            .cross_entropy_with(&classes, CrossEntropy { label_smoothing: 0.1, ..CrossEntropy::default() })
            .backward(),
        0.1,
    )
    .unwrap();
    logits.argmax(1, false).eq(&classes).sum_all().to_vec::<u32>().unwrap();
    net.forward(&x, Mode::Eval).softmax(-1).to_vec::<f32>().unwrap();

    let params = Params::new(&device, 0);
    let net = ResNet::imagenet(&params, 18, 10);
    let mut opt = AdamW::new(&params);
    opt.step(net.forward(&x, Mode::Train).cross_entropy(&classes).backward(), 0.1).unwrap();

    let mut sources = BTreeSet::new();
    let mut kernels = BTreeSet::new();
    for plan in plans(&device) {
        for launch in plan.launches() {
            kernels.insert(launch.kernel().name());
            sources.extend(launch.kernel().shaders().iter().map(|s| s.module()));
        }
    }
    for wanted in
        ["conv2d", "conv2d_input_grad", "conv2d_weight_grad", "channel_moments", "map", "reduce", "matmul"]
    {
        assert!(kernels.contains(wanted), "{kernels:?}");
    }
    assert!(sources.len() > 50, "{} shaders", sources.len());
    for source in &sources {
        testing::validate(source);
    }
}
