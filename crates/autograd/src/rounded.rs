//! States of which steps keep a copy rounded to halves, as the parameters of a model that is trained in mixed precision.

use foldhash::HashMap;
use gpu_core::kernels::Unary;
use gpu_core::{DType, Half};

use crate::compile::packs_on_gpus;
use crate::op::{MapOp, Op};
use crate::snapshot::Snapshot;
use crate::{State, trace};

/// For every state: the type of halves that the nodes of a snapshot round most of its current version to.
pub(crate) fn of_states<'a>(
    snapshot: &Snapshot,
    states: impl Iterator<Item = &'a State>,
) -> Vec<Option<Half>> {
    let mut elements: HashMap<(u64, Half), usize> = HashMap::default();
    for entry in &snapshot.nodes {
        if let Op::Map(MapOp::Unary(Unary::AsHalf(half))) = entry.node.op
            && let Some(stored) = trace::base(&entry.inputs[0]).memory()
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
        let packs = current.dtype() == DType::F32 && packs_on_gpus(current.meta());
        let stored = current.memory().filter(|stored| packs && stored.offset == 0)?;
        let most = |half: &Half| {
            elements.get(&(stored.buffer.id(), *half)).is_some_and(|rounded| 2 * rounded >= count)
        };
        [Half::F16, Half::BF16].into_iter().find(most)
    };
    states.map(half).collect()
}
