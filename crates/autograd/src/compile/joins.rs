//! Joined tensors, such as the gradients of all parameters in flat memory: parts are written in place by the launches that
//! compute them, instead of being copied.

use std::collections::HashMap;

use super::place::ALIGN;
use super::request::{Request, Source, Wiring};
use crate::op::{Meta, Op, View};

/// Where inputs lie in output 0 of an op that joins them, each dense in row-major order.
pub struct Joined {
    /// First element of each input.
    pub starts: Vec<usize>,
    /// Between the inputs lie elements that must be 0.
    pub gaps: bool,
}

/// An output that is a part of another node's output 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub whole: usize,
    /// First element.
    pub start: usize,
}

/// How a node joins its inputs, if it does.
pub(super) fn joined(request: &Request, wiring: &Wiring, node: usize) -> Option<Joined> {
    let Op::Kernel(op) = &request.nodes[node].op else { return None };
    let metas: Vec<Meta> =
        wiring.inputs[node].iter().map(|&source| wiring.meta(request, source).clone()).collect();
    op.joins(&metas)
}

/// For outputs that can be written into a joined tensor right away: where.
pub(super) fn parts(request: &Request, wiring: &Wiring) -> HashMap<(usize, usize), Part> {
    let mut parts = HashMap::new();
    for whole in (0..request.nodes.len()).filter(|&n| wiring.live[n]) {
        let Some(joined) = joined(request, wiring, whole) else { continue };
        for (&source, start) in wiring.inputs[whole].iter().zip(joined.starts) {
            let Source::Node(node, output) = base(request, wiring, source) else { continue };
            let fixed = match &request.nodes[node].op {
                Op::Kernel(op) => op.in_place().iter().any(|&(_, o)| o == output),
                _ => false,
            };
            if !fixed && !wiring.wanted[node] && start.is_multiple_of(ALIGN) {
                parts.entry((node, output)).or_insert(Part { whole, start });
            }
        }
    }
    parts
}

/// What a chain of views that keep all elements in order looks at.
fn base(request: &Request, wiring: &Wiring, mut source: Source) -> Source {
    while let Source::Node(n, _) = source
        && matches!(request.nodes[n].op, Op::View(View::Alias | View::Reshape))
    {
        source = wiring.inputs[n][0];
    }
    source
}
