//! The graph that leads to a loss, which a step frees, and the references that are dropped with it.

use std::sync::Arc;

use foldhash::{HashMap, HashSet};

use crate::Tensor;
use crate::node::Node;
use crate::snapshot::Snapshot;

/// The nodes that the gradient of a loss goes through.
#[derive(Default)]
pub(crate) struct History {
    nodes: Vec<(Arc<Node>, Arc<Vec<Tensor>>)>,
    known: HashSet<*const Node>,
}

/// For every tensor in memory, how many references from nodes are dropped when a step succeeds.
pub(crate) struct Dying(HashMap<*const Node, usize>);

/// A node of the snapshot or the history.
struct Member<'a> {
    node: &'a Arc<Node>,
    inputs: &'a [Tensor],
    /// References accounted for: those of the snapshot, the history, the step's roots and other members.
    known: usize,
    /// Whether the step clears its inputs.
    severed: bool,
}

impl History {
    pub fn of(loss: Option<&Tensor>) -> History {
        let mut seen: HashSet<*const Node> = HashSet::default();
        let mut found = vec![];
        let mut left: Vec<Arc<Node>> = loss.map(|t| t.node.clone()).into_iter().collect();
        while let Some(node) = left.pop() {
            if node.is_leaf() || !seen.insert(Arc::as_ptr(&node)) {
                continue;
            }
            let inputs = node.inputs();
            left.extend(inputs.iter().filter(|t| t.node.requires_grad).map(|t| t.node.clone()));
            found.push((node, inputs));
        }
        History { nodes: found, known: seen }
    }

    pub fn contains(&self, node: &Arc<Node>) -> bool {
        self.known.contains(&Arc::as_ptr(node))
    }

    /// The references that are dropped: those from nodes that lose their inputs, or are freed with the last node that refers to them. A
    /// node that has another handle and no values after the step keeps its inputs.
    pub fn dying<'a>(
        &'a self,
        snapshot: &'a Snapshot,
        wanted: &[bool],
        roots: impl Iterator<Item = &'a Tensor>,
    ) -> Dying {
        let mut members = self.members(snapshot, wanted);
        members.sort_unstable_by_key(|member| member.node.id);
        let index: HashMap<*const Node, usize> =
            members.iter().enumerate().map(|(i, member)| (Arc::as_ptr(member.node), i)).collect();
        let find = |t: &Tensor| index.get(&Arc::as_ptr(&t.node)).copied();
        let inner: Vec<usize> = members.iter().flat_map(|member| member.inputs).filter_map(find).collect();
        inner.into_iter().chain(roots.filter_map(find)).for_each(|i| members[i].known += 1);
        let mut survives = vec![false; members.len()];
        for i in (0..members.len()).rev() {
            let member = &members[i];
            survives[i] |= Arc::strong_count(member.node) > member.known;
            survives[i] &= !member.severed;
            if survives[i] {
                member.inputs.iter().filter_map(find).for_each(|input| survives[input] = true);
            }
        }
        let mut references = HashMap::default();
        for (member, _) in members.iter().zip(&survives).filter(|(_, survives)| !**survives) {
            for input in member.inputs.iter().filter(|t| find(t).is_none()) {
                *references.entry(Arc::as_ptr(&input.node)).or_insert(0) += 1;
            }
        }
        Dying(references)
    }

    fn members<'a>(&'a self, snapshot: &'a Snapshot, wanted: &[bool]) -> Vec<Member<'a>> {
        let pending = snapshot.nodes.iter().zip(wanted).map(|(entry, &wanted)| {
            let freed = self.contains(&entry.node);
            let severed = wanted && !entry.node.is_view() && (freed || !entry.node.requires_grad);
            Member { node: &entry.node, inputs: &entry.inputs, known: 1 + usize::from(freed), severed }
        });
        let known = self.nodes.iter().filter(|(node, _)| !snapshot.contains(node));
        let known = known.map(|(node, inputs)| {
            let severed = !node.is_view() && node.state().values.iter().all(Option::is_some);
            Member { node, inputs, known: 1, severed }
        });
        pending.chain(known).collect()
    }

    /// Frees the graph: it cannot be differentiated any more, and nodes with values lose their inputs.
    pub fn free(self) {
        for (node, inputs) in self.nodes {
            let mut state = node.state();
            state.released = node.requires_grad;
            let known = !node.is_view() && state.values.iter().all(Option::is_some);
            let freed = if known { std::mem::take(&mut state.inputs) } else { Arc::default() };
            drop(state);
            drop((freed, inputs));
        }
    }
}

impl Dying {
    pub fn references(&self, leaf: &Tensor) -> usize {
        self.0.get(&Arc::as_ptr(&leaf.node)).copied().unwrap_or(0)
    }
}
