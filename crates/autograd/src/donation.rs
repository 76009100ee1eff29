//! Which memory a step overwrites in place.
//!
//! An optimizer's kernel may write the new version of a state over the old one if nothing else can read the old one any more. This is
//! proven, not guessed: the state is locked, so that no new handles are made; all handles on the old version belong to the state or are
//! dropped with the step; and the buffer is taken out of all of them, which leaves no other owner. If an evaluation in another thread
//! holds the buffer, the step writes to new memory. After the step the buffer is put back, and the handles of the old version become
//! handles of the new one, since nothing else refers to them.

use std::sync::{Arc, MutexGuard};

use crate::compile::Source;
use crate::history::Dying;
use crate::node::Stored;
use crate::op::Op;
use crate::snapshot::Snapshot;
use crate::state::Versions;
use crate::{Result, Tensor};

/// The in-place pairs of a snapshot, and the memory that was taken for them.
pub(crate) struct Donations {
    /// For every pair, in order: whether the input's memory is overwritten.
    pub pairs: Vec<bool>,
    taken: Vec<(Tensor, Stored)>,
}

/// Every in-place pair: the node, and its input.
pub(crate) fn pairs(snapshot: &Snapshot) -> impl Iterator<Item = (usize, usize)> {
    snapshot.nodes.iter().enumerate().flat_map(|(n, entry)| {
        let pairs = match &entry.node.op {
            Op::Kernel(op) => op.in_place(),
            _ => &[],
        };
        pairs.iter().map(move |&(input, _)| (n, input))
    })
}

impl Donations {
    /// `states` are those that the step writes.
    pub fn decide(snapshot: &Snapshot, states: &mut [MutexGuard<Versions>], dying: &Dying) -> Donations {
        let (mut donated, mut taken) = (vec![], vec![]);
        for (n, input) in pairs(snapshot) {
            let old = &snapshot.nodes[n].inputs[input];
            let owner = states.iter().find(|state| state.current.same(old));
            let memory = owner.and_then(|state| {
                let handles: Vec<Tensor> = state.parts.values().chain([&state.current]).cloned().collect();
                if read_elsewhere(snapshot, &handles, n, input) {
                    None
                } else {
                    take(snapshot, handles, dying)
                }
            });
            donated.push(memory.is_some());
            taken.extend(memory.unwrap_or_default());
        }
        Donations { pairs: donated, taken }
    }

    /// The memory of the snapshot's leaves.
    /// The memory of the snapshot's leaves, including the memory that was taken.
    /// # Errors
    /// Out of memory for constants; [`Error::Freed`].
    pub fn stored(&self, snapshot: &Snapshot) -> Result<Vec<Option<Stored>>> {
        snapshot
            .stored(|leaf| self.taken.iter().find(|(t, _)| t.same(leaf)).map(|(_, stored)| stored.clone()))
    }

    /// Puts the memory back: after success, when it holds the new versions of the overwritten states, or after a failure before
    /// anything was overwritten.
    pub fn put_back(self) {
        put_back(self.taken);
    }
}

/// Whether the pair's node reads the memory through another input, or a later node reads it.
fn read_elsewhere(snapshot: &Snapshot, handles: &[Tensor], writer: usize, input: usize) -> bool {
    let mut reads = vec![false; snapshot.nodes.len()];
    let ours: Vec<bool> = snapshot.leaves.iter().map(|leaf| handles.iter().any(|h| h.same(leaf))).collect();
    for (n, entry) in snapshot.nodes.iter().enumerate() {
        let of = |source: &Source| match *source {
            Source::Leaf(leaf) => ours[leaf],
            // A view reads what its base reads.
            Source::Node(n, _) => reads[n],
        };
        if entry.node.is_view() {
            reads[n] = of(&entry.sources[0]);
        } else if n >= writer
            && entry.sources.iter().enumerate().any(|(i, s)| (n, i) != (writer, input) && of(s))
        {
            return true;
        }
    }
    false
}

/// Takes the memory out of all handles on it, if there are no other owners.
fn take(snapshot: &Snapshot, handles: Vec<Tensor>, dying: &Dying) -> Option<Vec<(Tensor, Stored)>> {
    let alone = |handle: &Tensor| {
        let leaves = snapshot.leaves.iter().filter(|leaf| leaf.same(handle)).count();
        // The state's own reference, and the one in `handles`.
        handle.node.is_leaf() && Arc::strong_count(&handle.node) == 2 + leaves + dying.references(handle)
    };
    if !handles.iter().all(alone) {
        return None;
    }
    let mut taken = vec![];
    for handle in handles {
        let stored = handle.node.state().values[0].take();
        taken.extend(stored.map(|stored| (handle, stored)));
    }
    let whole = taken.last().is_some_and(|(current, stored)| {
        stored.offset == 0 && stored.buffer.bytes() == current.numel() * gpu_core::DType::BYTES
    });
    let buffer = taken.last().map(|(_, stored)| stored.buffer.clone())?;
    let same = taken.iter().all(|(_, stored)| stored.buffer.same(&buffer));
    // `buffer` is one more owner.
    if whole && same && buffer.owners() == taken.len() + 1 {
        return Some(taken);
    }
    put_back(taken);
    None
}

fn put_back(taken: Vec<(Tensor, Stored)>) {
    taken.into_iter().for_each(|(handle, stored)| handle.node.state().values[0] = Some(stored));
}
