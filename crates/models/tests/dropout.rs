//! Dropout: what is dropped, when, and with which random numbers. The tests count plans, so they run one at a time.

use std::sync::{Mutex, MutexGuard};

use autograd::{Device, Generator, Reduction, Tensor, plans};
use gpu_core::testing;
use models::{
    AlphaDropout, BatchNorm1d, DropConnect, DropPath, Dropout, Dropout2d, Linear, Mode, Params, Sgd,
    VariationalDropout,
};

fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(|e| e.into_inner())
}

fn values(t: &Tensor) -> Vec<f32> {
    t.to_vec().unwrap()
}

type Layer = Box<dyn Fn(&Tensor, Mode) -> Tensor>;

/// Every kind of dropout, with probability `p`, for inputs `[N, T, D]`.
fn layers(params: &Params, p: f32) -> Vec<(&'static str, Layer)> {
    let single = Dropout::new(params, p);
    let channels = Dropout2d::new(params, p);
    let features = VariationalDropout::new(params, p);
    let samples = DropPath::new(params, p);
    vec![
        ("Dropout", Box::new(move |x, mode| single.forward(x, mode))),
        ("Dropout2d", Box::new(move |x, mode| channels.forward(x, mode))),
        ("VariationalDropout", Box::new(move |x, mode| features.forward(x, mode))),
        ("DropPath", Box::new(move |x, mode| samples.forward(x, mode))),
    ]
}

#[test]
fn the_mean_stays_and_evaluation_changes_nothing() {
    let _alone = alone();
    for device in testing::devices() {
        let params = Params::new(&device, 3);
        let x = Tensor::full(&device, 2.0, &[40, 20, 20]);
        for (name, forward) in layers(&params, 0.25) {
            let y = values(&forward(&x, Mode::Train));
            let mean = y.iter().sum::<f32>() / y.len() as f32;
            // DropPath makes 40 draws: the deviation of its mean is 2 sqrt(1/3 / 40) = 0.18.
            assert!((mean - 2.0).abs() < 0.6, "{name}: mean {mean}");
            assert!(y.iter().all(|&y| y == 0.0 || (y - 2.0 / 0.75).abs() < 1e-6), "{name}");
            assert_eq!(values(&forward(&x, Mode::Eval)), values(&x), "{name}");
        }
        for (name, forward) in layers(&params, 1.0) {
            assert!(values(&forward(&x, Mode::Train)).iter().all(|&y| y == 0.0), "{name}");
        }
        let alpha = AlphaDropout::new(&params, 0.5);
        assert_eq!(values(&alpha.forward(&x, Mode::Eval)), values(&x));
    }
}

#[test]
fn every_device_drops_the_same() {
    let _alone = alone();
    let drop = |device: &Device| {
        let params = Params::new(device, 3);
        let x = Tensor::ones(device, &[4, 5, 6]);
        let all = layers(&params, 0.5);
        all.iter().map(|(_, forward)| values(&forward(&x, Mode::Train))).collect::<Vec<_>>()
    };
    let wanted = drop(&Device::named("cpu").unwrap());
    for device in testing::devices() {
        assert_eq!(drop(&device), wanted, "{}", device.info());
    }
}

/// Every step draws new numbers without a new plan.
#[test]
fn a_replayed_step_draws_anew() {
    let _alone = alone();
    for device in testing::devices() {
        let params = Params::new(&device, 3);
        let dropped = DropConnect::new(&params.path("fc1"), 8, 16, 0.3);
        let (dropout, head) = (Dropout::new(&params, 0.5), Linear::new(&params.path("fc2"), 16, 1));
        let mut opt = Sgd::new(&params);
        let (x, target) = (Tensor::ones(&device, &[4, 8]), Tensor::zeros(&device, &[4, 1]));
        let mut step = || {
            let hidden = dropout.forward(&dropped.forward(&x, Mode::Train).relu(), Mode::Train);
            let loss = head.forward(&hidden).mse_loss(&target, Reduction::Mean);
            // With a learning rate of 0, only the random numbers change.
            opt.step(loss.backward(), 0.0).unwrap();
            loss.item().unwrap()
        };
        (0..3).for_each(|_| _ = step());
        let (compiled, before) = (plans(&device).len(), device.stats());
        let mut losses: Vec<f32> = (0..8).map(|_| step()).collect();
        let after = device.stats();
        assert_eq!(plans(&device).len(), compiled, "{}", device.info());
        assert_eq!((after.pipelines, after.bind_groups), (before.pipelines, before.bind_groups));
        losses.sort_by(f32::total_cmp);
        losses.dedup();
        assert_eq!(losses.len(), 8, "{}: {losses:?}", device.info());
    }
}

/// Only dropout behaves as in training: the spread of predictions is the model's uncertainty.
#[test]
fn monte_carlo_dropout_leaves_batch_norm_in_evaluation() {
    let _alone = alone();
    for device in testing::devices() {
        let params = Params::new(&device, 3);
        let (norm, dropout) = (BatchNorm1d::new(&params, 6), Dropout::new(&params, 0.5));
        let x = Generator::new(1).normal(&device, &[5, 6]);
        let statistics = || ["running_mean", "running_var"].map(|n| values(&params.get(n).unwrap().value()));
        let before = statistics();
        let plain = values(&norm.forward(&x, Mode::Eval));
        let mut answers: Vec<Vec<f32>> = vec![];
        for _ in 0..200 {
            answers.push(values(&dropout.forward(&norm.forward(&x, Mode::Sample), Mode::Sample)));
        }
        assert_eq!(statistics(), before);
        for (i, plain) in plain.iter().enumerate() {
            assert!(answers.iter().all(|a| a[i] == 0.0 || (a[i] - 2.0 * plain).abs() < 1e-5));
            let mean = answers.iter().map(|a| a[i]).sum::<f32>() / 200.0;
            // The mean of 200 draws deviates by |x| / sqrt(200).
            assert!((mean - plain).abs() < 0.4 * plain.abs(), "{mean} for {plain}");
        }
    }
}

#[test]
fn a_run_resumes_with_the_numbers_that_come_next() {
    let _alone = alone();
    let device = Device::named("cpu").unwrap();
    let x = Tensor::ones(&device, &[50]);
    let params = Params::new(&device, 3);
    let dropout = Dropout::new(&params.path("drop"), 0.5);
    let first = values(&dropout.forward(&x, Mode::Train));
    let state = params.generator().state();
    let second = values(&dropout.forward(&x, Mode::Train));
    assert_ne!(first, second);

    let resumed = Params::new(&device, 7);
    let dropout = Dropout::new(&resumed.path("drop"), 0.5);
    resumed.generator().set_state(state);
    assert_eq!(values(&dropout.forward(&x, Mode::Train)), second);
}
