//! Recurrent cells as ONNX operators, whose gates have another order.

use super::emitter::Emitter;
use super::names::Attribute;

/// Appends a cell. `inputs` are `x [T, N, I]`, `w_ih [G H, I]`, `w_hh [G H, H]`, the biases (GRU: those of r, z, n, and that of the
/// term that r resets, `[4 H]`), and states `[N, H]`. `order` are the numbers of
/// ONNX's gates among PyTorch's. Returns the name of the states after every step, `[T, N, H]`.
pub fn cell(
    e: &mut Emitter,
    op: &str,
    inputs: &[&str],
    order: &[usize],
    hidden: usize,
    mut attributes: Vec<(&str, Attribute)>,
) -> String {
    let [w_ih, w_hh, first] = [1, 2, 3].map(|i| gates(e, inputs[i], order, hidden));
    // ONNX adds two biases; GRU's second one is that of the term that the gate r resets.
    let second = if op == "GRU" {
        let reset = part(e, inputs[3], 3, hidden);
        let none = e.zeros(2 * hidden);
        e.op("Concat", &[&none, &reset], vec![("axis", Attribute::Int(0))])
    } else {
        e.zeros(order.len() * hidden)
    };
    let bias = e.op("Concat", &[&first, &second], vec![("axis", Attribute::Int(0))]);
    let front = e.longs(&[0]);
    let unsqueeze = |e: &mut Emitter, t: &str| e.op("Unsqueeze", &[t, &front], vec![]);
    let [w_ih, w_hh, bias] = [w_ih, w_hh, bias].map(|t| unsqueeze(e, &t));
    let mut all = vec![inputs[0].to_owned(), w_ih, w_hh, bias, String::new()];
    for state in &inputs[4..] {
        all.push(unsqueeze(e, state));
    }
    attributes.push(("hidden_size", Attribute::Int(hidden as i64)));
    let y = e.op(op, &all.iter().map(String::as_str).collect::<Vec<_>>(), attributes);
    let direction = e.longs(&[1]);
    e.op("Squeeze", &[&y, &direction], vec![])
}

/// The parts of a weight or bias in another order.
fn gates(e: &mut Emitter, x: &str, order: &[usize], hidden: usize) -> String {
    if order.len() == 1 {
        return x.to_owned();
    }
    let mut parts = vec![];
    for &gate in order {
        parts.push(part(e, x, gate, hidden));
    }
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    e.op("Concat", &parts, vec![("axis", Attribute::Int(0))])
}

/// The rows of one gate.
fn part(e: &mut Emitter, x: &str, gate: usize, hidden: usize) -> String {
    let [start, end, axis] = [gate * hidden, (gate + 1) * hidden, 0].map(|n| e.longs(&[n as i64]));
    e.op("Slice", &[x, &start, &end, &axis], vec![])
}
