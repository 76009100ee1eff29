//! Recurrent cells.

use autograd::{RnnNonlinearity, cat, gru, lstm, rnn};

use crate::check::{Case, Input, any, between, check_all};

const T: usize = 3;
const N: usize = 2;
const I: usize = 3;
const H: usize = 2;

/// A sequence, states, and the weights of a cell with `gates` gates.
fn cell(gates: usize, states: usize, biases: usize) -> Vec<Input> {
    let states = (0..states).map(|_| any(&[N, H]));
    let biases = (0..biases).map(|_| any(&[gates * H]));
    let weights = [any(&[gates * H, I]), any(&[gates * H, H])];
    [any(&[T, N, I])].into_iter().chain(states).chain(weights).chain(biases).collect()
}

pub fn cases() -> Vec<Case> {
    let positive = |shape: &[usize]| between(0.2, 1.0, shape);
    vec![
        ("lstm", cell(4, 2, 2), |x| lstm(&x[0], &x[1], &x[2], &x[3], &x[4], Some(&x[5]), Some(&x[6])).y),
        ("lstm, last states", cell(4, 2, 2), |x| {
            let out = lstm(&x[0], &x[1], &x[2], &x[3], &x[4], Some(&x[5]), Some(&x[6]));
            cat(&[&out.h, &out.c], 1)
        }),
        ("lstm, last cell", cell(4, 2, 0), |x| lstm(&x[0], &x[1], &x[2], &x[3], &x[4], None, None).c),
        // A single step, whose input is a reversed view.
        ("lstm, one step", cell(4, 2, 0), |x| {
            lstm(&x[0].flip(&[0]).narrow(0, 1, 1), &x[1], &x[2], &x[3], &x[4], None, None).y
        }),
        ("gru", cell(3, 1, 2), |x| {
            let out = gru(&x[0].flip(&[0]), &x[1], &x[2], &x[3], Some(&x[4]), Some(&x[5]));
            cat(&[&out.y, &out.h.unsqueeze(0)], 0)
        }),
        ("gru, no bias", cell(3, 1, 0), |x| gru(&x[0], &x[1], &x[2], &x[3], None, None).h),
        ("rnn", cell(1, 1, 2), |x| {
            rnn(&x[0], &x[1], &x[2], &x[3], Some(&x[4]), Some(&x[5]), RnnNonlinearity::Tanh).y
        }),
        // Away from the kink: all sums are positive.
        (
            "rnn, relu",
            vec![positive(&[T, N, I]), positive(&[N, H]), positive(&[H, I]), positive(&[H, H])],
            |x| rnn(&x[0], &x[1], &x[2], &x[3], None, None, RnnNonlinearity::Relu).y,
        ),
    ]
}

#[test]
fn gradients() {
    check_all(cases());
}
