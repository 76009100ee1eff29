//! Recurrent layers.

use autograd::RnnNonlinearity;
use models::{Gru, Lstm, Params, Rnn, RnnOptions};

use super::call::{Answer, Call};

pub fn run(c: &Call) -> Option<Answer> {
    matches!(c.op, "lstm" | "gru" | "rnn").then(|| layer(c))
}

fn layer(c: &Call) -> Answer {
    let a = &c.attrs;
    let options = RnnOptions {
        num_layers: a.size("num_layers").unwrap_or(1),
        bias: a.flag("bias"),
        batch_first: a.flag("batch_first"),
        bidirectional: a.flag("bidirectional"),
    };
    let sizes = ["input_size", "hidden_size"].map(|key| a.size(key).expect("sizes of a layer"));
    let params = Params::new(c.device, 0);
    let (x, h0) = (c.at(0), c.find("h0"));
    Ok(match c.op {
        "lstm" => {
            let layer = Lstm::new(&params, sizes[0], sizes[1], options);
            c.set(&params);
            let (y, (h, cells)) = layer.forward(x, h0.zip(c.find("c0")));
            vec![y, h, cells]
        }
        "gru" => {
            let layer = Gru::new(&params, sizes[0], sizes[1], options);
            c.set(&params);
            let (y, h) = layer.forward(x, h0);
            vec![y, h]
        }
        _ => {
            let nonlinearity = match a.text("nonlinearity") {
                None | Some("tanh") => RnnNonlinearity::Tanh,
                Some("relu") => RnnNonlinearity::Relu,
                Some(other) => return Err(c.without(other)),
            };
            let layer = Rnn::new(&params, sizes[0], sizes[1], nonlinearity, options);
            c.set(&params);
            let (y, h) = layer.forward(x, h0);
            vec![y, h]
        }
    })
}
