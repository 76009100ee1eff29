//! Recurrent layers over sequences of different lengths, and with projections, against PyTorch's packed sequences (in f64).

use autograd::{Device, RnnNonlinearity, Tensor};
use gpu_core::testing::devices;
use models::{Gru, Lstm, Params, Rnn, RnnOptions};

const OPTIONS: RnnOptions = RnnOptions { num_layers: 2, bias: true, batch_first: false, bidirectional: true };

fn filled(device: &Device, shape: &[usize], k: usize) -> Tensor {
    let value = |i: usize| 0.4 * (i as f32 * 0.9 + k as f32).sin();
    let values: Vec<f32> = (0..shape.iter().product()).map(value).collect();
    Tensor::from_slice(device, &values, shape).unwrap()
}

/// `[5, 3, 3]`
fn input(device: &Device) -> Tensor {
    let values: Vec<f32> = (0..45).map(|i| (i as f32 * 0.3).cos()).collect();
    Tensor::from_slice(device, &values, &[5, 3, 3]).unwrap().variable()
}

fn lengths(device: &Device) -> Tensor {
    Tensor::from_slice(device, &[3i32, 5, 1], &[3]).unwrap()
}

/// A weighted sum that depends on the position of every element.
fn mixed(t: &Tensor) -> Tensor {
    let weights: Vec<f32> = (0..t.numel()).map(|i| (i as f32 * 0.7).cos()).collect();
    (t * Tensor::constant(t.device(), &weights, t.shape())).sum_all()
}

/// Checks weighted sums of the results, and of the gradients of the input and of the first state weight.
fn check(params: &Params, x: &Tensor, results: &[&Tensor], want: &[f32]) {
    let sums: Vec<Tensor> = results.iter().map(|t| mixed(t)).collect();
    let total = sums.iter().skip(1).fold(sums[0].clone(), |a, b| a + b);
    let gradients = total.backward();
    let weight = params.get("weight_hh_l0").unwrap().value();
    let of = [x, &weight].map(|v| mixed(gradients.get(v).unwrap()));
    let got: Vec<f32> = sums.iter().chain(&of).map(|t| t.item().unwrap()).collect();
    let close = got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-5);
    assert!(close && got.len() == want.len(), "{got:?}, not {want:?} ({})", x.device().info());
}

fn fill(params: &Params, device: &Device) {
    params.all().iter().enumerate().for_each(|(k, p)| p.set(&filled(device, p.value().shape(), k)));
}

#[test]
fn lstm() {
    let cases: [(Option<usize>, bool, bool, [f32; 5]); 4] = [
        (None, true, true, [1.4753858, -0.1511696, 0.0121896, -0.6079259, -0.5952615]),
        (Some(2), true, true, [-0.071312, 0.0785606, -0.4870681, 0.2736911, -0.1915525]),
        (Some(2), false, true, [0.0617199, 0.1014876, -0.5093929, 0.3558995, 0.0014284]),
        (Some(2), true, false, [-0.0705248, 0.0739149, -0.116337, 0.25383, 0.0070857]),
    ];
    for (device, (projection, cut, begun, want)) in devices().iter().flat_map(|d| cases.map(|c| (d, c))) {
        let params = Params::new(device, 0);
        let layer = match projection {
            Some(p) => Lstm::projected(&params, 3, 4, p, OPTIONS),
            None => Lstm::new(&params, 3, 4, OPTIONS),
        };
        fill(&params, device);
        let (h0, c0) = (filled(device, &[4, 3, projection.unwrap_or(4)], 20), filled(device, &[4, 3, 4], 21));
        let states = begun.then_some((&h0, &c0));
        let x = input(device);
        let (y, (h, c)) = match cut {
            true => layer.forward_lengths(&x, &lengths(device), states),
            false => layer.forward(&x, states),
        };
        check(&params, &x, &[&y, &h, &c], &want);
    }
}

#[test]
fn gru_and_rnn() {
    for device in devices() {
        let (x, lengths, h0) = (input(&device), lengths(&device), filled(&device, &[4, 3, 4], 20));
        let params = Params::new(&device, 0);
        let layer = Gru::new(&params, 3, 4, OPTIONS);
        fill(&params, &device);
        let (y, h) = layer.forward_lengths(&x, &lengths, Some(&h0));
        check(&params, &x, &[&y, &h], &[2.1521087, 0.1611821, -0.3443514, -0.3004005]);

        let params = Params::new(&device, 0);
        let layer = Rnn::new(&params, 3, 4, RnnNonlinearity::Tanh, OPTIONS);
        fill(&params, &device);
        let (y, h) = layer.forward_lengths(&x, &lengths, Some(&h0));
        check(&params, &x, &[&y, &h], &[4.0583206, 0.161918, -1.1656922, -1.7363408]);
    }
}

#[test]
fn what_lies_behind_the_end_does_not_matter() {
    let device = Device::named("cpu").unwrap();
    let params = Params::new(&device, 0);
    let layer = Lstm::new(&params, 3, 4, RnnOptions { batch_first: true, ..OPTIONS });
    let lengths = Tensor::from_slice(&device, &[2i32, 9], &[2]).unwrap();
    let results = [0.5, f32::NAN].map(|padding| {
        let values: Vec<f32> =
            (0..24).map(|i| if (6..12).contains(&i) { padding } else { 0.1 * i as f32 }).collect();
        let x = Tensor::from_slice(&device, &values, &[2, 4, 3]).unwrap().variable();
        let (y, (h, _)) = layer.forward_lengths(&x, &lengths, None);
        let dx = (y.square().sum_all() + h.square().sum_all()).backward().get(&x).unwrap().clone();
        [y, h, dx].map(|t| t.to_vec::<f32>().unwrap())
    });
    assert_eq!(results[0], results[1]);
    let [y, _, dx] = &results[0];
    assert!(y[16..32].iter().chain(&dx[6..12]).all(|v| *v == 0.0));
    assert!(y[..16].iter().all(|v| *v != 0.0));
}
