//! Long sequences in windows: states are carried over, and gradients end at the beginning of a window. The tests count plans, so they run
//! one at a time.

use std::sync::{Mutex, MutexGuard};

use autograd::{Device, RnnNonlinearity, Tensor};
use gpu_core::testing;
use models::{Adam, CharRnn, CharRnnOptions, Gru, Lstm, Params, Rnn, RnnOptions, RnnState};

const SIZES: CharRnnOptions = CharRnnOptions { vocab: 5, embed: 4, hidden: 6, layers: 2 };

fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(|e| e.into_inner())
}

fn filled(device: &Device, shape: &[usize], f: impl Fn(f64) -> f64) -> Tensor {
    let values: Vec<f32> = (0..shape.iter().product()).map(|i: usize| f(i as f64) as f32).collect();
    Tensor::from_slice(device, &values, shape).unwrap()
}

fn tokens(device: &Device, steps: usize) -> Tensor {
    let tokens: Vec<i32> = (0..2 * steps).map(|i| (i * 37 % 19 % 5) as i32).collect();
    Tensor::from_slice(device, &tokens, &[2, steps]).unwrap()
}

type Build = fn(&Params, CharRnnOptions) -> CharRnn;

const KINDS: [(&str, Build); 3] = [("LSTM", CharRnn::lstm), ("GRU", CharRnn::gru), ("RNN", CharRnn::rnn)];

/// Maps a sequence and an optional state to outputs and the last state.
type Layer = Box<dyn Fn(&Tensor, Option<&RnnState>) -> (Tensor, RnnState)>;

/// A layer with two inputs and three units.
fn layer(kind: &str, params: &Params) -> Layer {
    let options = RnnOptions::default();
    match kind {
        "LSTM" => {
            let layer = Lstm::new(params, 2, 3, options);
            Box::new(move |x, state| {
                let (y, (h, c)) = layer.forward(x, state.map(|s| (&s.h, s.c.as_ref().unwrap())));
                (y, RnnState { h, c: Some(c) })
            })
        }
        "GRU" => {
            let layer = Gru::new(params, 2, 3, options);
            Box::new(move |x, state| {
                let (y, h) = layer.forward(x, state.map(|s| &s.h));
                (y, RnnState { h, c: None })
            })
        }
        _ => {
            let layer = Rnn::new(params, 2, 3, RnnNonlinearity::Tanh, options);
            Box::new(move |x, state| {
                let (y, h) = layer.forward(x, state.map(|s| &s.h));
                (y, RnnState { h, c: None })
            })
        }
    }
}

#[test]
fn windows_give_what_the_whole_sequence_gives() {
    let _alone = alone();
    for device in testing::devices() {
        for (name, build) in KINDS {
            let net = build(&Params::new(&device, 1), SIZES);
            let text = tokens(&device, 9);
            let whole = net.forward(&text, None).0;
            let mut state: Option<RnnState> = None;
            for start in [0, 3, 6] {
                let (logits, last) = net.forward(&text.narrow(1, start, 3), state.as_ref());
                let want = whole.narrow(1, start, 3).to_vec::<f32>().unwrap();
                for (got, want) in logits.to_vec::<f32>().unwrap().iter().zip(want) {
                    assert!((got - want).abs() < 1e-5, "{name}: {got} instead of {want}");
                }
                state = Some(last.detach());
            }
        }
    }
}

/// The norms of the gradients of `weight_ih`, `weight_hh`, `bias_ih` and `bias_hh` in the second of two windows, and the first element of
/// the gradient of `weight_hh`, from PyTorch in double precision: with `h.detach()` between the windows, and without.
const PYTORCH: [(&str, [f32; 5], [f32; 5]); 3] = [
    (
        "LSTM",
        [0.035_515_79, 0.027_440_95, 0.081_283_21, 0.081_283_21, 0.005_633_536],
        [0.034_707_07, 0.034_532_99, 0.109_264_6, 0.109_264_6, 0.006_145_803],
    ),
    (
        "GRU",
        [0.113_360_7, 0.123_651_2, 0.289_314_1, 0.161_631, 0.017_205_48],
        [0.109_232_2, 0.141_096_2, 0.361_872_1, 0.203_406_9, 0.020_326_7],
    ),
    (
        "RNN",
        [0.253_397_9, 0.361_807_2, 0.395_435_8, 0.395_435_8, 0.141_574],
        [0.172_430_1, 0.462_490_8, 0.533_976_5, 0.533_976_5, 0.212_344_8],
    ),
];

#[test]
fn gradients_end_at_a_window_as_in_pytorch() {
    let _alone = alone();
    for device in testing::devices() {
        let x = filled(&device, &[6, 1, 2], |i| (0.9 * i).cos());
        for (name, truncated, full) in PYTORCH {
            let params = Params::new(&device, 1);
            let forward = layer(name, &params);
            for (k, param) in params.all().iter().enumerate() {
                let shape = param.value().shape().to_vec();
                param.set(&filled(&device, &shape, |i| 0.5 * (0.7 * i + k as f64).sin()));
            }
            for (detached, want) in [(true, truncated), (false, full)] {
                let last = forward(&x.narrow(0, 0, 3), None).1;
                let state = if detached { last.detach() } else { last };
                let loss = forward(&x.narrow(0, 3, 3), Some(&state)).0.square().mean_all();
                let found = loss.backward();
                let gradient = |i: usize| found.get(&params.all()[i].value()).unwrap().clone();
                let norms = [0, 1, 2, 3].map(|i| gradient(i).flatten(0, -1).norm(2.0, &[0], false));
                let got = norms.map(|norm| norm.item().unwrap());
                let first = gradient(1).narrow(0, 0, 1).narrow(1, 0, 1).item().unwrap();
                for (got, want) in got.into_iter().chain([first]).zip(want) {
                    let close = (got - want).abs() < 2e-5 * want.abs().max(0.1);
                    assert!(close, "{name}, detached {detached}: {got} instead of {want}");
                }
            }
        }
    }
}

/// Independently of the number of windows, only the state is kept.
#[test]
fn windows_replay_one_plan_and_free_the_past() {
    let _alone = alone();
    for device in testing::devices() {
        let params = Params::new(&device, 1);
        let net = CharRnn::lstm(&params, SIZES);
        let mut opt = Adam::new(&params);
        let text = tokens(&device, 4);
        let mut state: Option<RnnState> = None;
        let mut window = || {
            let (logits, last) = net.forward(&text, state.as_ref());
            state = Some(last.detach());
            let loss = logits.flatten(0, 1).cross_entropy(&text.flatten(0, 1));
            opt.step(loss.backward(), 0.01).unwrap();
            assert!(loss.item().unwrap().is_finite());
        };
        (0..4).for_each(|_| window());
        let before = device.stats();
        (0..8).for_each(|_| window());
        let after = device.stats();
        let settled = |s: gpu_core::Stats| (s.compiles, s.allocations, s.bytes);
        assert_eq!(settled(after), settled(before), "{}", device.info());
    }
}
