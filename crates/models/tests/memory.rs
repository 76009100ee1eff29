//! Training over many batch sizes and sequence lengths takes no more memory than the largest of them. The tests count what a
//! device holds, so they take turns.

use std::sync::{Mutex, MutexGuard};

use autograd::{Device, Tensor, plans};
use models::{AdamW, CharRnn, CharRnnOptions, Linear, Mode, Params, ResNet, Sgd};

fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(|e| e.into_inner())
}

/// A training step over a batch of some size.
type Step = Box<dyn FnMut(usize)>;

fn classes(device: &Device, n: usize) -> Tensor {
    let classes: Vec<i32> = (0..n as i32).map(|i| i % 10).collect();
    Tensor::from_slice(device, &classes, &[n]).unwrap()
}

/// Images of 16 x 16 in batches.
fn residual(device: &Device) -> Step {
    let params = Params::new(device, 0);
    let net = ResNet::cifar(8, 10, &params);
    let mut opt = Sgd::new(&params).momentum(0.9);
    let device = device.clone();
    Box::new(move |n| {
        let images = Tensor::from_slice(&device, &vec![0.5; n * 768], &[n, 3, 16, 16]).unwrap();
        let loss = net.forward(&images, Mode::Train).cross_entropy(&classes(&device, n));
        opt.step(loss.backward(), 0.01).unwrap();
        assert!(loss.item().unwrap().is_finite());
    })
}

/// Two sequences of some length.
fn recurrent(device: &Device) -> Step {
    let params = Params::new(device, 0);
    let net = CharRnn::lstm(CharRnnOptions { vocab: 20, embed: 16, hidden: 32, layers: 1 }, &params);
    let mut opt = AdamW::new(&params);
    let device = device.clone();
    Box::new(move |length| {
        let tokens: Vec<i32> = (0..2 * length as i32).map(|i| i * 7 % 20).collect();
        let tokens = Tensor::from_slice(&device, &tokens, &[2, length]).unwrap();
        let (logits, _) = net.forward(&tokens, None);
        let loss = logits.reshape(&[2 * length, 20]).cross_entropy(&tokens.reshape(&[2 * length]));
        opt.step(loss.backward(), 0.01).unwrap();
        assert!(loss.item().unwrap().is_finite());
    })
}

/// Rows of 64 in batches, through two layers.
fn dense(device: &Device) -> Step {
    let params = Params::new(device, 0);
    let layers = [Linear::new(&params.path("a"), 64, 256), Linear::new(&params.path("b"), 256, 10)];
    let mut opt = Sgd::new(&params);
    let device = device.clone();
    Box::new(move |n| {
        let x = Tensor::from_slice(&device, &vec![0.5; n * 64], &[n, 64]).unwrap();
        let loss = layers[1].forward(&layers[0].forward(&x).relu()).cross_entropy(&classes(&device, n));
        opt.step(loss.backward(), 0.01).unwrap();
        assert!(loss.item().unwrap().is_finite());
    })
}

/// Resident memory of this process, where the system tells.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse::<usize>().ok().map(|kib| kib << 10)
}

#[test]
fn probe() {
    let _alone = alone();
    let which = std::env::var("PROBE").unwrap_or_default();
    let (name, model) = which.split_once(' ').unwrap_or(("cpu", "dense"));
    let device = Device::named(name).unwrap();
    let mut step = match model {
        "dense" => dense(&device),
        "residual" => residual(&device),
        _ => recurrent(&device),
    };
    let show = |what: &str| {
        let (m, s) = (device.memory(), device.stats());
        eprintln!(
            "{what}: in use {} temps {} cached {} peak {} KiB, RSS {} KiB, plans {} pipelines {} bind groups {}",
            m.in_use >> 10,
            m.temporaries >> 10,
            m.cached >> 10,
            m.peak >> 10,
            resident().unwrap() >> 10,
            plans(&device).len(),
            s.pipelines,
            s.bind_groups,
        );
    };
    show("start");
    (0..3).for_each(|_| step(64));
    show("largest");
    for i in 0..64 {
        step(1 + i * 37 % 64);
        if i % 16 == 15 {
            show("sizes");
        }
    }
    for _ in 0..200 {
        step(64);
    }
    show("settled");
}
