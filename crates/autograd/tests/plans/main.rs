//! Laziness, caching of plans, and long graphs. The tests count a device's work, so only one of them runs at a time.

mod flat;

use std::sync::{Mutex, MutexGuard};

use autograd::{
    DType, Device, Generator, PlanView, Reduction, Role, SgdStep, State, Tensor, Transaction,
    batch_norm_train, cat, first_non_finite, plans,
};
use gpu_core::{Target, testing};

fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(|e| e.into_inner())
}

fn cpu() -> Device {
    Device::named("cpu").unwrap()
}

fn values(device: &Device, values: &[f32]) -> Tensor {
    Tensor::from_slice(device, values, &[values.len()]).unwrap()
}

#[test]
fn a_tensor_is_evaluated_once_and_only_when_read() {
    let _alone = alone();
    for device in testing::devices() {
        let x = values(&device, &[1.0, 2.0]);
        let before = device.stats();
        let y = x.exp().sum_all();
        let twice = &y + &y;
        assert_eq!(device.stats(), before, "recording runs nothing");
        assert!((twice.item().unwrap() - 2.0 * (1f32.exp() + 2f32.exp())).abs() < 1e-4);
        let after = device.stats();
        assert_eq!(after.submits, before.submits + 1, "everything in one submit");
        assert!((y.item().unwrap() - 1f32.exp() - 2f32.exp()).abs() < 1e-4);
        twice.item().unwrap();
        assert_eq!(device.stats().launches, after.launches, "held tensors were evaluated with the others");
    }
}

#[test]
fn a_read_computes_ancestors_and_nothing_else() {
    let _alone = alone();
    let device = cpu();
    let x = values(&device, &[1.0, 2.0]).variable();
    let loss = x.square().sum_all();
    let before = device.stats().launches;
    drop(loss.backward());
    let exp = x.exp();
    assert_eq!(loss.item().unwrap(), 5.0);
    let loss_alone = device.stats().launches - before;
    let again = x.square().sum_all();
    assert_eq!(again.item().unwrap(), 5.0);
    assert_eq!(device.stats().launches - before, 2 * loss_alone);
    assert!((exp.sum_all().item().unwrap() - 1f32.exp() - 2f32.exp()).abs() < 1e-5);
}

#[test]
fn ctc_of_a_longer_sequence_takes_no_more_launches() {
    let _alone = alone();
    let device = cpu();
    let launches = |steps: usize| {
        let logits = Tensor::zeros(&device, &[steps, 2, 5]).variable();
        let int = |v: &[i32], shape: &[usize]| Tensor::constant(&device, v, shape);
        let (inputs, lengths) = (int(&[steps as i32; 2], &[2]), int(&[3, 2], &[2]));
        let targets = int(&[1, 2, 2, 4, 3, 0], &[2, 3]);
        let before = device.stats().launches;
        let loss = logits.log_softmax(-1).ctc_loss(&targets, &inputs, &lengths, 0, false, Reduction::Mean);
        let gradient = loss.backward().get(&logits).unwrap().clone();
        autograd::evaluate(&[&loss, &gradient]).unwrap();
        device.stats().launches - before
    };
    let short = launches(8);
    assert!(short < 50, "{short} launches");
    assert_eq!(launches(80), short);
}

#[test]
fn element_wise_chains_are_one_launch() {
    let _alone = alone();
    let device = cpu();
    let (x, y) = (values(&device, &[1.0, 2.0]), values(&device, &[3.0, 4.0]));
    x.to_vec::<f32>().unwrap();
    let before = device.stats().launches;
    let z = ((&x * &y).tanh() + 1.0) / (&x + 2.0);
    z.to_vec::<f32>().unwrap();
    assert_eq!(device.stats().launches, before + 1);
}

#[test]
fn evaluating_early_changes_no_gradient() {
    let _alone = alone();
    for device in testing::devices() {
        let gradient = |early: bool| {
            let x = values(&device, &[0.5, -1.0, 2.0]).variable();
            let hidden = (&x * 3.0).tanh();
            let loss = (&hidden * &x).square().mean_all();
            if early {
                loss.item().unwrap();
                hidden.to_vec::<f32>().unwrap();
            }
            let gradients = loss.backward();
            if early {
                gradients.get(&x).unwrap().to_vec::<f32>().unwrap();
            }
            let slope = gradients.get(&x).unwrap().square().sum_all();
            (
                gradients.get(&x).unwrap().to_vec::<f32>().unwrap(),
                slope.backward().get(&x).unwrap().to_vec::<f32>().unwrap(),
            )
        };
        let (late, early) = (gradient(false), gradient(true));
        for (a, b) in late.0.iter().chain(&late.1).zip(early.0.iter().chain(&early.1)) {
            assert!((a - b).abs() < 1e-5 * a.abs().max(1.0), "{a} late, {b} early");
        }
    }
}

#[test]
fn numbers_and_data_are_no_part_of_a_plan() {
    let _alone = alone();
    for device in testing::devices() {
        let random = Generator::new(1);
        let run = |number: f32, data: &[f32]| {
            let noise = random.uniform(&device, &[data.len()]);
            let y = (values(&device, data) * number + Tensor::full(&device, number, &[1]) + noise)
                .clamp(0.0, number);
            y.sum_all().item().unwrap()
        };
        run(1.0, &[1.0, 2.0]);
        let (compiled, before) = (plans(&device).len(), device.stats());
        (2..20).for_each(|i| _ = run(i as f32, &[i as f32, -1.0]));
        let after = device.stats();
        assert_eq!((plans(&device).len(), after.pipelines), (compiled, before.pipelines));
        assert_eq!((after.bind_groups, after.bytes), (before.bind_groups, before.bytes));
        run(1.0, &[1.0, 2.0, 3.0]);
        assert_eq!(plans(&device).len(), compiled + 1, "another shape is another plan");
    }
}

#[test]
fn plans_tell_their_launches_and_memory() {
    let _alone = alone();
    let device = cpu();
    let known = plans(&device).len();
    let x = Tensor::from_slice(&device, &[1f32; 35], &[5, 7]).unwrap();
    // In two statements: temporaries are alive until the end of their statement, and would be kept.
    let sum = x.matmul(&x.t()).relu().sum_all();
    sum.item().unwrap();
    let all = plans(&device);
    assert_eq!(all.len(), known + 1);
    let plan = all.iter().find(|p| names(p) == ["matmul", "reduce"]).expect("the plan just made");
    assert!(plan.cost().flops >= 2 * 5 * 5 * 7 && plan.temp_bytes() >= 5 * 5 * 4);
}

#[test]
fn long_chains() {
    let _alone = alone();
    let device = cpu();
    let x = values(&device, &[1.0, 2.0]);
    let mut y = x.clone();
    for _ in 0..100_000 {
        y = &y + &x;
    }
    assert_eq!(y.to_vec::<f32>().unwrap(), [100_001.0, 200_002.0]);
    drop(y);
    let mut y = x.clone();
    for _ in 0..20_000 {
        y = y + 1.0;
    }
    assert_eq!(y.to_vec::<f32>().unwrap(), [20_001.0, 20_002.0]);
}

#[test]
fn long_chains_with_gradients_and_never_evaluated_ones() {
    let _alone = alone();
    let device = cpu();
    let x = values(&device, &[1.0, 2.0]).variable();
    let mut y = x.clone();
    for _ in 0..30_000 {
        y = (&y + &x).reshape(&[2, 1]).reshape(&[2]);
    }
    let gradients = y.sum_all().backward();
    assert_eq!(gradients.get(&x).unwrap().to_vec::<f32>().unwrap(), [30_001.0; 2]);
    let mut y = x.clone();
    for _ in 0..100_000 {
        y = y.tanh();
    }
    drop(y);
}

/// The number of paths doubles with every layer: no algorithm may follow them one by one.
#[test]
fn many_paths() {
    let _alone = alone();
    let device = cpu();
    let x = values(&device, &[0.5, -0.5]).variable();
    let mut y = x.clone();
    for _ in 0..200 {
        y = y.cos() * 0.5 + y.sin() * 0.25;
    }
    let loss = y.sum_all();
    let gradients = loss.backward();
    let flat = values(&device, &[0.5, -0.5]);
    let hyper = Tensor::scalars(&device, &[0.1f32, 0.0, 0.0, 0.0, 1.0, 1.0]);
    let ok = Tensor::scalars(&device, &[1u32]);
    let sgd = SgdStep { momentum: false, nesterov: false, maximize: false };
    let new = sgd.apply(&hyper, &ok, gradients.get(&x).unwrap(), &[flat]);
    drop(gradients);
    Transaction::default().loss(&loss).output(&new[0]).run().unwrap();
    assert!(new[0].to_vec::<f32>().unwrap().iter().all(|v| v.is_finite()));
}

/// One step of SGD at the given rate on a flat state, with a gradient computed from its values.
fn descend(flat: &State, rate: f32, gradient: impl Fn(&Tensor) -> Tensor) -> autograd::Result<()> {
    let old = flat.value();
    let hyper = Tensor::scalars(old.device(), &[rate, 0.0, 0.0, 0.0, 1.0, 1.0]);
    let ok = Tensor::scalars(old.device(), &[1u32]);
    let sgd = SgdStep { momentum: false, nesterov: false, maximize: false };
    let new = sgd.apply(&hyper, &ok, &gradient(&old), &[old]).remove(0);
    Transaction::default().write(flat, new).run()
}

#[test]
fn an_update_may_read_its_own_parameter() {
    let _alone = alone();
    for device in testing::devices() {
        for gradient in [|t: &Tensor| t.flip(&[0]).detach(), |t: &Tensor| t.reshape(&[8, 8]).reshape(&[64])] {
            let flat = State::new(&values(&device, &[2.0; 64]), Role::Parameter);
            descend(&flat, 0.5, gradient).unwrap();
            assert_eq!(flat.value().to_vec::<f32>().unwrap(), [1.0; 64]);
        }
    }
}

#[test]
fn a_state_without_other_handles_is_overwritten_in_place() {
    let _alone = alone();
    for device in testing::devices() {
        let flat = State::new(&values(&device, &[2.0; 64]), Role::Parameter);
        let step = || descend(&flat, 1.0, Tensor::ones_like).unwrap();
        step();
        let allocated = device.stats().allocations;
        (0..5).for_each(|_| step());
        assert_eq!(flat.value().to_vec::<f32>().unwrap(), [-4.0; 64]);
        let held = flat.value();
        step();
        assert_eq!(held.to_vec::<f32>().unwrap(), [-4.0; 64]);
        assert_eq!(flat.value().to_vec::<f32>().unwrap(), [-5.0; 64]);
        let readback = 1;
        assert!(device.stats().allocations <= allocated + 1 + readback, "only the copy needs memory");
    }
}

/// Anything that still reads the old values, directly or through a view, prevents the update in place.
#[test]
fn versions_with_handles_keep_their_values() {
    let _alone = alone();
    type Keep = fn(&Tensor) -> Tensor;
    let holders: [(&str, Keep); 5] = [
        ("the tensor", |t| t.clone()),
        ("a view", |t| t.narrow(0, 1, 2)),
        ("a view of a view", |t| t.reshape(&[2, 2]).t()),
        ("a detached tensor", |t| t.detach()),
        ("something not evaluated", |t| t * 1.0),
    ];
    for device in testing::devices() {
        for (name, keep) in holders {
            let flat = State::new(&values(&device, &[1.0, 2.0, 3.0, 4.0]), Role::Parameter);
            let held = keep(&flat.value());
            let wanted = keep(&values(&device, &[1.0, 2.0, 3.0, 4.0])).to_vec::<f32>().unwrap();
            descend(&flat, 1.0, Tensor::ones_like).unwrap();
            let later = cat(&[&held.reshape(&[held.numel()]), &flat.value()], 0);
            assert_eq!(flat.value().to_vec::<f32>().unwrap(), [0.0, 1.0, 2.0, 3.0], "{name}");
            assert_eq!(held.to_vec::<f32>().unwrap(), wanted, "{name}");
            assert_eq!(later.to_vec::<f32>().unwrap()[..wanted.len()], wanted, "{name}");
        }
    }
}

#[test]
fn threads_share_a_device() {
    let _alone = alone();
    for device in testing::devices() {
        let shared = values(&device, &[1.0, 2.0, 3.0]).exp();
        let wanted: f32 = [1f32, 2.0, 3.0].iter().map(|x| x.exp()).sum();
        std::thread::scope(|scope| {
            for t in 0..4 {
                let (device, shared) = (&device, &shared);
                scope.spawn(move || {
                    let x = values(device, &[t as f32; 300]).variable();
                    for i in 0..25 {
                        let loss = (&x * i as f32).sum_all();
                        let gradients = loss.backward();
                        assert_eq!(loss.item().unwrap(), 300.0 * (t * i) as f32);
                        assert_eq!(gradients.get(&x).unwrap().to_vec::<f32>().unwrap(), [i as f32; 300]);
                        let sum = shared.sum_all().item().unwrap();
                        assert!(
                            (sum - wanted).abs() < 1e-3,
                            "{sum} of a tensor that another thread recorded"
                        );
                    }
                });
            }
        });
    }
}

#[test]
fn threads_update_their_own_states() {
    let _alone = alone();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let state = State::new(&values(&cpu(), &[0.0]), Role::State);
                for i in 0..500 {
                    let x = values(&cpu(), &[i as f32]) * 2.0;
                    state.update(&(state.value() + &x));
                    Transaction::default().output(&x.sum_all()).run().unwrap();
                    assert!(state.recorded().is_none(), "update {i} was not committed");
                }
                assert_eq!(state.value().to_vec::<f32>().unwrap(), [(0..500).sum::<i32>() as f32 * 2.0]);
            });
        }
    });
}

#[test]
fn the_first_number_that_is_not_finite() {
    let _alone = alone();
    for device in testing::devices() {
        let x = values(&device, &[1.0, -1.0]);
        let w = values(&device, &[1.0, 1.0]).variable().named("w");
        let y = (&x * &w).log();
        let z = y.exp().sum_all();
        let found = first_non_finite(&z).unwrap().expect("the logarithm of -1");
        assert_eq!((found.op.as_str(), found.count, found.shape.as_slice()), ("log", 1, &[2][..]));
        assert_eq!(found.parameter.as_deref(), Some("w"));
        assert_eq!(found.location.file(), file!(), "{found}");
        assert!(first_non_finite(&x.square().sum_all()).unwrap().is_none());
    }
}

/// Parts are concatenated in place, and so are the parts of a part that is itself a concatenation, at any offset.
#[test]
fn concatenations_of_concatenations() {
    let _alone = alone();
    for device in testing::devices() {
        // Of the rows of 48 elements, only the first, the fifth and so on begin at an offset where memory can be bound.
        let x = Tensor::arange(&device, 8 * 48).to(DType::F32).reshape(&[8, 3, 16]);
        let part = |i: usize, j: usize| (x.select(0, i).select(0, j) * 2.0).reshape(&[1, 16]);
        let row = |i: usize| cat(&[&part(i, 0), &part(i, 1), &part(i, 2)], 1);
        let rows = |rows: Vec<Tensor>| cat(&rows.iter().collect::<Vec<_>>(), 0);
        let joined = rows((0..8).map(row).collect());
        let wanted: Vec<f32> = (0..8 * 48).map(|i| 2.0 * i as f32).collect();
        assert_eq!(joined.to_vec::<f32>().unwrap(), wanted);
    }
}

/// The plans made by `f` that contain a kernel of that name.
fn plans_with(device: &Device, kernel: &str, f: impl FnOnce()) -> Vec<PlanView> {
    let same = |p: &PlanView, q: &PlanView| std::ptr::eq(p.launches(), q.launches());
    let known = plans(device);
    f();
    let mut made = plans(device);
    made.retain(|p| !known.iter().any(|q| same(p, q)) && names(p).contains(&kernel));
    made
}

fn names(plan: &PlanView) -> Vec<&'static str> {
    plan.launches().iter().map(|l| l.kernel().name()).collect()
}

/// On the CPU, a convolution also computes the moments of its channels, but not those of other planes that a view makes of them.
#[test]
fn moments_come_along_with_their_own_convolution() {
    let _alone = alone();
    for device in testing::devices() {
        let x = Tensor::arange(&device, 2 * 3 * 64).to(DType::F32).sin().reshape(&[2, 3, 8, 8]);
        let w = Tensor::arange(&device, 6 * 3 * 9).to(DType::F32).cos().reshape(&[6, 3, 3, 3]);
        autograd::evaluate(&[&x, &w]).unwrap();
        for (channels, fused) in [(6, device.target() == Target::Cpu), (3, false)] {
            let y = x.conv2d(&w, None, [1; 2], [1; 2], [1; 2], 1).reshape(&[2, channels, 48 / channels, 8]);
            let [ones, zeros] = [Tensor::ones(&device, &[channels]), Tensor::zeros(&device, &[channels])];
            let mut mean = vec![];
            let made = plans_with(&device, if fused { "conv2d_moments" } else { "channel_moments" }, || {
                let out = batch_norm_train(&y, &ones, &zeros, 1e-5);
                mean = out.mean.to_vec::<f32>().unwrap();
            });
            let (plan, want) =
                (made.first().expect("a plan"), y.mean(&[0, 2, 3], false).to_vec::<f32>().unwrap());
            assert_eq!(names(plan).contains(&"channel_moments"), !fused, "{}", plan.explain());
            let close = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-5;
            assert!(mean.len() == channels && mean.iter().zip(&want).all(close), "{mean:?}, not {want:?}");
        }
    }
}
