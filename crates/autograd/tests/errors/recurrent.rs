//! Recurrent cells.

use autograd::{RnnNonlinearity, gru, lstm, rnn};

use crate::panics::{Mistake, check};
use crate::{f32s, i32s};

pub const MISTAKES: &[Mistake] = &[
    ("lstm, input", &["lstm", "[3, 4]"], || {
        let (x, h, w) = (f32s(&[3, 4]), f32s(&[2, 2]), f32s(&[8, 2]));
        lstm(&x, &h, &h, &f32s(&[8, 4]), &w, None, None);
    }),
    ("gru, input weight", &["gru", "[6, 3]", "[6, 4]"], || {
        gru(&f32s(&[3, 2, 4]), &f32s(&[2, 2]), &f32s(&[6, 3]), &f32s(&[6, 2]), None, None);
    }),
    ("gru, state", &["gru", "[1, 2]", "[2, 2]"], || {
        gru(&f32s(&[3, 2, 4]), &f32s(&[1, 2]), &f32s(&[6, 4]), &f32s(&[6, 2]), None, None);
    }),
    ("gru, bias", &["gru", "[2]", "[6]"], || {
        let bias = f32s(&[2]);
        gru(&f32s(&[3, 2, 4]), &f32s(&[2, 2]), &f32s(&[6, 4]), &f32s(&[6, 2]), Some(&bias), None);
    }),
    ("lstm, no steps", &["lstm", "[0, 2, 4]"], || {
        let (x, h, w) = (f32s(&[0, 2, 4]), f32s(&[2, 2]), f32s(&[8, 2]));
        lstm(&x, &h, &h, &f32s(&[8, 4]), &w, None, None);
    }),
    ("rnn", &["rnn", "[2, 4]", "[2, 3]"], || {
        let (x, h, w) = (f32s(&[3, 2, 3]), f32s(&[2, 2]), f32s(&[2, 2]));
        rnn(&x, &h, &f32s(&[2, 4]), &w, None, None, RnnNonlinearity::Relu);
    }),
    ("rnn, types", &["rnn", "i32"], || {
        let (x, h, w) = (i32s(&[3, 2, 3]), f32s(&[2, 2]), f32s(&[2, 2]));
        rnn(&x, &h, &f32s(&[2, 3]), &w, None, None, RnnNonlinearity::Tanh);
    }),
];

#[test]
fn mistakes() {
    check(MISTAKES);
}
