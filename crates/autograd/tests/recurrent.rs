//! Gradients of recurrent cells against differences to second order.

#[allow(dead_code)] // a part of it is enough here
mod check;

use autograd::{RnnNonlinearity, cat, gru, lstm, rnn};
use check::Order::Second;
use check::{any, check};

const T: usize = 3;
const N: usize = 2;
const I: usize = 3;
const H: usize = 2;

#[test]
fn lstm_gradients() {
    let inputs = [
        any(&[T, N, I]),
        any(&[N, H]),
        any(&[N, H]),
        any(&[4 * H, I]),
        any(&[4 * H, H]),
        any(&[4 * H]),
        any(&[4 * H]),
    ];
    check("lstm", Second, &inputs, &|x| lstm(&x[0], &x[1], &x[2], &x[3], &x[4], Some(&x[5]), Some(&x[6])).y);
    check("lstm, last states", Second, &inputs, &|x| {
        let out = lstm(&x[0], &x[1], &x[2], &x[3], &x[4], Some(&x[5]), Some(&x[6]));
        cat(&[&out.h, &out.c], 1)
    });
    check("lstm, last cell", Second, &inputs[..5], &|x| {
        lstm(&x[0], &x[1], &x[2], &x[3], &x[4], None, None).c
    });
    // One step backwards through a view.
    check("lstm, one step", Second, &inputs[..5], &|x| {
        let flipped = x[0].flip(&[0]).narrow(0, 1, 1);
        lstm(&flipped, &x[1], &x[2], &x[3], &x[4], None, None).y
    });
}

#[test]
fn gru_gradients() {
    let inputs =
        [any(&[T, N, I]), any(&[N, H]), any(&[3 * H, I]), any(&[3 * H, H]), any(&[3 * H]), any(&[3 * H])];
    check("gru", Second, &inputs, &|x| {
        let out = gru(&x[0].flip(&[0]), &x[1], &x[2], &x[3], Some(&x[4]), Some(&x[5]));
        cat(&[&out.y, &out.h.unsqueeze(0)], 0)
    });
    check("gru, no bias", Second, &inputs[..4], &|x| gru(&x[0], &x[1], &x[2], &x[3], None, None).h);
}

#[test]
fn rnn_gradients() {
    let inputs = [any(&[T, N, I]), any(&[N, H]), any(&[H, I]), any(&[H, H]), any(&[H]), any(&[H])];
    let tanh = RnnNonlinearity::Tanh;
    check("rnn", Second, &inputs, &|x| rnn(&x[0], &x[1], &x[2], &x[3], Some(&x[4]), Some(&x[5]), tanh).y);
    // Away from the kink: all sums are positive.
    let positive = |shape: &[usize]| check::between(0.2, 1.0, shape);
    let inputs = [positive(&[T, N, I]), positive(&[N, H]), positive(&[H, I]), positive(&[H, H])];
    check("rnn, relu", Second, &inputs, &|x| {
        rnn(&x[0], &x[1], &x[2], &x[3], None, None, RnnNonlinearity::Relu).y
    });
}
