//! Recurrent layers, with all results concatenated.

use autograd::{RnnNonlinearity, cat};
use models::{Gru, Lstm, Rnn, RnnOptions};

use super::{Case, check_all, layer};
use crate::check::any;

pub fn cases() -> Vec<Case> {
    vec![
        ("Rnn", vec![any(&[3, 1, 2]), any(&[2, 1, 2])], |p| {
            let options = RnnOptions { bidirectional: true, ..RnnOptions::default() };
            let l = Rnn::new(p, 2, 2, RnnNonlinearity::Tanh, options);
            layer(move |x| {
                let (y, h) = l.forward(&x[0], Some(&x[1]));
                cat(&[&y.flatten(0, 2), &h.flatten(0, 2)], 0)
            })
        }),
        ("Gru", vec![any(&[1, 3, 2]), any(&[1, 1, 2])], |p| {
            let l = Gru::new(p, 2, 2, RnnOptions { batch_first: true, ..RnnOptions::default() });
            layer(move |x| {
                let (y, h) = l.forward(&x[0], Some(&x[1]));
                cat(&[&y.flatten(0, 2), &h.flatten(0, 2)], 0)
            })
        }),
        ("Lstm", vec![any(&[2, 1, 2]), any(&[2, 1, 1]), any(&[2, 1, 1])], |p| {
            let l = Lstm::new(p, 2, 1, RnnOptions { num_layers: 2, ..RnnOptions::default() });
            layer(move |x| {
                let (y, (h, c)) = l.forward(&x[0], Some((&x[1], &x[2])));
                cat(&[&y.flatten(0, 2), &h.flatten(0, 2), &c.flatten(0, 2)], 0)
            })
        }),
    ]
}

#[test]
fn gradients() {
    check_all(cases());
}
