//! Augmentation in a training step. Alone in its file: it counts the device's plans.

use autograd::{Generator, Tensor};
use data::on_device::*;
use data::{ColorJitter, Normalize, RandomResizedCrop};
use models::{Linear, Params, Sgd};

/// All augmentations, then a linear layer, mixup at its output, and a step.
fn train(params: &Params, net: &Linear, opt: &mut Sgd, generator: &Generator, step: usize) -> f32 {
    let device = params.device();
    let pixels: Vec<f32> = (0..4 * 3 * 8 * 8).map(|i| (i * (step + 3) % 97) as f32 / 97.0).collect();
    let images = Tensor::from_slice(device, &pixels, &[4, 3, 8, 8]).unwrap();
    let labels = Tensor::from_slice(device, &[0i32, 1, 2, (step % 3) as i32], &[4]).unwrap();
    let jitter = ColorJitter { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 };
    let x = random_crop(&random_flip(&images, 0.5, generator), 2, generator);
    let x = random_resized_crop(&x, &RandomResizedCrop::default(), generator);
    let x = random_grayscale(&color_jitter(&x, &jitter, generator), 0.2, generator);
    let x = salt_and_pepper(&gaussian_noise(&x, 0.05, generator), 0.1, [0.0, 1.0], generator);
    let x = normalize(&x, &Normalize { mean: vec![0.5; 3], std: vec![0.25; 3] });
    let x = cutout(&RandomErasing::default().apply(&x, generator), 3, generator);
    let cutmix = CutMix::draw(&x, 1.0, generator);
    let mixup = Mixup::draw(device, 0.2, generator);
    let logits = mixup.mix(&net.forward(&cutmix.mix(&x).reshape(&[4, 192])));
    let targets = mixup.mix(&cutmix.targets(&labels, 3));
    let loss = logits.cross_entropy(&targets);
    let submits = device.stats().submits;
    // The learning rate changes, too.
    opt.step(loss.backward(), 0.1 / (step + 1) as f32).unwrap();
    assert_eq!(device.stats().submits, submits + 1, "one submit a step");
    loss.item().unwrap()
}

#[test]
fn a_step_with_augmentation_replays_one_plan_and_devices_agree() {
    let mut runs: Vec<Vec<f32>> = vec![];
    for device in gpu_core::testing::devices() {
        let params = Params::new(&device, 1);
        let net = Linear::new(&params, 192, 3);
        let (mut opt, generator) = (Sgd::new(&params), Generator::new(5));
        let (mut losses, mut compiles) = (vec![], vec![]);
        for step in 0..6 {
            losses.push(train(&params, &net, &mut opt, &generator, step));
            compiles.push(device.stats().compiles);
        }
        assert!(compiles[1..].iter().all(|c| *c == compiles[1]), "{}: {compiles:?}", device.info());
        runs.push(losses);
    }
    for (losses, expected) in runs.iter().zip(std::iter::repeat(&runs[0])) {
        for (loss, expected) in losses.iter().zip(expected) {
            assert!((loss - expected).abs() < 1e-4 * expected.abs(), "{runs:?}");
        }
    }
}
