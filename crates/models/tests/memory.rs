//! Training over many batch sizes and sequence lengths takes no more memory than over the largest alone. The tests measure a device's
//! memory, so they run one at a time.

use std::sync::{Mutex, MutexGuard};

use autograd::{Device, Tensor};
use gpu_core::testing;
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
    let net = ResNet::cifar(&params, 8, 10);
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
    let net = CharRnn::lstm(&params, CharRnnOptions { vocab: 20, embed: 16, hidden: 32, layers: 1 });
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

/// Resident memory of this process, if the system reports it.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse::<usize>().ok().map(|kib| kib << 10)
}

/// Bytes in use and cached for reuse.
fn held(device: &Device) -> u64 {
    device.memory().in_use + device.memory().cached
}

/// Whether to run the long tests, which take minutes: 5,000 steps, and all models on all devices.
fn thorough() -> bool {
    std::env::var_os("WGRAD_STRESS").is_some()
}

/// Compares the memory of steps of 64 sizes with that of the largest size alone.
fn stays_within_the_largest(device: &Device, name: &str, model: fn(&Device) -> Step) {
    device.trim().unwrap();
    let mut step = model(device);
    (0..3).for_each(|_| step(64));
    let largest = held(device);
    for i in 0..64 {
        // Sizes in mixed order, each once.
        step(1 + i * 37 % 64);
        let now = held(device);
        let most = (largest + largest / 5).max(largest + (8 << 20));
        assert!(now <= most, "{name} on {}: {now} bytes after {i} sizes, {largest} for one", device.info());
    }
    let peak = device.memory().peak;
    assert!(peak <= largest + largest / 5, "{name} on {}: {peak} bytes at once", device.info());
}

#[test]
fn sixty_four_sizes() {
    let _alone = alone();
    for device in testing::devices() {
        stays_within_the_largest(&device, "dense", dense);
        // A software adapter compiles shaders for minutes.
        if device.info().backend == "cpu" || thorough() {
            stays_within_the_largest(&device, "recurrent", recurrent);
            stays_within_the_largest(&device, "residual", residual);
        }
    }
}

#[test]
fn many_steps() {
    let _alone = alone();
    for device in testing::devices() {
        let mut step = dense(&device);
        let steps = if thorough() { 5000 } else { 500 };
        (0..steps / 5).for_each(|_| step(8));
        let (before, resident_before) = (held(&device), resident());
        (steps / 5..steps).for_each(|_| step(8));
        assert_eq!(held(&device), before, "{}", device.info());
        if let (Some(before), Some(after)) = (resident_before, resident()) {
            let grown = after.saturating_sub(before);
            assert!(grown <= 4 << 20, "{grown} bytes in {steps} steps on {}", device.info());
        }
    }
}
