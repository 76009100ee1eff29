//! The policy of autocast: every row of the table, and what is not in it.

use std::collections::BTreeMap;

use autograd::{
    AUTOCAST_POLICY, Cast, Device, Generator, Half, Padding, PlanView, Pool2d, RnnNonlinearity, Tensor,
    autocast, cat, gru, lstm, plans, rnn,
};
use gpu_core::testing;

const BOTH: [Half; 2] = [Half::F16, Half::BF16];

/// Numbers between -1 and 1 that are no halves.
fn numbers(device: &Device, seed: usize, shape: &[usize]) -> Tensor {
    let count: usize = shape.iter().product();
    let value = |i: usize| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.3 - 1.0;
    Tensor::from_slice(device, &(0..count).map(value).collect::<Vec<_>>(), shape).unwrap()
}

/// Whether all values are halves: without the bits that a half lacks. The tests' values are normal or 0.
fn is_half(tensor: &Tensor, half: Half) -> bool {
    let lacking = if half == Half::F16 { 0x1fff } else { 0xffff };
    tensor.to_vec::<f32>().unwrap().iter().all(|v| v.to_bits() & lacking == 0 || v.abs() < 1e-4)
}

/// The tensor rounded to halves: a product with the unit matrix.
fn rounded(x: &Tensor) -> Tensor {
    let n = *x.shape().last().unwrap();
    let eye: Vec<f32> = (0..n * n).map(|i| f32::from(u8::from(i % (n + 1) == 0))).collect();
    x.matmul(&Tensor::from_slice(x.device(), &eye, &[n, n]).unwrap())
}

/// A function of operands, with the operands' shapes.
type Case = (Vec<Vec<usize>>, Box<dyn Fn(&[Tensor]) -> Tensor>);

fn case(shapes: &[&[usize]], f: impl Fn(&[Tensor]) -> Tensor + 'static) -> Case {
    (shapes.iter().map(|s| s.to_vec()).collect(), Box::new(f))
}

/// A case for every row of the table.
fn cases() -> BTreeMap<&'static str, Case> {
    let cell = |gates: usize| [vec![2, 3, 4], vec![gates * 5, 4], vec![gates * 5, 5], vec![3, 5]];
    let of = |gates: usize| cell(gates).to_vec();
    let conv = |t: &[Tensor]| t[0].conv2d(&t[1], None, [1, 1], [1, 1], [1, 1], 1);
    let transposed = |t: &[Tensor]| t[0].conv_transpose2d(&t[1], None, [1, 1], [0, 0], [0, 0], 1, [1, 1]);
    let [pair, image]: [&[usize]; 2] = [&[3, 8], &[2, 4, 6, 6]];
    BTreeMap::from([
        ("matmul", case(&[pair, &[8, 5]], |t| t[0].matmul(&t[1]))),
        ("conv2d", case(&[image, &[3, 4, 3, 3]], conv)),
        ("conv2d_input_grad", case(&[image, &[4, 3, 3, 3]], transposed)),
        (
            "attention",
            case(&[&[2, 4, 8], &[2, 6, 8], &[2, 6, 8]], |t| {
                t[0].scaled_dot_product_attention(&t[1], &t[2], None, false, None)
            }),
        ),
        ("rnn", (of(1), Box::new(|t| rnn(&t[0], &t[3], &t[1], &t[2], None, None, RnnNonlinearity::Tanh).y))),
        ("gru", (of(3), Box::new(|t| gru(&t[0], &t[3], &t[1], &t[2], None, None).y))),
        ("lstm", (of(4), Box::new(|t| lstm(&t[0], &t[3], &t[3].zeros_like(), &t[1], &t[2], None, None).y))),
        (
            "embedding",
            case(&[&[7, 4]], |t| t[0].embedding(&Tensor::constant(t[0].device(), &[3i32, 0, 6], &[3]))),
        ),
        (
            "batch_norm",
            case(&[image, &[4], &[4]], |t| autograd::batch_norm_train(&t[0], &t[1], &t[2], 1e-5).y),
        ),
        ("max_pool2d", case(&[image], |t| t[0].max_pool2d(Pool2d::new(2)).0)),
        ("avg_pool2d", case(&[image], |t| t[0].avg_pool2d(Pool2d::new(3), true, None))),
        ("concat", case(&[pair, &[2, 8]], |t| cat(&[&t[0], &t[1]], 0))),
        ("embed", case(&[pair], |t| t[0].pad(&[(1, 1)], Padding::Constant(0.0)))),
        ("dropout", case(&[pair], |t| t[0].dropout(0.3, &Generator::new(1)))),
        ("add", case(&[pair, pair], |t| &t[0] + &t[1])),
        ("max", case(&[pair, pair], |t| t[0].maximum(&t[1]))),
        ("min", case(&[pair, pair], |t| t[0].minimum(&t[1]))),
        ("where", case(&[pair, pair], |t| t[0].where_(&t[0].gt(0.1), &t[1]))),
    ])
}

#[test]
fn every_row_of_the_table_holds() {
    let (device, cases) = (Device::named("cpu").unwrap(), cases());
    for (name, cast) in AUTOCAST_POLICY {
        let (shapes, f) = cases.get(name).unwrap_or_else(|| panic!("{name}: no case"));
        let of = |half: Option<Half>| -> Vec<Tensor> {
            let all = shapes.iter().enumerate().map(|(i, shape)| numbers(&device, i, shape));
            all.map(|t| autocast(half, || if half.is_some() { rounded(&t) } else { t.clone() })).collect()
        };
        for half in BOTH {
            let whole = of(None);
            let y = autocast(half, || f(&whole));
            let z = autocast(half, || f(&of(Some(half))));
            match cast {
                Cast::Half(operands) => {
                    assert!(is_half(&y, half), "{name}: the result of f32 operands is no {half}");
                    if operands.len() == whole.len() {
                        let same = y.to_vec::<f32>().unwrap() == z.to_vec::<f32>().unwrap();
                        assert!(same, "{name}: an operand is not rounded to {half}");
                    }
                    assert!(!is_half(&f(&whole), half), "{name}: outside of autocast the result is f32");
                }
                Cast::Widest(_) => {
                    assert!(!is_half(&y, half), "{name}: the result of f32 operands is {half}");
                    assert!(is_half(&z, half), "{name}: the result of {half} operands is no {half}");
                }
                Cast::Float => panic!("{name}: what is not listed is f32"),
            }
        }
    }
    assert_eq!(cases.len(), AUTOCAST_POLICY.len(), "cases of operations that are not listed");
}

#[test]
fn what_is_not_listed_is_f32() {
    let device = Device::named("cpu").unwrap();
    type Function = fn(&Tensor) -> Tensor;
    let functions: [(&str, Function); 14] = [
        ("exp", Tensor::exp),
        ("log", |x| (x * x).log()),
        ("pow", |x| x.abs().pow(1.7)),
        ("mul", |x| x * x),
        ("div", |x| x / x.exp()),
        ("sub", |x| x - &x.flip(&[0])),
        ("softmax", |x| x.softmax(-1)),
        ("log_softmax", |x| x.log_softmax(-1)),
        ("layer_norm", |x| x.layer_norm(&x.detach().select(0, 0), &x.detach().select(0, 1), 1e-5)),
        ("group_norm", |x| x.unsqueeze(0).group_norm(3, None, None, 1e-5)),
        ("rms_norm", |x| x.rms_norm(&[8], None, 1e-6)),
        ("sum", |x| x.sum(&[1], false)),
        ("mean", |x| x.mean(&[1], false)),
        ("cumsum", |x| x.cumsum(1)),
    ];
    for half in BOTH {
        let x = autocast(half, || rounded(&numbers(&device, 3, &[3, 8])));
        let exact = x.detach();
        for (name, f) in functions {
            let (got, want) = (autocast(half, || f(&x)), f(&exact));
            assert!(!is_half(&got, half), "{name} of {half}");
            assert_eq!(got.to_vec::<f32>().unwrap(), want.to_vec::<f32>().unwrap(), "{name} of {half}");
        }
    }
}

/// A product with a bias is rounded once, and a bias does not widen the result.
#[test]
fn a_bias_is_added_before_rounding() {
    for device in testing::devices() {
        for half in BOTH {
            let [x, w, b] = [&[6, 8][..], &[4, 8], &[4]].map(|shape| numbers(&device, 1, shape));
            let y = autocast(half, || x.linear(&w, Some(&b)));
            assert!(is_half(&y, half));
            let halves = autocast(half, || [rounded(&x), rounded(&w)]).map(|t| t.detach());
            let want = autocast(half, || rounded(&(halves[0].linear(&halves[1], Some(&b)))));
            assert_eq!(y.to_vec::<f32>().unwrap(), want.to_vec::<f32>().unwrap(), "{half}");
        }
    }
}

/// Gradients arrive at parameters in f32, those between operations in halves.
#[test]
fn gradients_of_parameters_are_not_rounded() {
    for device in testing::devices() {
        for half in BOTH {
            let [w, v] = [&[8, 8][..], &[8, 8]].map(|shape| numbers(&device, 1, shape).variable());
            let x = numbers(&device, 2, &[12, 8]);
            let loss = autocast(half, || x.matmul(&w).relu().matmul(&v)).square().mean_all();
            let gradients = loss.backward();
            for p in [&w, &v] {
                assert!(!is_half(gradients.get(p).unwrap(), half), "{} {half}", device.info());
            }
            // The gradient of the first product's result is rounded: as if it were of a parameter that is halves.
            let h = autocast(half, || x.matmul(&w)).detach().variable();
            let upper = autocast(half, || h.relu().matmul(&v)).square().mean_all().backward();
            let dh = autocast(half, || rounded(upper.get(&h).unwrap()));
            let want = autocast(half, || rounded(&x)).detach().t().matmul(&dh);
            let got = gradients.get(&w).unwrap().to_vec::<f32>().unwrap();
            for (got, want) in got.iter().zip(want.to_vec::<f32>().unwrap()) {
                assert!((got - want).abs() <= 2e-6 * want.abs().max(0.05), "{half}: {got}, not {want}");
            }
        }
    }
}

/// Weights that share a buffer, also read transposed and by several products, are rounded by one launch.
#[test]
fn weights_are_rounded_at_once() {
    for device in testing::devices() {
        let all = numbers(&device, 1, &[2 * 64 * 64]);
        let [v, w] = [0, 64 * 64].map(|start| all.narrow(0, start, 64 * 64).reshape(&[64, 64]).variable());
        let x = numbers(&device, 2, &[64, 64]);
        let loss = autocast(Half::F16, || x.matmul(&w).relu().matmul(&v.t()).matmul(&w)).square().mean_all();
        let gradients = loss.backward();
        autograd::evaluate(&[gradients.get(&v).unwrap(), gradients.get(&w).unwrap()]).unwrap();
        // Other tests have plans on this device, too.
        let casts = |plan: &PlanView| {
            let shapes = plan.launches().iter().map(|launch| launch.kernel().shape());
            shapes.filter(|shape| shape.starts_with("[8192]") && shape.ends_with("to f16")).count()
        };
        let most = plans(&device).iter().map(casts).max();
        assert_eq!(most, Some(1), "{}", device.info());
    }
}
