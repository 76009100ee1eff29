//! States of which steps keep a copy rounded to halves, as the parameters of a model that is trained in mixed precision.

use foldhash::HashMap;
use gpu_core::kernels::Unary;
use gpu_core::{DType, Half};

use crate::op::{MapOp, Op};
use crate::snapshot::Snapshot;
use crate::{State, Tensor};

/// Smallest number of elements that is worth a copy.
const LEAST: usize = 16 * 1024;

/// For every state: the type of halves that the nodes of a snapshot round most of its current version to.
pub(crate) fn of_states<'a>(
    snapshot: &Snapshot,
    states: impl Iterator<Item = &'a State>,
) -> Vec<Option<Half>> {
    let mut elements: HashMap<(u64, Half), usize> = HashMap::default();
    for entry in &snapshot.nodes {
        if let Op::Map(MapOp::Unary(Unary::AsHalf(half))) = entry.node.op
            && let Some(stored) = base(&entry.inputs[0]).memory()
        {
            *elements.entry((stored.buffer.id(), half)).or_default() += entry.node.outputs[0].numel();
        }
    }
    let half = |state: &State| {
        if elements.is_empty() {
            return None;
        }
        let current = state.lock().current.clone();
        let count = current.numel();
        let row = current.shape().last().copied().unwrap_or(1);
        let packs = current.dtype() == DType::F32 && count >= LEAST && row.is_multiple_of(4);
        let stored = current.memory().filter(|stored| packs && stored.offset == 0)?;
        let most = |half: &Half| {
            elements.get(&(stored.buffer.id(), *half)).is_some_and(|rounded| 2 * rounded >= count)
        };
        [Half::F16, Half::BF16].into_iter().find(most)
    };
    states.map(half).collect()
}

/// The tensor that a view shows.
fn base(tensor: &Tensor) -> Tensor {
    let mut tensor = tensor.clone();
    while let Some(viewed) = tensor.node.viewed() {
        tensor = viewed;
    }
    tensor
}
