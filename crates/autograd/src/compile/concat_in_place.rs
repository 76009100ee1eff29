//! Concatenation in place: the launches that produce the inputs of a concatenated tensor, such as the gradients of all parameters in
//! flat memory, write them directly to their places there, so that nothing is copied.
//!
//! Reshapes and permutations between producer and concatenation decide the order in which the producer has to write: permutations that
//! cancel leave row-major order, and a matrix product can be produced transposed.

use foldhash::HashMap;
use gpu_core::Layout;

use super::place::ALIGN;
use super::request::{Request, Source, Wiring};
use crate::op::{Meta, Op, View};

/// An output that is produced as a part of another node's output 0.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub whole: usize,
    /// The layout of the output in the memory of the whole: a dense block, in the order of its dimensions or a permutation of it.
    pub layout: Layout,
}

/// The outputs that are produced as parts of concatenated tensors.
pub(super) fn parts(request: &Request, wiring: &Wiring) -> HashMap<(usize, usize), Part> {
    let mut parts = HashMap::default();
    for whole in (0..request.nodes.len()).filter(|&n| wiring.live[n]) {
        let Op::Kernel(op) = &request.nodes[whole].op else { continue };
        let inputs: Vec<Meta> =
            wiring.inputs[whole].iter().map(|&source| wiring.meta(request, source).clone()).collect();
        let Some(starts) = op.concatenates(&inputs) else { continue };
        for ((&source, meta), start) in wiring.inputs[whole].iter().zip(&inputs).zip(starts) {
            let wanted = Layout::contiguous(&meta.shape).at(start);
            let Some(((node, output), layout)) = producer(request, wiring, source, wanted) else { continue };
            if start.is_multiple_of(ALIGN)
                && !wiring.wanted[node]
                && can_produce(request, node, output, &layout)
            {
                parts.entry((node, output)).or_insert(Part { whole, layout });
            }
        }
    }
    parts
}

/// The output at the base of a chain of views of all its elements, and the layout it needs so that `source` gets `layout`.
fn producer(
    request: &Request,
    wiring: &Wiring,
    mut source: Source,
    mut layout: Layout,
) -> Option<((usize, usize), Layout)> {
    loop {
        let Source::Node(node, output) = source else { return None };
        let Op::View(view) = &request.nodes[node].op else { return Some(((node, output), layout)) };
        source = wiring.inputs[node][0];
        layout = match view {
            View::Alias | View::Recompute => layout,
            View::Reshape => layout.reshape(&wiring.meta(request, source).shape)?,
            View::Permute(order) => {
                let mut inverse = vec![0; order.len()];
                order.iter().enumerate().for_each(|(to, &from)| inverse[from] = to);
                layout.permute(&inverse)
            }
            View::Expand | View::Slice { .. } => return None,
        };
    }
}

fn can_produce(request: &Request, node: usize, output: usize, layout: &Layout) -> bool {
    match &request.nodes[node].op {
        Op::Map(_) => true,
        Op::Kernel(op) if op.in_place().iter().any(|&(_, o)| o == output) => false,
        Op::Kernel(op) => op.elementwise(output).is_some() || op.produces(output, layout),
        _ => layout.is_contiguous(),
    }
}
