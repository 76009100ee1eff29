//! Captured training passes: they give the same bits as recording every step, and report what makes a pass impure. The tests count device
//! operations, so they run one at a time.

use std::cell::Cell;
use std::sync::{Mutex, MutexGuard};

use autograd::{Captured, Device, Gradients, Half, Tensor, autocast};
use gpu_core::testing;
use models::{Adam, Average, BatchNorm2d, Conv2d, Dropout, Init, Linear, LossScaler, Mode, Params, Sgd};

fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(|e| e.into_inner())
}

/// A network with everything that a pass may read or change besides its inputs.
struct Net {
    conv: Conv2d,
    norm: BatchNorm2d,
    dropout: Dropout,
    head: Linear,
}

impl Net {
    fn new(params: &Params) -> Net {
        Net {
            conv: Conv2d::new(&params.path("conv"), 2, 4, 3).build(),
            norm: BatchNorm2d::new(&params.path("norm"), 4),
            dropout: Dropout::new(params, 0.25),
            head: Linear::new(&params.path("head"), 4 * 16, 3),
        }
    }

    /// Passes through the norm twice, as in adversarial training.
    fn loss(&self, x: &Tensor, classes: &Tensor) -> Tensor {
        let features = |x: &Tensor| self.norm.forward(&self.conv.forward(x), Mode::Train).relu();
        let both = features(x) + features(&(x * 0.5));
        let logits = self.head.forward(&self.dropout.forward(&both, Mode::Train).flatten(1, -1));
        logits.cross_entropy(classes)
    }
}

fn batch(device: &Device, step: usize, rows: usize) -> [Tensor; 2] {
    let x: Vec<f32> = (0..rows * 72).map(|i| ((i * (step + 3)) % 17) as f32 / 17.0 - 0.5).collect();
    let classes: Vec<i32> = (0..rows).map(|i| ((i + step) % 3) as i32).collect();
    [
        Tensor::from_slice(device, &x, &[rows, 2, 6, 6]).unwrap(),
        Tensor::from_slice(device, &classes, &[rows]).unwrap(),
    ]
}

/// Trains with batches of two sizes; returns the bits of losses, parameters, running statistics and averages, and the number of recorded
/// passes.
fn train(device: &Device, captured: bool, half: Option<Half>) -> (Vec<u32>, usize) {
    let params = Params::new(device, 1);
    let net = Net::new(&params);
    let scaler = LossScaler::new(device).init_scale(1024.0);
    let (mut opt, mut average) = (Adam::new(&params), Average::ema(&params, 0.5));
    let recorded = Cell::new(0);
    let pass = |inputs: &[Tensor]| {
        recorded.set(recorded.get() + 1);
        let loss = autocast(half, || net.loss(&inputs[0], &inputs[1]));
        let gradients = scaler.unscale(scaler.scale(&loss).backward());
        let (gradients, norm) = gradients.clip_norm(1.0, 2.0);
        gradients.with_output(&norm)
    };
    let mut step = Captured::new(pass);
    let mut bits = vec![];
    for i in 0..12 {
        let inputs = batch(device, i, if i % 5 == 4 { 3 } else { 5 });
        let gradients: Gradients = if captured { step.call(&inputs).unwrap() } else { pass(&inputs) };
        let (loss, norm) = (gradients.root().unwrap().clone(), gradients.outputs()[0].clone());
        opt.step(gradients, 0.01).unwrap();
        average.update().unwrap();
        bits.extend([loss.item().unwrap(), norm.item().unwrap()].map(f32::to_bits));
        if i == 7 {
            // A parameter and a statistic are set from outside; later passes must read the new values.
            let [bias, mean] = ["head.bias", "norm.running_mean"].map(|name| params.get(name).unwrap());
            bias.set(&Tensor::full(device, 0.25, &[3]));
            mean.set(&Tensor::full(device, 100.0, &[4]));
        }
    }
    assert_eq!(step.impure(), None);
    let all = params.all().into_iter().map(|p| p.value()).chain(average.state().into_iter().map(|(_, t)| t));
    bits.extend(all.flat_map(|t| t.to_vec::<f32>().unwrap()).map(f32::to_bits));
    bits.push(params.generator().state().1 as u32);
    (bits, recorded.get())
}

#[test]
fn captured_passes_give_the_same_bits() {
    let _alone = alone();
    for device in testing::devices() {
        for half in [None, Some(Half::F16)] {
            let (captured, recorded) = train(&device, true, half);
            let (wanted, each) = train(&device, false, half);
            let differs = captured.iter().zip(&wanted).position(|(a, b)| a != b);
            assert_eq!(differs, None, "{} {half:?}, of {}", device.info(), wanted.len());
            assert_eq!(each, 12);
            assert!(recorded <= 6, "{recorded} passes recorded for two sizes of batches");
        }
    }
}

#[test]
fn a_replayed_step_is_one_submit_and_makes_nothing_new() {
    let _alone = alone();
    for device in testing::devices() {
        let params = Params::new(&device, 1);
        let net = Net::new(&params);
        let mut opt = Sgd::new(&params).momentum(0.9);
        let mut step = Captured::new(|inputs: &[Tensor]| net.loss(&inputs[0], &inputs[1]).backward());
        let batches: Vec<[Tensor; 2]> = (0..10).map(|i| batch(&device, i, 4)).collect();
        let mut seen = vec![];
        for inputs in &batches {
            opt.step(step.call(inputs).unwrap(), 0.01).unwrap();
            seen.push(device.stats());
        }
        let (before, after) = (seen[6], seen[9]);
        assert_eq!(after.submits - before.submits, 3, "{}: {seen:?}", device.info());
        assert_eq!(
            (after.compiles, after.pipelines, after.allocations),
            (before.compiles, before.pipelines, before.allocations),
            "{}",
            device.info()
        );
    }
}

#[test]
fn impure_passes_are_found_and_recorded_one_by_one() {
    let _alone = alone();
    let device = Device::named("cpu").unwrap();
    let params = Params::new(&device, 0);
    let weight = params.param("weight", &[2], Init::ONES);
    let x = Tensor::ones(&device, &[2]);
    let calls = Cell::new(0f32);
    let next = || {
        calls.set(calls.get() + 1.0);
        calls.get()
    };
    type Pass<'a> = Box<dyn FnMut(&[Tensor]) -> Gradients + 'a>;
    let passes: [(&str, Pass); 3] = [
        ("a number differs", Box::new(|i: &[Tensor]| (weight.value() * &i[0] * next()).sum_all().backward())),
        (
            "data is uploaded",
            Box::new(|i: &[Tensor]| {
                let mask = Tensor::from_slice(&device, &[1.0f32, next()], &[2]).unwrap();
                (weight.value() * &i[0] * mask).sum_all().backward()
            }),
        ),
        (
            "differs from the operation",
            Box::new(|i: &[Tensor]| {
                let y = weight.value() * &i[0];
                if (next() as usize).is_multiple_of(2) { y.exp().sum_all() } else { y.sin().sum_all() }
                    .backward()
            }),
        ),
    ];
    for (reason, pass) in passes {
        let mut step = Captured::new(pass);
        for _ in 0..8 {
            let before = calls.get();
            step.call(std::slice::from_ref(&x)).unwrap();
            assert_eq!(calls.get(), before + 1.0, "{reason}: every call counts");
        }
        assert!(step.impure().is_some_and(|why| why.contains(reason)), "{reason}: {:?}", step.impure());
    }
}
