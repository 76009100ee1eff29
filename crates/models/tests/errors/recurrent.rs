//! Recurrent layers.

use autograd::RnnNonlinearity::Tanh;
use models::{Gru, Lstm, Rnn, RnnOptions};

use crate::panics::{Mistake, check};
use crate::{ints, ones, params};

const BATCH_FIRST: RnnOptions =
    RnnOptions { num_layers: 1, bias: true, batch_first: true, bidirectional: false };
const BOTH: RnnOptions = RnnOptions { num_layers: 1, bias: true, batch_first: false, bidirectional: true };
const NONE: RnnOptions = RnnOptions { num_layers: 0, bias: true, batch_first: false, bidirectional: false };

fn lstm() -> Lstm {
    Lstm::new(&params(), 3, 2, RnnOptions::default())
}

pub const MISTAKES: &[Mistake] = &[
    ("Rnn", &["Rnn", "[4, 1, 5]", "[2, 3]"], || {
        let layer = Rnn::new(&params(), 3, 2, Tanh, RnnOptions::default());
        drop(layer.forward(&ones(&[4, 1, 5]), None))
    }),
    ("Rnn, state", &["Rnn", "state [1, 1, 2]", "[2, 1, 2]"], || {
        let layer = Rnn::new(&params(), 3, 2, Tanh, BOTH);
        drop(layer.forward(&ones(&[4, 1, 3]), Some(&ones(&[1, 1, 2]))))
    }),
    ("Rnn, no units", &["Rnn", "0 hidden"], || drop(Rnn::new(&params(), 3, 0, Tanh, RnnOptions::default()))),
    ("Gru, rank", &["Gru", "[4, 3]"], || {
        drop(Gru::new(&params(), 3, 2, RnnOptions::default()).forward(&ones(&[4, 3]), None))
    }),
    ("Gru, no steps", &["Gru", "[2, 0, 3]", "no steps"], || {
        drop(Gru::new(&params(), 3, 2, BATCH_FIRST).forward(&ones(&[2, 0, 3]), None))
    }),
    ("Gru, no layers", &["Gru", "0 layers"], || drop(Gru::new(&params(), 3, 2, NONE))),
    ("Lstm, type", &["Lstm", "i32"], || drop(lstm().forward(&ints(&[4, 1, 3]), None))),
    ("Lstm, no steps", &["Lstm", "[0, 1, 3]", "no steps"], || drop(lstm().forward(&ones(&[0, 1, 3]), None))),
    ("Lstm, state", &["Lstm", "state [1, 2, 2]", "[1, 1, 2]"], || {
        drop(lstm().forward(&ones(&[4, 1, 3]), Some((&ones(&[1, 1, 2]), &ones(&[1, 2, 2])))))
    }),
];

#[test]
fn mistakes() {
    check(MISTAKES);
}
