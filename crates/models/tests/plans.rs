//! What the compiler makes of a training step of ResNet-20. Alone in its file: it looks at all plans of the device.

use autograd::{Device, PlanView, Tensor, plans, set_fusion};
use models::{Mode, Params, ResNet, Sgd};

/// Three steps' losses, and the plan of the last.
fn train(device: &Device) -> (Vec<f32>, PlanView) {
    let params = Params::new(device, 0);
    let net = ResNet::cifar(20, 10, &params);
    let mut opt = Sgd::new(&params).momentum(0.9).weight_decay(1e-4).group("*bn*", 0.0, 1.0);
    let pixels: Vec<f32> = (0..8 * 3 * 32 * 32).map(|i| ((i * 7919) % 1009) as f32 / 500.0 - 1.0).collect();
    let images = Tensor::from_slice(device, &pixels, &[8, 3, 32, 32]).unwrap();
    let classes = Tensor::from_slice(device, &[0i32, 1, 2, 3, 4, 5, 6, 7], &[8]).unwrap();
    let known = plans(device).len();
    let losses = (0..3).map(|_| {
        let loss = net.forward(&images, Mode::Train).cross_entropy(&classes);
        opt.step(loss.backward(), 0.05).unwrap();
        loss.item().unwrap()
    });
    let losses = losses.collect();
    // The first step differs: parameters are not in one piece yet.
    let steps: Vec<PlanView> = plans(device).into_iter().filter(|p| p.launches().len() > 100).collect();
    assert_eq!(plans(device).len() - known, 2);
    let step = steps.into_iter().min_by_key(|p| p.launches().len()).unwrap();
    (losses, step)
}

#[test]
fn fusion_saves_launches_and_memory_and_changes_no_loss() {
    let device = Device::named("cpu").unwrap();
    let (fused, plan) = train(&device);
    let before = plans(&device).len();
    set_fusion(false);
    let (apart, _) = train(&device);
    assert_eq!(plans(&device).len(), before + 2);
    let unfused = plans(&device).into_iter().filter(|p| p.passes().inlined == 0 && p.launches().len() > 100);
    let unfused = unfused.min_by_key(|p| p.launches().len()).unwrap();
    for (a, b) in fused.iter().zip(&apart) {
        assert!((a - b).abs() < 1e-4 * b, "losses {fused:?} fused, {apart:?} apart");
    }
    let peak = |p: &PlanView| p.passes().live_bytes.iter().copied().max().unwrap();
    let counts = (plan.launches().len(), unfused.launches().len());
    assert!(counts.0 <= 166 && 5 * counts.1 > 8 * counts.0, "launches {counts:?}\n{}", plan.explain());
    let bytes = (peak(&plan), peak(&unfused));
    assert!(10 * bytes.0 <= 9 * bytes.1, "bytes {bytes:?}");
    let copies = plan.launches().iter().filter(|l| {
        let shape = l.kernel().shape();
        shape.starts_with("copy [268416]") || shape.starts_with("copy [2432]")
    });
    assert_eq!(copies.count(), 0, "parameters and momentum are updated in place");
}
