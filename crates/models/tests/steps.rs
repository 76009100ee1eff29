//! Complete training steps: what is computed, what is allocated, and what an update may overwrite. The tests count device operations, so
//! they run one at a time.

use std::sync::{Mutex, MutexGuard};

use autograd::{Device, Generator, Gradients, Stats, Tensor, first_non_finite, plans};
use gpu_core::testing;
use models::{
    Adafactor, Adam, AdamW, BatchNorm2d, Constraint, Conv2d, Init, Lars, Linear, Mode, Params, RAdam, ResNet,
    RmsProp, Sgd,
};

fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(|e| e.into_inner())
}

fn cpu() -> Device {
    Device::named("cpu").unwrap()
}

/// A small network with every kind of parameter.
struct Net {
    conv: Conv2d,
    bn: BatchNorm2d,
    head: Linear,
}

impl Net {
    fn new(params: &Params) -> Net {
        Net {
            conv: Conv2d::new(&params.path("conv"), 2, 4, 3).padding(1).build(),
            bn: BatchNorm2d::new(&params.path("bn"), 4),
            head: Linear::new(&params.path("head"), 4, 3),
        }
    }

    fn loss(&self, x: &Tensor, classes: &Tensor) -> Tensor {
        let y = self.bn.forward(&self.conv.forward(x), Mode::Train).relu();
        self.head.forward(&y.mean(&[2, 3], false)).cross_entropy(classes)
    }
}

fn batch(device: &Device, step: u64) -> (Tensor, Tensor) {
    let values = Generator::new(step).normal(&cpu(), &[6, 2, 5, 5]).to_vec::<f32>().unwrap();
    let classes: Vec<i32> = (0..6).map(|i| (i + step as i32) % 3).collect();
    (
        Tensor::from_slice(device, &values, &[6, 2, 5, 5]).unwrap(),
        Tensor::from_slice(device, &classes, &[6]).unwrap(),
    )
}

type Step = Box<dyn FnMut(Gradients, f32) -> autograd::Result<()>>;
type Optimizer = fn(&Params) -> Step;

const OPTIMIZERS: [(&str, Optimizer); 7] = [
    ("SGD", |p| {
        let mut opt = Sgd::new(p);
        Box::new(move |g, lr| opt.step(g, lr))
    }),
    ("SGD with momentum", |p| {
        let mut opt = Sgd::new(p).momentum(0.9).weight_decay(1e-4).group("*.bias", 0.0, 2.0);
        Box::new(move |g, lr| opt.step(g, lr))
    }),
    ("AdamW", |p| {
        let mut opt = AdamW::new(p).amsgrad(true);
        Box::new(move |g, lr| opt.step(g, lr))
    }),
    ("RMSprop", |p| {
        let mut opt = RmsProp::new(p).centered(true).momentum(0.5).group("*.bias", 0.1, 2.0);
        Box::new(move |g, lr| opt.step(g, 0.01 * lr))
    }),
    ("RAdam", |p| {
        let mut opt = RAdam::new(p).weight_decay(0.1);
        Box::new(move |g, lr| opt.step(g, 0.1 * lr))
    }),
    ("Adafactor", |p| {
        let mut opt = Adafactor::new(p);
        Box::new(move |g, lr| opt.step(g, 0.1 * lr))
    }),
    ("LARS in a box", |p| {
        let mut opt = Lars::new(p).constrain("*.weight", Constraint::Box { low: -1.0, high: 1.0 });
        Box::new(move |g, lr| opt.step(g, lr))
    }),
];

fn values_of(params: Vec<models::Param>) -> Vec<Vec<f32>> {
    params.iter().map(|p| p.value().to_vec().unwrap()).collect()
}

#[test]
fn steps_settle() {
    let _alone = alone();
    for device in testing::devices() {
        for (name, optimizer) in OPTIMIZERS {
            let params = Params::new(&device, 1);
            let net = Net::new(&params);
            let mut step = optimizer(&params);
            let mut settled: Option<(Stats, usize)> = None;
            for i in 0..50 {
                let (x, classes) = batch(&device, i % 4);
                let loss = net.loss(&x, &classes);
                step(loss.backward(), 0.1 / (i + 1) as f32).unwrap();
                loss.item().unwrap();
                if i == 7 {
                    settled = Some((device.stats(), plans(&device).len()));
                }
            }
            let (before, compiled) = settled.unwrap();
            let counts = |s: Stats| (s.allocations, s.bytes, s.bind_groups, s.pipelines);
            let name = format!("{name} on {}: allocations, bytes, bind groups, pipelines", device.info());
            assert_eq!(counts(device.stats()), counts(before), "{name}");
            assert_eq!(plans(&device).len(), compiled, "{name}");
        }
    }
}

#[test]
fn losses_that_are_kept_keep_no_graph() {
    let _alone = alone();
    for device in testing::devices() {
        let params = Params::new(&device, 1);
        let net = Net::new(&params);
        let mut opt = Sgd::new(&params).momentum(0.9);
        let (mut losses, mut bytes) = (vec![], 0);
        for i in 0..100 {
            let (x, classes) = batch(&device, i % 4);
            let loss = net.loss(&x, &classes);
            opt.step(loss.backward(), 0.1).unwrap();
            losses.push(loss);
            if i == 9 {
                bytes = device.stats().bytes;
            }
        }
        // 256 bytes are the smallest buffer.
        let grown = device.stats().bytes - bytes;
        assert!(grown <= 90 * 256, "{grown} bytes for 90 scalars on {}", device.info());
        let sum = |losses: &[Tensor]| losses.iter().map(|l| l.item().unwrap()).sum::<f32>();
        assert!(sum(&losses[90..]) < sum(&losses[..10]), "it learns");
    }
}

#[test]
fn devices_agree_and_early_reading_changes_nothing() {
    let _alone = alone();
    let run = |device: &Device, early: bool| {
        let params = Params::new(device, 1);
        let net = Net::new(&params);
        let mut opt = Adam::new(&params).eps(1e-3);
        for i in 0..3 {
            let (x, classes) = batch(device, i);
            let loss = net.loss(&x, &classes);
            if early {
                loss.item().unwrap();
            }
            let gradients = loss.backward();
            if early {
                let weight = params.get("head.weight").unwrap().value();
                gradients.get(&weight).unwrap().to_vec::<f32>().unwrap();
            }
            opt.step(gradients, 0.01).unwrap();
        }
        values_of(params.all())
    };
    let wanted = run(&cpu(), false);
    for device in testing::devices() {
        for early in [false, true] {
            for (a, b) in wanted.iter().flatten().zip(run(&device, early).iter().flatten()) {
                assert!((a - b).abs() < 1e-4, "{a} and {b} on {}, early: {early}", device.info());
            }
        }
    }
}

#[test]
fn what_is_held_is_not_overwritten() {
    let _alone = alone();
    for device in testing::devices() {
        let params = Params::new(&device, 1);
        let net = Net::new(&params);
        let mut opt = Sgd::new(&params);
        let weight = params.get("conv.weight").unwrap();
        for i in 0..4 {
            let (x, classes) = batch(&device, i);
            let (before, doubled) = (weight.value(), weight.value().detach() * 2.0);
            let part = weight.value().narrow(0, 1, 2);
            let early = (i % 2 == 0).then(|| before.to_vec::<f32>().unwrap());
            let gradients = net.loss(&x, &classes).backward();
            let gradient = gradients.get(&before).unwrap().clone();
            opt.step(gradients, 0.1).unwrap();
            let (kept, new) = (before.to_vec::<f32>().unwrap(), weight.value().to_vec::<f32>().unwrap());
            assert!(early.is_none_or(|early| early == kept));
            let twice: Vec<f32> = kept.iter().map(|v| v * 2.0).collect();
            assert_eq!(doubled.to_vec::<f32>().unwrap(), twice);
            assert_eq!(part.to_vec::<f32>().unwrap(), kept[18..54]);
            let gradient = gradient.to_vec::<f32>().unwrap();
            let mut moved = kept.iter().zip(&gradient).map(|(w, g)| w - 0.1 * g).zip(&new);
            assert!(moved.all(|(a, b)| (a - b).abs() < 1e-6) && kept != new, "by the gradient that was kept");
        }
    }
}

#[test]
fn a_loss_that_is_not_finite_changes_no_parameter() {
    let _alone = alone();
    for device in testing::devices() {
        for (name, optimizer) in OPTIMIZERS {
            let run = |scales: &[f32]| {
                let params = Params::new(&device, 1);
                let net = Net::new(&params);
                let mut step = optimizer(&params);
                let (x, classes) = batch(&device, 1);
                for scale in scales {
                    step((net.loss(&x, &classes) * *scale).backward(), 0.1).unwrap();
                }
                values_of(params.trainable())
            };
            assert_eq!(run(&[1.0, f32::NAN, f32::INFINITY]), run(&[1.0]), "{name} on {}", device.info());
            // These depend on the step count, which increases also in skipped steps.
            if !["AdamW", "RAdam", "Adafactor"].contains(&name) {
                assert_eq!(run(&[1.0, f32::NAN, 1.0]), run(&[1.0, 1.0]), "{name}: its state is as it was");
            }
        }
    }
}

#[test]
fn the_layer_that_went_wrong_is_named() {
    let _alone = alone();
    let device = cpu();
    for (bad, steps) in
        [("bn.weight", 0), ("head.weight", 0), ("conv.bias", 2), ("bn.running_mean", 2), ("x", 2)]
    {
        let params = Params::new(&device, 1);
        let net = Net::new(&params);
        let mut opt = Sgd::new(&params).momentum(0.9);
        for i in 0..steps {
            let (x, classes) = batch(&device, i);
            opt.step(net.loss(&x, &classes).backward(), 0.1).unwrap();
        }
        let (mut x, _) = batch(&device, 9);
        let found = if let Some(param) = params.get(bad) {
            let values = vec![f32::NAN; param.value().numel()];
            param.set(&Tensor::from_slice(&device, &values, param.value().shape()).unwrap());
            let y = net.bn.forward(&net.conv.forward(&x), Mode::Eval).mean(&[2, 3], false);
            first_non_finite(&net.head.forward(&y))
        } else {
            x = Tensor::from_slice(&device, &[f32::INFINITY; 300], &[6, 2, 5, 5]).unwrap();
            first_non_finite(&net.conv.forward(&x))
        };
        let found = found.unwrap().expect("a value that is not finite");
        let wanted = params.get(bad).map(|p| p.name().to_owned());
        assert_eq!(found.parameter.as_deref(), wanted.as_deref(), "{found}, after {steps} steps");
        assert_eq!(found.op, "data", "{found}");
    }
}

/// Overflow in the middle of a network: the error names the parameter used there, and the line.
#[test]
fn the_layer_whose_result_overflows_is_named() {
    let _alone = alone();
    for steps in [0, 2] {
        let params = Params::new(&cpu(), 1);
        let net = Net::new(&params);
        let mut opt = Sgd::new(&params).momentum(0.9);
        for i in 0..steps {
            let (x, classes) = batch(&cpu(), i);
            opt.step(net.loss(&x, &classes).backward(), 0.1).unwrap();
        }
        let weight = params.get("head.weight").unwrap();
        weight.set(&Tensor::full(&cpu(), 3e38, weight.value().shape()));
        let features = Tensor::full(&cpu(), 10.0, &[2, 4]);
        let found = first_non_finite(&net.head.forward(&features)).unwrap().expect("an overflow");
        assert_eq!(
            (found.parameter.as_deref(), found.op.as_str()),
            (Some("head.weight"), "matmul"),
            "{found}"
        );
        assert!(found.location.file().ends_with("steps.rs"), "{found}");
    }
}

#[test]
fn a_gradient_may_be_the_parameter_itself() {
    let _alone = alone();
    for device in testing::devices() {
        let params = Params::new(&device, 0);
        let w = params.param("w", &[64], Init::ONES);
        let mut opt = Sgd::new(&params);
        for wanted in [0.5, 0.25] {
            opt.step(Gradients::from_pairs([(w.value(), w.value().detach())]), 0.5).unwrap();
            assert_eq!(w.value().to_vec::<f32>().unwrap(), [wanted; 64]);
        }
    }
}

#[test]
fn threads_train_side_by_side() {
    let _alone = alone();
    let run = |device: &Device, seed: u64| {
        let params = Params::new(device, seed);
        let net = Net::new(&params);
        let mut opt = Sgd::new(&params).momentum(0.9);
        for i in 0..5 {
            let (x, classes) = batch(device, seed + i);
            opt.step(net.loss(&x, &classes).backward(), 0.1).unwrap();
        }
        values_of(params.all())
    };
    for device in testing::devices() {
        let wanted: Vec<_> = (0..3).map(|seed| run(&device, seed)).collect();
        std::thread::scope(|scope| {
            let (device, run) = (&device, &run);
            let started: Vec<_> = (0..3).map(|seed| scope.spawn(move || run(device, seed))).collect();
            for (handle, wanted) in started.into_iter().zip(&wanted) {
                assert_eq!(&handle.join().unwrap(), wanted, "on {}", device.info());
            }
        });
    }
}

/// Many buffers of the same size must be assigned to the same places in every replay.
#[test]
fn replays_of_a_residual_network_make_no_bind_groups() {
    let _alone = alone();
    for device in testing::devices() {
        let params = Params::new(&device, 0);
        let net = ResNet::cifar(&params, 20, 10);
        let mut opt = Sgd::new(&params).momentum(0.9).group("*.bias", 0.0, 1.0);
        let (mut late, mut settled) = (std::collections::VecDeque::new(), None);
        for i in 0..24 {
            let images = Tensor::from_slice(&device, &[i as f32; 2 * 3 * 8 * 8], &[2, 3, 8, 8]).unwrap();
            let classes = Tensor::from_slice(&device, &[1i32, 3], &[2]).unwrap();
            let loss = net.forward(&images, Mode::Train).cross_entropy(&classes);
            opt.step(loss.backward(), 0.1).unwrap();
            late.push_back(loss);
            if late.len() > 3 {
                late.pop_front().unwrap().item().unwrap();
            }
            if i == 11 {
                settled = Some(device.stats());
            }
        }
        let (before, after) = (settled.unwrap(), device.stats());
        assert_eq!((after.bind_groups, after.bytes), (before.bind_groups, before.bytes), "{}", device.info());
    }
}

/// The compile time of a deep network's step is proportional to its depth, not to the number of its paths.
#[test]
fn deep_networks_compile() {
    let _alone = alone();
    let params = Params::new(&cpu(), 0);
    let net = ResNet::cifar(&params, 110, 10);
    let mut opt = Sgd::new(&params);
    let start = std::time::Instant::now();
    let classes = Tensor::from_slice(&cpu(), &[1i32, 2], &[2]).unwrap();
    for _ in 0..2 {
        let logits = net.forward(&Tensor::ones(&cpu(), &[2, 3, 4, 4]), Mode::Train);
        opt.step(logits.cross_entropy(&classes).backward(), 0.1).unwrap();
    }
    assert!(start.elapsed().as_secs() < 5, "took {:?}", start.elapsed());
}
