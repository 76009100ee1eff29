//! Running statistics, which share one tensor per tree, behave as if each had its own.

use autograd::{Device, Tensor, Transaction};
use gpu_core::testing;
use models::{Init, Param, Params};

fn read(statistic: &Param) -> Vec<f32> {
    statistic.value().to_vec().unwrap()
}

/// `keep * old + share * value`, computed on the host.
fn moved(old: &[f32], value: &[f32], keep: f32, share: f32) -> Vec<f32> {
    old.iter().zip(value).map(|(old, value)| keep * old + share * value).collect()
}

fn close(got: &[f32], wanted: &[f32]) -> bool {
    got.len() == wanted.len() && got.iter().zip(wanted).all(|(g, w)| (g - w).abs() <= 1e-6 * w.abs().max(1.0))
}

fn check(device: &Device) {
    let params = Params::new(device, 0);
    let [a, b] = [("a", 3), ("b", 70)].map(|(name, len)| params.statistic(name, &[len], Init::ONES));
    let (batch_a, batch_b) = ([2.0, -1.0, 5.0], (0..70).map(|i| i as f32).collect::<Vec<f32>>());
    let [x, y] =
        [&batch_a[..], &batch_b].map(|data| Tensor::from_slice(device, data, &[data.len()]).unwrap());
    // The updates depend on data, so that only a transaction computes them.
    let step = |loss: Tensor| Transaction::default().output(&loss).run().unwrap();

    // `a` is tracked twice and `b` once in a step, with different factors.
    let (x2, y2) = (&x * 2.0, &y * 2.0);
    a.track(&x2, 0.9, 0.1);
    b.track(&y2, 0.5, 0.75);
    a.track(&x2, 0.25, 0.5);
    step(x2.sum_all() + y2.sum_all());
    let twice_a = batch_a.map(|v| 2.0 * v);
    let mut host_a = moved(&moved(&[1.0; 3], &twice_a, 0.9, 0.1), &twice_a, 0.25, 0.5);
    let twice_b: Vec<f32> = batch_b.iter().map(|v| 2.0 * v).collect();
    let mut host_b = moved(&[1.0; 70], &twice_b, 0.5, 0.75);
    assert!(close(&read(&a), &host_a) && close(&read(&b), &host_b), "{:?} {:?}", read(&a), read(&b));

    // Only `b` is tracked; a value read before does not change.
    let before = b.value();
    b.track(&y, 0.5, 0.5);
    assert!(close(&read(&a), &host_a), "a beside an open change of b: {:?}", read(&a));
    host_b = moved(&host_b, &batch_b, 0.5, 0.5);
    assert!(close(&read(&b), &host_b), "seen before the step: {:?}", read(&b));
    step(&y + 1.0);
    assert!(!close(&before.to_vec::<f32>().unwrap(), &host_b));

    // Updates that are discarded, and values that are set: for both statistics, also after NaN.
    a.track(&(&x * f32::NAN), 1.0, 1.0);
    params.discard_updates();
    assert!(close(&read(&a), &host_a), "dropped: {:?}", read(&a));
    a.set(&Tensor::full(device, f32::NAN, &[3]));
    a.set(&x);
    b.set(&y);
    (host_a, host_b) = (batch_a.to_vec(), batch_b.clone());
    let x3 = &x * 3.0;
    a.track(&x3, 0.5, 0.5);
    step(x3.sum_all());
    host_a = moved(&host_a, &batch_a.map(|v| 3.0 * v), 0.5, 0.5);
    assert!(close(&read(&a), &host_a) && close(&read(&b), &host_b), "{:?} {:?}", read(&a), read(&b));

    // Both are written by one transaction.
    let written = b.write(&(&x * 0.0).sum_all().expand(&[70]), a.write(&(&x * 2.0), Transaction::default()));
    written.run().unwrap();
    host_a = batch_a.map(|v| 2.0 * v).to_vec();
    assert!(close(&read(&a), &host_a) && close(&read(&b), &[0.0; 70]), "{:?} {:?}", read(&a), read(&b));

    // A layer added later, with its own statistics.
    let c = params.statistic("c", &[2], Init::ZEROS);
    let one = Tensor::ones(device, &[2]);
    c.track(&one, 0.0, 4.0);
    a.track(&x, 1.0, 0.0);
    step(&one + 1.0);
    assert!(close(&read(&c), &[4.0, 4.0]) && close(&read(&a), &host_a));
}

#[test]
fn statistics_move_as_if_each_were_alone() {
    testing::devices().iter().for_each(check);
}
