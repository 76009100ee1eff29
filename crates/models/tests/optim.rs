//! Optimizers and their utilities, beyond the PyTorch fixtures.

use autograd::{Accumulator, Device, Gradients, Tensor};
use gpu_core::testing;
use models::{
    Adam, Average, Constraint, Init, Lamb, Lars, Lbfgs, Linear, Lion, Lookahead, Muon, NAdam, Optimizer,
    Params, Replicas, RmsProp, Rule, Sgd,
};

fn cpu() -> Device {
    Device::named("cpu").unwrap()
}

/// A parameter of the given values, the root of its own tree.
fn theta(device: &Device, values: &[f32]) -> (Params, models::Param) {
    let params = Params::new(device, 0);
    let theta = params.param("theta", &[values.len()], Init::ZEROS);
    theta.set(&Tensor::from_slice(device, values, &[values.len()]).unwrap());
    (params, theta)
}

fn values(param: &models::Param) -> Vec<f32> {
    param.value().to_vec().unwrap()
}

#[track_caller]
fn close(got: &[f32], wanted: &[f32]) {
    let near = got.len() == wanted.len() && got.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 2e-6);
    assert!(near, "{got:?}, not {wanted:?}");
}

/// Values of theta after each step on theta^2 from 1 with learning rate .1.
fn path<R: Rule>(make: impl Fn(&Params) -> Optimizer<R>, steps: usize) -> Vec<f32> {
    let (params, theta) = theta(&cpu(), &[1.0]);
    let mut opt = make(&params);
    let step = |_| {
        opt.step(theta.value().square().sum_all().backward(), 0.1).unwrap();
        values(&theta)[0]
    };
    (0..steps).map(step).collect()
}

#[test]
fn textbook_paths() {
    let momentum = [0.8, 0.46, 0.062, -0.3086, -0.5804, -0.7090, -0.6829, -0.5228, -0.2742, 0.0044];
    for (got, want) in path(|p| Sgd::new(p).momentum(0.9), 10).iter().zip(momentum) {
        assert!((got - want).abs() < 6e-5, "{got}, not {want}");
    }
    let adagrad = [0.9, 0.8331, 0.7805, 0.7362, 0.6977, 0.6634, 0.6324, 0.6041, 0.5780, 0.5537];
    for (got, want) in path(models::Adagrad::new, 10).iter().zip(adagrad) {
        assert!((got - want).abs() < 6e-5, "{got}, not {want}");
    }
    close(&path(Adam::new, 3), &[0.9, 0.800_412_2, 0.701_586_3]);
    close(&path(Sgd::new, 3), &[0.8, 0.64, 0.512]);
}

/// Momentum as `v = gamma v + eta g`, `p = p - v`: PyTorch's with the momentum times the ratio of the rates.
#[test]
fn the_other_momentum() {
    let (params, theta) = theta(&cpu(), &[1.0]);
    let mut opt = Sgd::new(&params).momentum(0.9);
    let (mut p, mut v, mut before) = (1.0f32, 0.0f32, 0.1f32);
    for eta in [0.1, 0.05, 0.2, 0.02] {
        opt.set_momentum(0.9 * before / eta);
        opt.step(theta.value().square().sum_all().backward(), eta).unwrap();
        v = 0.9 * v + eta * 2.0 * p;
        p -= v;
        before = eta;
        close(&values(&theta), &[p]);
    }
}

/// Nesterov's momentum with the gradient at the point ahead, `v = gamma v + eta g(p - gamma v)`, `p = p - v`: the parameter of PyTorch's
/// form is the point ahead.
#[test]
fn nesterov_looks_ahead() {
    let (mut p, mut v) = (1.0f32, 0.0f32);
    for ahead in path(|p| Sgd::new(p).momentum(0.9).nesterov(true), 10) {
        v = 0.9 * v + 0.1 * 2.0 * (p - 0.9 * v);
        p -= v;
        close(&[ahead], &[p - 0.9 * v]);
    }
}

#[test]
fn epsilon_inside_of_the_root() {
    let step = 0.1 * 2.0 / (4.0f32 + 0.5).sqrt();
    close(&path(|p| models::Adagrad::new(p).eps(0.5).eps_inside(true), 1), &[1.0 - step]);
    let step = 0.1 * 2.0 / (0.04f32 + 0.5).sqrt();
    close(&path(|p| models::RmsProp::new(p).eps(0.5).eps_inside(true), 1), &[1.0 - step]);
}

/// Compares with the papers' formulas, on two parameters of different norms.
#[test]
fn large_batch_optimizers_scale_each_parameter() {
    for device in testing::devices() {
        let params = Params::new(&device, 0);
        let (a, b) = (params.param("a", &[2], Init::ONES), params.param("b", &[3], Init::Constant(-2.0)));
        let gradients = |x: f32, y: f32| {
            let full = |v: f32, n: usize| Tensor::from_slice(&device, &vec![v; n], &[n]).unwrap();
            Gradients::from_pairs([(a.value(), full(x, 2)), (b.value(), full(y, 3))])
        };
        let mut lars = Lars::new(&params).momentum(0.5).coefficient(0.1).weight_decay(0.5);
        lars.step(gradients(0.5, 3.0), 1.0).unwrap();
        // a: |p| / |g + .5 p| = 1, times 1; b: 2 / 2, times 2.
        close(&values(&a), &[0.9; 2]);
        close(&values(&b), &[-2.2; 3]);
        lars.step(gradients(0.0, 0.0), 1.0).unwrap();
        // Velocity .5 * .1 + .1 * |p| / |.5 p| * .5 p.
        close(&values(&a), &[0.9 - 0.05 - 0.09; 2]);
        let mut lamb = Lamb::new(&params).weight_decay(0.0);
        let before = values(&b);
        lamb.step(gradients(1.0, 0.0), 0.1).unwrap();
        close(&values(&a), &[0.76 * 0.9; 2]);
        assert_eq!(values(&b), before, "no gradient, no step");
        let mut lion = Lion::new(&params).weight_decay(0.5);
        lion.step(gradients(-2.0, 1.0), 0.1).unwrap();
        close(&values(&a), &[0.76 * 0.9 * 0.95 + 0.1; 2]);
    }
}

/// A step starts from values set since the previous one.
#[test]
fn values_set_from_outside_are_taken_over() {
    for device in testing::devices() {
        let (params, theta) = theta(&device, &[1.0, 1.0]);
        let mut opt = Sgd::new(&params);
        for start in [1.0, 5.0] {
            theta.set(&Tensor::from_slice(&device, &[start; 2], &[2]).unwrap());
            opt.step(theta.value().square().sum_all().backward(), 0.1).unwrap();
            close(&values(&theta), &[start * 0.8; 2]);
        }
    }
}

#[test]
fn a_resumed_run_goes_on_bit_for_bit() {
    fn run<R: Rule>(make: impl Fn(&Params) -> Optimizer<R>) {
        let step = |opt: &mut Optimizer<R>, theta: &models::Param| {
            let x = theta.value();
            opt.step((x.square() * 3.0 + &x).sum_all().backward(), 0.05).unwrap();
        };
        let (params, whole) = theta(&cpu(), &[1.0, -2.0, 3.0]);
        let mut opt = make(&params);
        (0..6).for_each(|_| step(&mut opt, &whole));
        let (params, first) = theta(&cpu(), &[1.0, -2.0, 3.0]);
        let mut opt = make(&params);
        (0..3).for_each(|_| step(&mut opt, &first));
        let (saved, at) = (opt.state(), values(&first));
        let (params, second) = theta(&cpu(), &at);
        let mut resumed = make(&params);
        resumed.resume(opt.steps(), &saved).unwrap();
        (0..3).for_each(|_| step(&mut resumed, &second));
        assert_eq!(values(&whole), values(&second));
    }
    run(|p| Sgd::new(p).momentum(0.9));
    run(Adam::new);
    run(NAdam::new);
    run(|p| RmsProp::new(p).centered(true).momentum(0.5));
    run(models::Adafactor::new);
}

#[test]
fn accumulated_batches_are_one_batch() {
    for device in testing::devices() {
        let run = |parts: usize| {
            let params = Params::new(&device, 3);
            let layer = Linear::new(&params, 2, 1);
            let x: Vec<f32> = (0..16).map(|i| (i * i % 7) as f32 / 4.0).collect();
            let x = Tensor::from_slice(&device, &x, &[8, 2]).unwrap();
            let mut opt = Sgd::new(&params).momentum(0.9);
            for _ in 0..3 {
                let mut sum = Accumulator::default();
                for part in x.chunk(parts, 0) {
                    let loss = layer.forward(&part).square().sum_all() / 8.0;
                    sum.add(loss.backward()).unwrap();
                }
                opt.step(sum.take(), 0.1).unwrap();
            }
            params.all().iter().flat_map(values).collect::<Vec<f32>>()
        };
        close(&run(4), &run(1));
    }
}

/// Parts of a batch on separate models, on all devices at once, give the same result as the whole batch on one.
#[test]
fn replicas_train_as_one() {
    let mut devices = testing::devices();
    devices.push(cpu());
    let share = 8 / devices.len();
    let trees: Vec<Params> = (0..).zip(&devices).map(|(seed, device)| Params::new(device, seed)).collect();
    let layers: Vec<Linear> = trees.iter().map(|params| Linear::new(params, 2, 1)).collect();
    let loss = |device: &Device, rows: std::ops::Range<usize>, layer: &Linear| {
        let x: Vec<f32> = rows.flat_map(|row| [row as f32 / 4.0, (row * row % 7) as f32 / 4.0]).collect();
        let x = Tensor::from_slice(device, &x, &[x.len() / 2, 2]).unwrap();
        layer.forward(&x).square().mean_all()
    };
    let whole = Params::new(&devices[0], 0);
    let (layer, mut single) = (Linear::new(&whole, 2, 1), Sgd::new(&whole).momentum(0.9));
    let replicas = Replicas::new(trees.clone()).unwrap();
    let mut opt = Sgd::new(&trees[0]).momentum(0.9);
    for _ in 0..3 {
        let part = |i: usize| loss(&devices[i], i * share..(i + 1) * share, &layers[i]).backward();
        let parts: Vec<Gradients> = (0..devices.len()).map(part).collect();
        let gradients = replicas.mean(&parts).unwrap();
        let all = loss(&devices[0], 0..share * devices.len(), &layer);
        close(&[gradients.root().unwrap().item().unwrap()], &[all.item().unwrap()]);
        opt.step(gradients, 0.1).unwrap();
        replicas.broadcast().unwrap();
        single.step(all.backward(), 0.1).unwrap();
    }
    let wanted: Vec<f32> = whole.all().iter().flat_map(values).collect();
    for params in &trees {
        close(&params.all().iter().flat_map(values).collect::<Vec<f32>>(), &wanted);
    }
}

#[test]
fn a_loss_in_an_accumulation_that_is_not_finite_skips_the_step() {
    let (params, theta) = theta(&cpu(), &[1.0]);
    let mut opt = Sgd::new(&params);
    let mut sum = Accumulator::default();
    for scale in [1.0, f32::NAN] {
        sum.add((theta.value() * scale).sum_all().backward()).unwrap();
    }
    opt.step(sum.take(), 0.1).unwrap();
    assert_eq!(values(&theta), [1.0]);
}

#[test]
fn averages() {
    for device in testing::devices() {
        let (params, theta) = theta(&device, &[1.0]);
        let mut opt = Sgd::new(&params);
        let (mut swa, mut ema) = (Average::swa(&params), Average::ema(&params, 0.75));
        for _ in 0..3 {
            opt.step(theta.value().square().sum_all().backward(), 0.25).unwrap(); // .5, .25, .125
            swa.update().unwrap();
            ema.update().unwrap();
        }
        for (average, wanted) in [(&mut swa, 0.875 / 3.0), (&mut ema, 0.75 * 0.4375 + 0.25 * 0.125)] {
            average.swap();
            close(&values(&theta), &[wanted]);
            average.swap();
            close(&values(&theta), &[0.125]);
        }
        // Training continues from the parameters, not from the average.
        opt.step(theta.value().square().sum_all().backward(), 0.25).unwrap();
        close(&values(&theta), &[0.0625]);
    }
}

#[test]
fn constraints() {
    for device in testing::devices() {
        let run = |constraint: Constraint, start: &[f32]| {
            let (params, theta) = theta(&device, start);
            let mut opt = Adam::new(&params).constrain("theta", constraint);
            opt.step((theta.value() * 0.0).sum_all().backward(), 0.5).unwrap();
            values(&theta)
        };
        let start = [3.0, -4.0, 0.1];
        close(&run(Constraint::Box { low: -1.0, high: f32::INFINITY }, &start), &[3.0, -1.0, 0.1]);
        close(&run(Constraint::L1 { strength: 2.0 }, &start), &[2.0, -3.0, 0.0]);
        close(&run(Constraint::Ball { radius: 1.0 }, &[3.0, -4.0, 0.0]), &[0.6, -0.8, 0.0]);
        close(&run(Constraint::Ball { radius: 10.0 }, &start), &start);
        close(&run(Constraint::Ball { radius: 1.0 }, &[0.0, 0.0]), &[0.0, 0.0]);
        close(&run(Constraint::Sphere { radius: 10.0 }, &[3.0, -4.0, 0.0]), &[6.0, -8.0, 0.0]);
        close(&run(Constraint::Sphere { radius: 1.0 }, &[0.0, 0.0]), &[0.0, 0.0]);
    }
}

#[test]
fn lookahead_goes_back() {
    let (params, theta) = theta(&cpu(), &[1.0]);
    let mut opt = Lookahead::new(Sgd::new(&params), 2, 0.5);
    let mut seen = vec![];
    for _ in 0..4 {
        opt.step(theta.value().square().sum_all().backward(), 0.25).unwrap();
        seen.push(values(&theta)[0]);
    }
    close(&seen, &[0.5, 0.625, 0.3125, (0.625 + 0.15625) / 2.0]);
}

#[test]
#[should_panic(expected = "theta of shape [3] is not a matrix")]
fn muon_takes_matrices_only() {
    let (params, theta) = theta(&cpu(), &[1.0; 3]);
    let _ = Muon::new(&params).step(theta.value().sum_all().backward(), 0.1);
}

/// A quadratic function of n variables takes n iterations, up to rounding.
#[test]
fn lbfgs_solves_a_quadratic() {
    for device in testing::devices() {
        let (params, theta) = theta(&device, &[3.0, -2.0, 1.0]);
        let curvature = Tensor::from_slice(&device, &[1.0f32, 10.0, 100.0], &[3]).unwrap();
        let mut opt = Lbfgs::new(&params).strong_wolfe();
        opt.step(1.0, || (theta.value().square() * &curvature).sum_all()).unwrap();
        assert!(values(&theta).iter().all(|x| x.abs() < 1e-3), "{:?}", values(&theta));
        let mut plain = Lbfgs::new(&params).max_iter(4);
        let before = plain.step(0.5, || theta.value().square().sum_all()).unwrap();
        assert!(before < 1e-5);
    }
}

/// A parameter that the loss does not depend on stays as it is with its state, even with weight decay, as in PyTorch.
#[test]
fn parameters_without_a_gradient_are_skipped() {
    for device in testing::devices() {
        let params = Params::new(&device, 0);
        let [a, b] = ["a", "b"].map(|name| params.param(name, &[3], Init::ONES));
        let mut opt = Adam::new(&params).weight_decay(0.1);
        opt.step((a.value() * b.value()).sum_all().backward(), 0.1).unwrap();
        let state = |opt: &Adam, name: &str| -> Vec<f32> {
            let all = opt.state();
            all.iter().find(|(known, _)| known == name).expect(name).1.to_vec().unwrap()
        };
        let before = (values(&a), values(&b), state(&opt, "b.0"), state(&opt, "b.1"));
        opt.step(a.value().square().sum_all().backward(), 0.1).unwrap();
        assert_ne!(values(&a), before.0);
        assert_eq!(
            (values(&b), state(&opt, "b.0"), state(&opt, "b.1")),
            (before.1.clone(), before.2, before.3)
        );
        opt.step((a.value() * b.value()).sum_all().backward(), 0.1).unwrap();
        assert_ne!(values(&b), before.1);
    }
}
