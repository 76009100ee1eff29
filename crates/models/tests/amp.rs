//! Mixed precision against what PyTorch 2 does, recorded by `fixtures/amp.py`, and loss scaling.

use autograd::{AUTOCAST_POLICY, Cast, Device, Half, Tensor, autocast};
use gpu_core::testing;
use models::{Adam, AdamW, Adamax, Init, Lamb, LossScaler, Optimizer, Param, Params, Rprop, Rule, Sgd};
use serde_json::Value;

fn fixture() -> Value {
    serde_json::from_str(include_str!("fixtures/amp.json")).unwrap()
}

fn cpu() -> Device {
    Device::named("cpu").unwrap()
}

/// The numbers of the fixture: between -1 and 1.
fn numbers(device: &Device, seed: usize, shape: &[usize]) -> Tensor {
    let count: usize = shape.iter().product();
    let value = |i: usize| ((i * 7919 + seed * 104_729) % 2003) as f64 / 1001.3 - 1.0;
    Tensor::from_slice(device, &(0..count).map(|i| value(i) as f32).collect::<Vec<_>>(), shape).unwrap()
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
}

/// No operation that PyTorch runs in f32 is in half precision here, and none of its half operations has other operands than halves.
#[test]
fn the_policy_is_pytorchs() {
    let fixture = fixture();
    let [half, float] = ["half", "float"].map(|list| names(&fixture["policy"][list]));
    for (name, cast) in AUTOCAST_POLICY {
        assert!(!float.contains(name), "{name} is f32 in PyTorch");
        // PyTorch's names of the same operations; its test has no embedding, and attention has rules for each backend.
        let theirs = match *name {
            "conv2d_input_grad" => "conv_transpose2d",
            "rnn" => "rnn_tanh_cell",
            "gru" => "gru_cell",
            "lstm" => "lstm_cell",
            other => other,
        };
        let only_here = ["embedding", "attention"].contains(name);
        assert_eq!(half.contains(&theirs), matches!(cast, Cast::Half(_)) && !only_here, "{name}");
    }
    // What the lists of PyTorch have in common with operations here.
    for name in ["matmul", "conv2d"] {
        assert!(half.contains(&name) && AUTOCAST_POLICY.iter().any(|(n, _)| *n == name), "{name}");
    }
}

/// A pre-norm block, its loss and gradients: ours differ from f32 no more than PyTorch's do.
#[test]
fn a_block_is_as_exact_as_pytorchs() {
    let (fixture, device, width) = (fixture(), cpu(), 32);
    let scaled =
        |seed, shape: &[usize], scale: f32| (numbers(&device, seed, shape) * scale).detach().variable();
    let gamma = (numbers(&device, 1, &[width]) * 0.1 + 1.0).detach().variable();
    let beta = scaled(2, &[width], 0.1);
    let (up, up_bias) = (scaled(3, &[4 * width, width], 0.3), scaled(4, &[4 * width], 0.1));
    let (down, down_bias) = (scaled(5, &[width, 4 * width], 0.3), scaled(6, &[width], 0.1));
    let head = scaled(7, &[10, width], 0.3);
    let x = numbers(&device, 8, &[16, width]);
    let labels: Vec<i32> = (0..16).map(|i| i % 10).collect();
    let labels = Tensor::from_slice(&device, &labels, &[16]).unwrap();
    let loss = |half: Option<Half>| {
        let logits = autocast(half, || {
            let h = x.layer_norm(&gamma, &beta, 1e-5);
            let h = h.linear(&up, Some(&up_bias)).gelu().linear(&down, Some(&down_bias));
            (&x + h).layer_norm(&gamma, &beta, 1e-5).linear(&head, None)
        });
        logits.cross_entropy(&labels)
    };
    let all = [
        ("gamma", &gamma),
        ("beta", &beta),
        ("up_bias", &up_bias),
        ("down_bias", &down_bias),
        ("head", &head),
    ];
    let distance = |a: &[f64], b: &[f64]| {
        let norm = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>().sqrt();
        norm(&mut a.iter().zip(b).map(|(a, b)| a - b)) / norm(&mut b.iter().copied())
    };
    let list = |precision: &str, name: &str| -> Vec<f64> {
        let found = fixture["block"][precision]["gradients"][name].as_array().unwrap();
        found.iter().map(|x| x.as_f64().unwrap()).collect()
    };
    for half in [None, Some(Half::BF16), Some(Half::F16)] {
        let value = loss(half);
        let gradients = value.backward();
        let exact = fixture["block"]["f32"]["loss"].as_f64().unwrap();
        let off = (f64::from(value.item().unwrap()) - exact).abs();
        assert!(off <= if half.is_none() { 1e-5 } else { 2e-3 }, "{half:?}: the loss is off by {off}");
        for (name, variable) in all {
            let got: Vec<f64> = gradients
                .get(variable)
                .unwrap()
                .to_vec::<f32>()
                .unwrap()
                .into_iter()
                .map(f64::from)
                .collect();
            let exact = list("f32", name);
            let (ours, theirs) = (distance(&got, &exact), distance(&list("bf16", name), &exact));
            let most = if half.is_none() { 1e-5 } else { 1.5 * theirs };
            println!("{name} {half:?}: {ours:.2e} of PyTorch's {theirs:.2e}");
            assert!(ours <= most, "{name} {half:?}: off by {ours}, PyTorch's bf16 by {theirs}");
        }
    }
}

#[test]
fn the_scale_follows_pytorchs_rule() {
    let fixture = &fixture()["scaler"];
    let interval = fixture["interval"].as_u64().unwrap() as usize;
    for device in testing::devices() {
        let params = Params::new(&device, 0);
        let theta = params.param("theta", &[3], Init::ONES);
        let mut opt = Sgd::new(&params);
        let scaler = LossScaler::new(&device).growth_interval(interval);
        let steps =
            fixture["overflows"].as_array().unwrap().iter().zip(fixture["scales"].as_array().unwrap());
        for (step, (overflow, scale)) in steps.enumerate() {
            let factor = if overflow == 1 { f32::INFINITY } else { 1.0 };
            let loss = theta.value().sum_all() * factor;
            opt.step(scaler.unscale(scaler.scale(&loss).backward()), 0.1).unwrap();
            let got = f64::from(scaler.get_scale().item().unwrap());
            assert_eq!(got, scale.as_f64().unwrap(), "{} step {step}", device.info());
        }
    }
}

/// `y = x w` and its mean square.
fn product(device: &Device) -> (Params, Param, impl Fn(Half, f32) -> Tensor + use<>) {
    let params = Params::new(device, 0);
    let w = params.param("w", &[24, 20], Init::ONES);
    w.set(&numbers(device, 5, &[24, 20]));
    let (x, weight) = (numbers(device, 6, &[32, 24]), w.clone());
    let loss = move |half, factor: f32| {
        let y = autocast(half, || (&x * factor).matmul(&weight.value()));
        y.square().mean_all()
    };
    (params, w, loss)
}

fn bits(tensors: impl IntoIterator<Item = Tensor>) -> Vec<u32> {
    tensors.into_iter().flat_map(|t| t.to_vec::<f32>().unwrap()).map(f32::to_bits).collect()
}

/// Parameters, moments and the count behind the bias corrections after a step that overflows are those of a run without that step.
#[test]
fn a_skipped_step_leaves_no_trace() {
    for device in testing::devices() {
        untraceable(&device, Adam::new);
        untraceable(&device, AdamW::new);
        untraceable(&device, |params| Adam::new(params).amsgrad(true));
        untraceable(&device, |params| Sgd::new(params).momentum(0.9).dampening(0.5));
        untraceable(&device, Adamax::new);
        untraceable(&device, Lamb::new);
        untraceable(&device, Rprop::new);
    }
}

fn untraceable<R: Rule>(device: &Device, make: impl Fn(&Params) -> Optimizer<R>) {
    // With the skipped steps first, the others have the same scales, so that f16 rounds in the same way.
    let run = |factors: &[f32], scale: f32| {
        let (params, w, loss) = product(device);
        let mut opt = make(&params);
        let scaler = LossScaler::new(device).init_scale(scale);
        for &factor in factors {
            let gradients = scaler.unscale(scaler.scale(&loss(Half::F16, factor)).backward());
            opt.step(gradients.clip_norm(0.5, 2.0).0, 0.01).unwrap();
        }
        let skipped = scaler.skipped().item().unwrap();
        let state = opt.state().into_iter().map(|(_, t)| t);
        (bits(state.chain([w.value()])), opt.steps() - skipped as usize, scaler.get_scale().item().unwrap())
    };
    let with = run(&[1e6, 1e6, 1.0, 1.0, 1.0], 4096.0);
    let without = run(&[1.0, 1.0, 1.0], 1024.0);
    let name = std::any::type_name::<R>();
    assert_eq!((with.1, with.2), (without.1, without.2), "{} {name}: steps and scale", device.info());
    assert_eq!(with.0, without.0, "{} {name}: parameters and state", device.info());
}

/// The corrections of many skipped steps are computed on the device.
#[test]
fn many_skipped_steps_do_not_count_either() {
    for device in testing::devices() {
        let run = |skipped: usize| {
            let (params, w, loss) = product(&device);
            let mut opt = Adam::new(&params);
            let scaler = LossScaler::new(&device).init_scale(1024.0 * 2f32.powi(skipped as i32));
            for step in 0..skipped + 4 {
                let factor = if step < skipped { 1e8 } else { 1.0 };
                opt.step(scaler.unscale(scaler.scale(&loss(Half::F16, factor)).backward()), 0.01).unwrap();
            }
            w.value().to_vec::<f32>().unwrap()
        };
        let (few, many) = (run(0), run(11));
        for (a, b) in few.iter().zip(&many) {
            assert!((a - b).abs() <= 1e-6 * a.abs().max(0.1), "{}: {b}, not {a}", device.info());
        }
    }
}
