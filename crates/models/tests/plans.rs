//! The plan of a training step of ResNet-20. The only test of its file, as it inspects all plans of the device.

use autograd::{Device, PlanView, Tensor, plans, set_fusion};
use models::{Mode, Params, ResNet, Sgd};

/// Three steps' losses, and the plan of the last.
fn train(device: &Device, recompute: bool) -> (Vec<f32>, PlanView) {
    let params = Params::new(device, 0);
    let net = ResNet::cifar(&params, 20, 10);
    let net = if recompute { net.recompute() } else { net };
    let mut opt = Sgd::new(&params).momentum(0.9).weight_decay(1e-4).group("*bn*", 0.0, 1.0);
    let pixels: Vec<f32> = (0..8 * 3 * 32 * 32).map(|i| ((i * 7919) % 1009) as f32 / 500.0 - 1.0).collect();
    let images = Tensor::from_slice(device, &pixels, &[8, 3, 32, 32]).unwrap();
    let classes = Tensor::from_slice(device, &[0i32, 1, 2, 3, 4, 5, 6, 7], &[8]).unwrap();
    let known = plans(device);
    let losses = (0..3).map(|_| {
        let loss = net.forward(&images, Mode::Train).cross_entropy(&classes);
        opt.step(loss.backward(), 0.05).unwrap();
        loss.item().unwrap()
    });
    let losses = losses.collect();
    // The first step has a different plan, as parameters are not joined yet.
    let same = |p: &PlanView, q: &PlanView| std::ptr::eq(p.launches(), q.launches());
    let mut steps = plans(device);
    steps.retain(|p| !known.iter().any(|q| same(p, q)));
    assert_eq!(steps.len(), 2);
    let step = steps.into_iter().min_by_key(|p| p.launches().len()).unwrap();
    (losses, step)
}

#[test]
fn fusion_saves_launches_and_memory_and_changes_no_loss() {
    let device = Device::named("cpu").unwrap();
    let (fused, plan) = train(&device, false);
    let (again, recomputing) = train(&device, true);
    set_fusion(false);
    let (apart, unfused) = train(&device, false);
    for ((a, b), c) in fused.iter().zip(&apart).zip(&again) {
        let close = (a - b).abs() < 1e-4 * b && (c - b).abs() < 1e-4 * b;
        assert!(close, "losses {fused:?} fused, {apart:?} apart, {again:?} with recomputed activations");
    }
    let peak = |p: &PlanView| p.passes().live_bytes.iter().copied().max().unwrap();
    let counts = (plan.launches().len(), unfused.launches().len());
    assert!(counts.0 <= 150 && 5 * counts.1 > 8 * counts.0, "launches {counts:?}\n{}", plan.explain());
    let bytes = (peak(&plan), peak(&unfused));
    assert!(10 * bytes.0 <= 9 * bytes.1, "bytes {bytes:?}");
    let bytes = (peak(&recomputing), peak(&unfused));
    assert!(2 * bytes.0 <= bytes.1, "bytes {bytes:?} with recomputed activations");
    let copies = plan.launches().iter().filter(|l| {
        let shape = l.kernel().shape();
        shape.starts_with("copy [268416]") || shape.starts_with("copy [2432]")
    });
    assert_eq!(copies.count(), 0, "parameters and momentum are updated in place");
}
