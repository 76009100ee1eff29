//! Mixed precision: results are stored as halves, gradients agree, overflows are skipped, and memory is saved. The tests inspect all
//! plans of a device, so they run one at a time.

use std::sync::{Mutex, MutexGuard};

use autograd::{
    Accumulator, Device, Generator, Gradients, Half, PlanView, Tensor, autocast, evaluate, plans,
};
use gpu_core::testing;
use models::{
    Adam, AdamW, Gpt, GptOptions, Init, Lion, LossScaler, Mode, Optimize, Optimizer, Param, Params, ResNet,
    Rule, Sgd,
};

fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(|e| e.into_inner())
}

fn cpu() -> Device {
    Device::named("cpu").unwrap()
}

/// Numbers between -1 and 1.
fn numbers(device: &Device, seed: usize, shape: &[usize]) -> Tensor {
    let count: usize = shape.iter().product();
    let values: Vec<f32> =
        (0..count).map(|i| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.0 - 1.0).collect();
    Tensor::from_slice(device, &values, shape).unwrap()
}

/// The loss of a model on its data, with the forward pass in mixed precision.
type Loss = Box<dyn Fn(Option<Half>) -> Tensor>;

fn residual(params: &Params, depth: usize, batch: usize, size: usize) -> Loss {
    let device = params.device().clone();
    let net = ResNet::cifar(params, depth, 10);
    // With similar images, differences would cancel in the norms, which amplifies rounding errors.
    let images = Generator::new(1).normal(&device, &[batch, 3, size, size]);
    evaluate(&[&images]).unwrap();
    let classes: Vec<i32> = (0..batch as i32).map(|i| i % 10).collect();
    let classes = Tensor::from_slice(&device, &classes, &[batch]).unwrap();
    Box::new(move |half| autocast(half, || net.forward(&images, Mode::Train)).cross_entropy(&classes))
}

fn transformer(params: &Params, depth: usize, batch: usize, context: usize, width: usize) -> Loss {
    let device = params.device().clone();
    let net = Gpt::new(params, GptOptions { vocab: 65, context, width, heads: 4, depth, dropout: 0.0 });
    let tokens: Vec<i32> = (0..batch * context).map(|i| ((i * i + 3 * i) % 65) as i32).collect();
    let next: Vec<i32> = tokens.iter().map(|t| (t * 5 + 1) % 65).collect();
    let tokens = Tensor::from_slice(&device, &tokens, &[batch, context]).unwrap();
    let next = Tensor::from_slice(&device, &next, &[batch * context]).unwrap();
    Box::new(move |half| {
        autocast(half, || net.forward(&tokens, Mode::Train)).flatten(0, 1).cross_entropy(&next)
    })
}

/// All gradients of a scaled loss, unscaled.
fn gradients(loss: &Tensor, scale: f32) -> Vec<f32> {
    let gradients = (loss * scale).backward();
    let of = |v: &Tensor| (gradients.get(v).unwrap() * (1.0 / scale)).to_vec::<f32>().unwrap();
    gradients.variables().iter().flat_map(of).collect()
}

fn difference(a: &[f32], b: &[f32]) -> f32 {
    let norm = |x: &mut dyn Iterator<Item = f32>| x.map(|x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    (norm(&mut a.iter().zip(b).map(|(a, b)| a - b)) / norm(&mut b.iter().copied())) as f32
}

#[test]
fn losses_and_gradients_agree_with_f32_within_the_precision() {
    let _alone = alone();
    for device in testing::devices() {
        for net in ["resnet", "gpt"] {
            let params = Params::new(&device, 3);
            // Bounds in proportion to the precisions 2^-11 and 2^-8, except where rounding moves values across the kink of a ReLU.
            let (loss, near) = match net {
                "resnet" => (residual(&params, 8, 8, 16), [0.06, 0.2]),
                _ => (transformer(&params, 2, 4, 32, 64), [0.0005, 0.004]),
            };
            let exact = loss(None);
            let (value, wanted) = (exact.item().unwrap(), gradients(&exact, 1.0));
            for (half, near) in [Half::F16, Half::BF16].into_iter().zip(near) {
                let mixed = loss(Some(half));
                let (got, found) = (mixed.item().unwrap(), gradients(&mixed, 1024.0));
                assert!((got - value).abs() < 1e-3 * value, "{net} {half}: loss {got}, not {value}");
                let off = difference(&found, &wanted);
                assert!(
                    off < near,
                    "{} {net} {half}: gradients differ by {off} of their norm",
                    device.info()
                );
                assert!(off > 1e-5, "{net} {half}: nothing was rounded");
            }
        }
    }
}

/// Results are stored as halves: every consumer reads values rounded to half precision.
#[test]
fn results_are_halves_and_their_gradients_too() {
    let _alone = alone();
    for device in testing::devices() {
        for half in [Half::F16, Half::BF16] {
            let a = numbers(&device, 1, &[64, 80]).variable();
            let (x, w) = (numbers(&device, 2, &[96, 64]), numbers(&device, 3, &[80, 64]));
            let y = autocast(half, || x.matmul(&a).relu());
            let step = if half == Half::F16 { 0x1fff } else { 0xffff };
            let halves = |t: &Tensor| t.to_vec::<f32>().unwrap().iter().all(|v| v.to_bits() & step == 0);
            // Normal halves have zeros in the low bits.
            assert!(halves(&y.where_(&y.gt(1e-3), &y.zeros_like())), "{half}");
            let sharp = x.matmul(&a).relu();
            assert!(!halves(&sharp), "f32 results are no halves");
            // At this scale gradients underflow in f16, but not in bf16.
            let tiny = (y.matmul(&w) * 1e-10).sum_all();
            let gradient = tiny.backward().get(&a).unwrap().to_vec::<f32>().unwrap();
            let vanished = gradient.iter().all(|&g| g == 0.0);
            assert_eq!(vanished, half == Half::F16, "{half}");
        }
    }
}

#[test]
fn checkpoints_and_mixed_precision_compose() {
    let _alone = alone();
    let params = Params::new(&cpu(), 3);
    let net = ResNet::cifar(&params, 8, 10);
    let images = numbers(&cpu(), 1, &[8, 3, 16, 16]);
    let classes = Tensor::from_slice(&cpu(), &[0i32, 1, 2, 3, 4, 5, 6, 7], &[8]).unwrap();
    let loss =
        |net: &ResNet| autocast(Half::BF16, || net.forward(&images, Mode::Train)).cross_entropy(&classes);
    let kept = gradients(&loss(&net), 1.0);
    let again = gradients(&loss(&net.recompute()), 1.0);
    let off = difference(&again, &kept);
    assert!(off < 0.02, "recomputed: {off}");
}

/// `y = x w` over enough elements to be rounded, and its mean square; a loss of about 3.
fn product(device: &Device) -> (Params, Param, impl Fn(f32) -> Tensor + use<>) {
    let params = Params::new(device, 0);
    let w = params.param("w", &[64, 80], Init::ONES);
    w.set(&numbers(device, 5, &[64, 80]));
    let (x, weight) = (numbers(device, 6, &[96, 64]), w.clone());
    let loss = move |factor: f32| {
        let y = autocast(Half::F16, || (&x * factor).matmul(&weight.value()));
        y.square().mean_all()
    };
    (params, w, loss)
}

fn bits(tensors: &[Tensor]) -> Vec<u32> {
    let of = |t: &Tensor| t.to_vec::<f32>().unwrap();
    tensors.iter().flat_map(of).map(f32::to_bits).collect()
}

#[test]
fn an_overflow_is_survived() {
    let _alone = alone();
    for device in testing::devices() {
        let (params, w, loss) = product(&device);
        survive(&device, Sgd::new(&params).momentum(0.9), &w, &loss);
        survive(&device, AdamW::new(&params), &w, &loss);
        // A rule whose formula does not check the loss itself.
        survive(&device, Lion::new(&params), &w, &loss);
    }
}

fn survive<R: Rule>(device: &Device, mut opt: Optimizer<R>, w: &Param, loss: &impl Fn(f32) -> Tensor) {
    let mut scaler = LossScaler::new(device).init_scale(1024.0).growth_interval(4);
    let all = |opt: &Optimizer<R>| {
        let state: Vec<Tensor> = opt.state().into_iter().map(|(_, t)| t).chain([w.value()]).collect();
        bits(&state)
    };
    let step = |opt: &mut Optimizer<R>, scaler: &mut LossScaler, factor: f32| {
        let loss = loss(factor);
        let gradients = scaler.unscale(scaler.scale(&loss).backward());
        let (gradients, _) = gradients.clip_norm(1.0, 2.0);
        opt.step(gradients, 1e-3).unwrap();
        loss.item().unwrap()
    };
    let scale = |scaler: &LossScaler| scaler.get_scale().item().unwrap();
    for _ in 0..3 {
        assert!(step(&mut opt, &mut scaler, 1.0).is_finite());
    }
    let before = all(&opt);
    // Either the results exceed 65504, or their gradients.
    step(&mut opt, &mut scaler, 1e5);
    assert_eq!(all(&opt), before, "an overflow changed something");
    assert_eq!((scale(&scaler), scaler.skipped().item().unwrap()), (512.0, 1.0));
    for n in 0..4 {
        assert_eq!(scale(&scaler), 512.0, "after {n} steps");
        assert!(step(&mut opt, &mut scaler, 1.0).is_finite());
    }
    assert_eq!(scale(&scaler), 1024.0, "it grows again");
    assert_ne!(all(&opt), before, "training goes on");
}

#[test]
fn steps_with_a_scaler_replay_one_plan() {
    let _alone = alone();
    for device in testing::devices() {
        let (params, _, loss) = product(&device);
        let mut opt = Adam::new(&params);
        let scaler = LossScaler::new(&device).growth_interval(2);
        let mut step = |factor: f32| {
            let gradients = scaler.unscale(scaler.scale(&loss(factor)).backward());
            opt.step(gradients, 1e-3).unwrap();
        };
        (0..4).for_each(|_| step(1.0));
        let before = device.stats();
        [1.0, 1e5, 1.0, 1.0, 1e5, 1.0].into_iter().for_each(&mut step);
        let after = device.stats();
        assert_eq!(
            (after.compiles, after.pipelines, after.allocations),
            (before.compiles, before.pipelines, before.allocations),
            "overflows and other scales make no new plan"
        );
        assert_eq!(after.submits, before.submits + 6, "one submit a step");
        assert_eq!(scaler.skipped().item().unwrap(), 2.0);
    }
}

/// Scales are powers of 2: in f32 they change no bit of the trained values, even with clipping and accumulation over several batches.
#[test]
fn scaling_rounds_nothing() {
    let _alone = alone();
    let run = |scaled: bool| {
        let device = cpu();
        let params = Params::new(&device, 0);
        let w = params.param("w", &[8, 5], Init::ONES);
        w.set(&numbers(&device, 1, &[8, 5]));
        let mut opt = Adam::new(&params);
        let scaler = LossScaler::new(&device).growth_interval(2);
        for step in 0..6 {
            let mut sum = Accumulator::default();
            for part in 0..2 {
                let x = numbers(&device, 10 * step + part, &[12, 8]);
                let loss = x.matmul(&w.value()).tanh().square().mean_all();
                let loss = if scaled { scaler.scale(&loss) } else { loss };
                sum.add(loss.backward()).unwrap();
            }
            let gradients: Gradients = if scaled { scaler.unscale(sum.take()) } else { sum.take() };
            opt.step(gradients.clip_norm(0.1, 2.0).0, 0.01).unwrap();
        }
        (bits(&[w.value()]), scaler.get_scale().item().unwrap())
    };
    let (plain, scaled) = (run(false), run(true));
    assert_eq!(plain.0, scaled.0);
    assert_eq!(scaled.1, 65536.0 * 8.0);
}

#[test]
fn a_scaler_goes_on_where_it_stopped() {
    let _alone = alone();
    let (params, _, loss) = product(&cpu());
    let mut opt = Sgd::new(&params);
    let mut scaler = LossScaler::new(&cpu()).growth_interval(3);
    let mut step = |scaler: &mut LossScaler, factor: f32| {
        let gradients = scaler.unscale(scaler.scale(&loss(factor)).backward());
        opt.step(gradients, 1e-3).unwrap();
    };
    for factor in [1e5, 1.0, 1.0] {
        step(&mut scaler, factor);
    }
    let saved: Vec<(String, Tensor)> = scaler
        .state()
        .into_iter()
        .map(|(name, t)| (name, Tensor::from_slice(&cpu(), &t.to_vec::<f32>().unwrap(), &[]).unwrap()))
        .collect();
    let mut other = LossScaler::new(&cpu()).growth_interval(3);
    other.resume(&saved).unwrap();
    step(&mut other, 1.0);
    assert_eq!(other.get_scale().item().unwrap(), 65536.0, "the third clean step");
    assert_eq!(other.skipped().item().unwrap(), 1.0);
}

#[test]
fn a_scaler_says_what_is_missing() {
    let scale = Tensor::constant(&cpu(), &[1f32], &[]);
    let fault = LossScaler::new(&cpu()).resume(&[("scale".into(), scale)]).unwrap_err();
    assert!(fault.to_string().contains("no state \"clean_steps\""), "{fault}");
}

/// A step leaves rounded copies of the parameters for the next one, which may be set, and whose step may be skipped, in between.
#[test]
fn rounded_copies_are_those_of_the_parameters() {
    let _alone = alone();
    for device in testing::devices() {
        for half in [Half::F16, Half::BF16] {
            let params = Params::new(&device, 0);
            let w = params.param("w", &[128, 160], Init::ONES);
            let b = params.param("b", &[160], Init::ZEROS);
            w.set(&numbers(&device, 1, &[128, 160]));
            let x = numbers(&device, 2, &[32, 128]);
            let product = |w: &Tensor| autocast(half, || x.matmul(w));
            let mut opt = AdamW::new(&params);
            for step in 0..6 {
                let copy =
                    Tensor::from_slice(&device, &w.value().to_vec::<f32>().unwrap(), &[128, 160]).unwrap();
                assert_eq!(bits(&[product(&w.value())]), bits(&[product(&copy)]), "{half}, step {step}");
                if step == 3 {
                    w.set(&numbers(&device, 3, &[128, 160]));
                }
                // The loss of step 4 is not finite.
                let factor = if step == 4 { f32::INFINITY } else { 1.0 };
                let loss = ((product(&w.value()) + b.value()).square().mean_all()) * factor;
                opt.step(loss.backward(), 1e-2).unwrap();
            }
        }
    }
}

/// What a training step costs.
struct Step {
    launches: usize,
    /// Bytes that its launches read and write.
    traffic: u64,
    /// The peak of its temporaries.
    temporaries: usize,
    plan: PlanView,
}

impl Step {
    fn of(device: &Device, half: Option<Half>, make: impl Fn(&Params) -> (Loss, Box<dyn Optimize>)) -> Step {
        let params = Params::new(device, 0);
        let (loss, mut opt) = make(&params);
        let known = plans(device);
        for _ in 0..3 {
            opt.step(loss(half).backward(), 0.01).unwrap();
        }
        let mut steps = plans(device);
        steps.retain(|p| !known.iter().any(|q| std::ptr::eq(p.launches(), q.launches())));
        // The plan of the first step also joins the parameters, and that of the second rounds them.
        let plan = steps.into_iter().min_by_key(|p| p.launches().len()).unwrap();
        let launches = plan.launches();
        Step {
            launches: launches.len(),
            traffic: launches.iter().map(|launch| launch.kernel().cost().bytes).sum(),
            temporaries: plan.passes().live_bytes.iter().copied().max().unwrap(),
            plan,
        }
    }
}

/// Launches, traffic and temporaries of a step in half precision, relative to f32. The networks are those of `wgrad bench`; on GPUs nothing
/// runs but the compiler.
#[test]
fn steps_in_half_precision_cost_less() {
    let _alone = alone();
    let resnet = |p: &Params| -> (Loss, Box<dyn Optimize>) {
        (residual(p, 20, 128, 32), Box::new(Sgd::new(p).momentum(0.9).weight_decay(1e-4)))
    };
    let gpt = |p: &Params| -> (Loss, Box<dyn Optimize>) {
        (transformer(p, 4, 16, 128, 128), Box::new(AdamW::new(p)))
    };
    // Launches more than f32, percent of its traffic and of its temporaries, at most. On GPUs one launch rounds ResNet's images. Partial sums of
    // weight gradients stay f32, also in memory; the CPU unpacks operands and packs results of products in scratch memory.
    let bars: [(&str, &str, usize, [f64; 2]); 6] = [
        ("cpu", "resnet", 0, [60.0, 55.0]),
        ("cpu", "gpt", 0, [62.5, 57.0]),
        ("dry:amd", "resnet", 1, [60.0, 58.0]),
        ("dry:amd", "gpt", 0, [60.0, 65.1]),
        ("dry:software", "resnet", 1, [60.0, 55.0]),
        ("dry:software", "gpt", 0, [60.0, 55.0]),
    ];
    let mut missed = String::new();
    for (name, net, more, [traffic, temporaries]) in bars {
        let device = Device::named(name).unwrap();
        let of = |half| {
            if net == "resnet" { Step::of(&device, half, resnet) } else { Step::of(&device, half, gpt) }
        };
        let exact = of(None);
        for half in [Half::F16, Half::BF16] {
            let mixed = of(Some(half));
            let percent = [
                100.0 * mixed.traffic as f64 / exact.traffic as f64,
                100.0 * mixed.temporaries as f64 / exact.temporaries as f64,
            ];
            let text = format!(
                "{name} {net} {half}: {} launches of {}, {:.1} % of the traffic, {:.1} % of the temporaries",
                mixed.launches, exact.launches, percent[0], percent[1]
            );
            println!("{text}");
            let meets =
                mixed.launches <= exact.launches + more && percent[0] <= traffic && percent[1] <= temporaries;
            if !meets {
                missed += &format!("{text}\n{}\n", mixed.plan.explain());
            }
        }
    }
    assert!(missed.is_empty(), "{missed}");
}
