//! Common subexpression elimination and dead code elimination on the graph's structure.

use super::request::{Bytes, Request, Source, Wiring};
use foldhash::HashMap;

use crate::op::Op;

/// The wiring with equal nodes merged: consumers of a node that repeats an earlier one read the earlier one. Nodes that no wanted node
/// depends on are dead.
pub(super) fn simplify(request: &Request, wiring: &Wiring) -> Wiring {
    let mut inputs = wiring.inputs.clone();
    let mut first: HashMap<Vec<u8>, usize> = HashMap::default();
    let mut same: Vec<usize> = (0..request.nodes.len()).collect();
    for (i, node) in request.nodes.iter().enumerate() {
        for source in &mut inputs[i] {
            if let Source::Node(n, _) = source {
                *n = same[*n];
            }
        }
        // A kept result needs memory of its own, and so does a result that overwrites an input.
        let overwrites = matches!(&node.op, Op::Kernel(op) if !op.in_place().is_empty());
        if overwrites {
            continue;
        }
        let key = Bytes::of_node(node, &inputs[i]);
        match first.get(&key) {
            Some(&earlier) if !wiring.wanted[i] => same[i] = earlier,
            Some(_) => {}
            None => _ = first.insert(key, i),
        }
    }
    let mut live = wiring.wanted.clone();
    for i in (0..request.nodes.len()).rev().filter(|&i| same[i] == i) {
        if live[i] {
            let read =
                inputs[i].iter().filter_map(|s| if let Source::Node(n, _) = s { Some(*n) } else { None });
            read.for_each(|n| live[n] = true);
        }
    }
    Wiring {
        inputs,
        live,
        leaves: wiring.leaves.clone(),
        places: wiring.places.clone(),
        rounded: wiring.rounded.clone(),
        wanted: wiring.wanted.clone(),
        packed: wiring.packed.clone(),
    }
}
