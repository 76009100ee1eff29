//! Recurrent layers: LSTM, GRU and RNN, in one direction or both.

use autograd::{RnnNonlinearity, Tensor, cat, gru, lstm, rnn, stack};

use super::context::Context;
use super::value::{Outcome, Value};

pub const NAMES: &[&str] = &["LSTM", "GRU", "RNN"];

/// The inputs of one direction, with the gates in PyTorch's order.
struct Direction {
    x: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor,
    b_hh: Tensor,
    h0: Tensor,
    c0: Tensor,
}

/// The outputs `y [T, D, N, H]`, the last states `[D, N, H]`, and the last cells of an LSTM, for `D` directions.
pub fn run(op: &str, c: &Context) -> Outcome<Vec<Value>> {
    // PyTorch's gates by their numbers among ONNX's: i o f c, z r h.
    let order: &[usize] = match op {
        "LSTM" => &[0, 2, 3, 1],
        "GRU" => &[1, 0, 2],
        _ => &[0],
    };
    let nonlinearity = check(op, c)?;
    let reversed: &[bool] = match c.text("direction") {
        None | Some("forward") => &[false],
        Some("reverse") => &[true],
        Some("bidirectional") => &[false, true],
        Some(other) => return Err(format!("direction {other:?}")),
    };
    let (mut ys, mut hs, mut cs) = (vec![], vec![], vec![]);
    for (d, &reversed) in reversed.iter().enumerate() {
        let Direction { x, w_ih, w_hh, b_ih, b_hh, h0, c0 } = direction(c, d, reversed, order)?;
        let (b_ih, b_hh) = (Some(&b_ih), Some(&b_hh));
        let (y, h) = match op {
            "LSTM" => {
                let out = lstm(&x, &h0, &c0, &w_ih, &w_hh, b_ih, b_hh);
                cs.push(out.c);
                (out.y, out.h)
            }
            "GRU" => {
                let out = gru(&x, &h0, &w_ih, &w_hh, b_ih, b_hh);
                (out.y, out.h)
            }
            _ => {
                let out = rnn(&x, &h0, &w_ih, &w_hh, b_ih, b_hh, nonlinearity);
                (out.y, out.h)
            }
        };
        ys.push(if reversed { y.flip(&[0]) } else { y });
        hs.push(h);
    }
    let along = |parts: &[Tensor], dim| Value::Device(stack(&parts.iter().collect::<Vec<_>>(), dim));
    let mut outputs = vec![along(&ys, 1), along(&hs, 0)];
    if op == "LSTM" {
        outputs.push(along(&cs, 0));
    }
    Ok(outputs)
}

/// Refuses what is not PyTorch's cell; returns the activation of an RNN.
fn check(op: &str, c: &Context) -> Outcome<RnnNonlinearity> {
    let defaults: &[&[u8]] = match op {
        "LSTM" => &[b"Sigmoid", b"Tanh", b"Tanh"],
        "GRU" => &[b"Sigmoid", b"Tanh"],
        _ => &[b"Tanh"],
    };
    let given: Vec<&[u8]> =
        c.attribute("activations").map_or(vec![], |a| a.strings.iter().map(|s| &s[..]).collect());
    let relu = op == "RNN" && !given.is_empty() && given.iter().all(|name| *name == b"Relu");
    if !relu && !given.is_empty() && !given.chunks(defaults.len()).all(|names| names == defaults) {
        return Err("activations other than the default ones are not supported".into());
    }
    if c.attribute("clip").is_some() || c.int("input_forget", 0) != 0 || c.int("layout", 0) != 0 {
        return Err("clip, input_forget and layout are not supported".into());
    }
    if op == "GRU" && c.int("linear_before_reset", 0) == 0 {
        return Err("linear_before_reset 0 is not supported".into());
    }
    if c.has(4) || c.has(7) {
        return Err("sequence_lens and peepholes are not supported".into());
    }
    Ok(if relu { RnnNonlinearity::Relu } else { RnnNonlinearity::Tanh })
}

fn direction(c: &Context, d: usize, reversed: bool, order: &[usize]) -> Outcome<Direction> {
    let gates = order.len();
    let (x, w, r) = (c.floats(0)?, c.floats(1)?, c.floats(2)?);
    let (&[t, n, inputs], &[directions, rows, of], &[_, _, hidden]) = (x.shape(), w.shape(), r.shape())
    else {
        return Err(format!("input {:?}, weights {:?} and {:?}", x.shape(), w.shape(), r.shape()));
    };
    let fits = t > 0
        && d < directions
        && of == inputs
        && hidden.checked_mul(gates) == Some(rows)
        && r.shape() == [directions, rows, hidden];
    if !fits {
        return Err(format!("weights {:?} and {:?} for input {:?}", w.shape(), r.shape(), x.shape()));
    }
    let part = |t: &Tensor| t.select(0, d);
    let sorted = |t: &Tensor, start: usize| {
        let parts: Vec<Tensor> = order.iter().map(|&g| t.narrow(0, start + g * hidden, hidden)).collect();
        cat(&parts.iter().collect::<Vec<_>>(), 0)
    };
    let given = |i: usize, shape: &[usize]| -> Outcome<Tensor> {
        if !c.has(i) {
            return Ok(Tensor::zeros(c.device, &shape[1..]));
        }
        let tensor = c.floats(i)?;
        if tensor.shape() == shape {
            return Ok(part(&tensor));
        }
        Err(format!("input {i} of shape {:?}, not {shape:?}", tensor.shape()))
    };
    let bias = given(3, &[directions, 2 * rows])?;
    Ok(Direction {
        w_ih: sorted(&part(&w), 0),
        w_hh: sorted(&part(&r), 0),
        b_ih: sorted(&bias, 0),
        b_hh: sorted(&bias, rows),
        h0: given(5, &[directions, n, hidden])?,
        c0: given(6, &[directions, n, hidden])?,
        x: if reversed { x.flip(&[0]) } else { x },
    })
}
