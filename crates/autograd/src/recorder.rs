//! What is recorded but not evaluated, and deciding what an evaluation computes, keeps and frees.
//!
//! Evaluation computes every pending tensor that somebody outside of the graph still holds, because the parameters it
//! depends on may be overwritten next. Whether somebody does is read off the reference counts: references beyond those
//! from other recorded nodes are handles of the user's.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::Instant;

use gpu_core::Device;
use gpu_core::kernels::Unary;

use crate::compile::{self, Request};
use crate::node::Node;
use crate::op::{MapOp, Op};
use crate::{Result, Tensor};

thread_local! {
    /// Nodes recorded by this thread that may still have inputs.
    static RECORDED: RefCell<Recorded> = RefCell::default();
}

#[derive(Default)]
struct Recorded {
    nodes: Vec<Weak<Node>>,
    /// Length at which dead entries are dropped.
    limit: usize,
    /// When the first node since the last evaluation was recorded, while the device is profiled.
    since: Option<Instant>,
}

pub(crate) fn pend(node: &Arc<Node>) {
    if node.is_leaf() {
        return;
    }
    RECORDED.with_borrow_mut(|recorded| {
        if recorded.nodes.len() >= recorded.limit {
            recorded.nodes.retain(|n| n.strong_count() > 0);
            recorded.limit = 2 * recorded.nodes.len() + 4096;
        }
        recorded.nodes.push(Arc::downgrade(node));
        if recorded.since.is_none() {
            recorded.since = node.device.profiling().then(Instant::now);
        }
    });
}

/// Evaluates everything pending on `device` that is still held, and keeps the graph for gradients.
///
/// # Errors
/// Whatever goes wrong on the device.
pub fn evaluate(device: &Device) -> Result<()> {
    run(device, None, None)
}

/// Evaluates everything pending on `device`, and frees the graph that `loss` came from: its history can't be
/// differentiated again, and memory that only it holds is reused in place.
///
/// # Errors
/// Whatever goes wrong on the device.
pub fn step(device: &Device, loss: Option<&Tensor>) -> Result<()> {
    run(device, None, loss)
}

/// A dense, evaluated tensor with the values of `tensor`.
pub(crate) fn materialize(tensor: &Tensor) -> Result<Tensor> {
    let leaf = matches!(tensor.node.op, Op::Scalars(_) | Op::Literal(_));
    let dense = if leaf || tensor.node.is_view() {
        let copy = Op::Map(MapOp::Unary(Unary::Cast(tensor.dtype())));
        Tensor::record_op(tensor.device(), copy, vec![tensor.detach()], vec![tensor.meta().clone()]).remove(0)
    } else {
        tensor.clone()
    };
    if !dense.node.is_leaf() && dense.node.value(dense.output).is_none() {
        run(tensor.device(), Some(&dense), None)?;
    }
    Ok(dense)
}

fn run(device: &Device, root: Option<&Tensor>, release: Option<&Tensor>) -> Result<()> {
    if let Some(since) = RECORDED.with_borrow_mut(|recorded| recorded.since.take()) {
        drop(device.span_since("record", since));
    }
    let _span = device.span("evaluate");
    let mut graph = Recording::new(device, root);
    graph.mark_released(release);
    let wanted = graph.wanted();
    if wanted.is_empty() {
        graph.clear(&[]);
        return Ok(());
    }
    let order = graph.needed(&wanted);
    let request =
        Request { nodes: order.iter().map(|&i| graph.nodes[i].clone()).collect(), wanted, donated: vec![] };
    let donated = graph.donations(&request, &order);
    compile::run(device, &Request { donated, ..request })?;
    graph.clear(&order);
    Ok(())
}

/// The live recorded nodes of one device and how they refer to each other.
struct Recording {
    /// In the order of recording: inputs come before their users.
    nodes: Vec<Arc<Node>>,
    index: HashMap<*const Node, usize>,
    /// For every node, the nodes that have it as an input, once for each reference.
    users: Vec<Vec<usize>>,
    /// Whether somebody outside of the graph holds the node.
    held: Vec<bool>,
    /// Whether somebody holds the node or a view on it.
    kept: Vec<bool>,
    released: Vec<bool>,
}

impl Recording {
    fn new(device: &Device, root: Option<&Tensor>) -> Recording {
        let mut nodes: Vec<Arc<Node>> = RECORDED.with_borrow_mut(|recorded| {
            let live: Vec<Arc<Node>> = recorded.nodes.iter().filter_map(Weak::upgrade).collect();
            recorded.nodes = live.iter().map(Arc::downgrade).collect();
            live
        });
        nodes.retain(|n| n.device == *device);
        add_foreign(&mut nodes, root);
        nodes.sort_by_key(|n| n.id);
        let index: HashMap<*const Node, usize> =
            nodes.iter().enumerate().map(|(i, n)| (Arc::as_ptr(n), i)).collect();
        let mut users = vec![vec![]; nodes.len()];
        for (user, node) in nodes.iter().enumerate() {
            for input in &node.state().inputs {
                if let Some(&i) = index.get(&Arc::as_ptr(&input.node)) {
                    users[i].push(user);
                }
            }
        }
        // One reference is ours, in `nodes`.
        let held: Vec<bool> =
            nodes.iter().zip(&users).map(|(n, u)| Arc::strong_count(n) > 1 + u.len()).collect();
        let mut kept = held.clone();
        // Users come after their inputs, so that a chain of views is followed in one pass.
        for i in (0..nodes.len()).rev() {
            if nodes[i].is_view() && kept[i] {
                let base = Arc::as_ptr(&nodes[i].state().inputs[0].node);
                if let Some(&base) = index.get(&base) {
                    kept[base] = true;
                }
            }
        }
        let released = vec![false; nodes.len()];
        Recording { nodes, index, users, held, kept, released }
    }

    /// Marks everything that the gradient of `loss` went through.
    fn mark_released(&mut self, loss: Option<&Tensor>) {
        let mut left: Vec<usize> = loss.and_then(|l| self.find(l)).into_iter().collect();
        while let Some(i) = left.pop() {
            if std::mem::replace(&mut self.released[i], true) {
                continue;
            }
            let inputs = self.nodes[i].state();
            left.extend(inputs.inputs.iter().filter(|t| t.node.requires_grad).filter_map(|t| self.find(t)));
        }
    }

    fn find(&self, tensor: &Tensor) -> Option<usize> {
        self.index.get(&Arc::as_ptr(&tensor.node)).copied()
    }

    /// Nodes that must be evaluated because they, or a view on them, are held.
    fn wanted(&self) -> Vec<Arc<Node>> {
        let pending = |n: &Node| !n.is_view() && n.state().values.iter().any(Option::is_none);
        self.nodes
            .iter()
            .zip(&self.kept)
            .filter(|(n, kept)| **kept && pending(n))
            .map(|(n, _)| n.clone())
            .collect()
    }

    /// The wanted nodes and all pending ones that they depend on, in order.
    fn needed(&self, wanted: &[Arc<Node>]) -> Vec<usize> {
        let mut needed = vec![false; self.nodes.len()];
        let mut left: Vec<usize> = wanted.iter().map(|n| self.index[&Arc::as_ptr(n)]).collect();
        while let Some(i) = left.pop() {
            if std::mem::replace(&mut needed[i], true) {
                continue;
            }
            let state = self.nodes[i].state();
            let pending = state.inputs.iter().filter(|t| t.node.value(t.output).is_none());
            left.extend(pending.filter_map(|t| self.find(t)));
        }
        (0..needed.len()).filter(|&i| needed[i]).collect()
    }

    /// Whether the inputs of node `i` are dropped by this evaluation.
    fn clears(&self, i: usize, evaluated: &[bool]) -> bool {
        let node = &self.nodes[i];
        let known = evaluated[i] && self.kept[i];
        !node.is_view() && (self.released[i] || (known && !node.requires_grad))
    }

    /// For every in-place pair of the request, whether the input's memory may be overwritten: all references to it are
    /// dropped by this evaluation, and nothing reads it after the op.
    fn donations(&self, request: &Request, order: &[usize]) -> Vec<bool> {
        let mut evaluated = vec![false; self.nodes.len()];
        order.iter().for_each(|&i| evaluated[i] = true);
        let mut donated = vec![];
        for node in &request.nodes {
            let Op::Kernel(op) = &node.op else { continue };
            for &(input, _) in op.in_place() {
                donated.push(self.donates(node, input, &evaluated));
            }
        }
        donated
    }

    fn donates(&self, writer: &Node, input: usize, evaluated: &[bool]) -> bool {
        let inputs = writer.state().inputs.clone();
        let tensor = inputs[input].clone();
        if tensor.node.value(tensor.output).is_none() || tensor.node.is_view() {
            return false;
        }
        // The op itself may read the same memory as another input, even if through views.
        let reads = |t: &Tensor| {
            let base = base(t);
            Arc::ptr_eq(&base.node, &tensor.node) && base.output == tensor.output
        };
        if inputs.iter().filter(|t| reads(t)).count() > 1 {
            return false;
        }
        drop(inputs);
        let users: Vec<usize> = match self.find(&tensor) {
            Some(i) => self.users[i].clone(),
            None => self.users_of_leaf(&tensor),
        };
        // Beyond the users: our handle, and our place in `nodes` if it was recorded here.
        let ours = 1 + usize::from(self.find(&tensor).is_some());
        Arc::strong_count(&tensor.node) == ours + users.len()
            && !self.read_after(users.clone(), writer.id)
            && self.die(users, evaluated)
    }

    /// Whether a node behind `writer` reads a tensor with the given users, itself or through views.
    fn read_after(&self, users: Vec<usize>, writer: u64) -> bool {
        let mut left = users;
        while let Some(i) = left.pop() {
            let node = &self.nodes[i];
            if node.is_view() {
                left.extend(&self.users[i]);
            } else if node.id > writer {
                return true;
            }
        }
        false
    }

    fn users_of_leaf(&self, tensor: &Tensor) -> Vec<usize> {
        let refers = |i: usize| {
            self.nodes[i].state().inputs.iter().filter(|t| Arc::ptr_eq(&t.node, &tensor.node)).count()
        };
        (0..self.nodes.len()).flat_map(|i| std::iter::repeat_n(i, refers(i))).collect()
    }

    /// Whether the nodes are gone, or have dropped their inputs, after this evaluation.
    fn die(&self, nodes: Vec<usize>, evaluated: &[bool]) -> bool {
        // Each node once: the paths through a residual network are too many to follow.
        let (mut seen, mut left) = (HashSet::new(), nodes);
        while let Some(i) = left.pop() {
            if !seen.insert(i) {
                continue;
            }
            let clears = self.clears(i, evaluated);
            if self.held[i] && !clears {
                return false;
            }
            if !clears {
                left.extend(&self.users[i]);
            }
        }
        true
    }

    /// Drops inputs that are not needed any more.
    fn clear(&self, order: &[usize]) {
        let mut evaluated = vec![false; self.nodes.len()];
        order.iter().for_each(|&i| evaluated[i] = true);
        for (i, node) in self.nodes.iter().enumerate() {
            if self.clears(i, &evaluated) {
                let mut state = node.state();
                state.released = node.requires_grad;
                let inputs = std::mem::take(&mut state.inputs);
                drop(state);
                drop(inputs);
            }
        }
    }
}

/// The tensor that a chain of views looks at.
pub(crate) fn base(tensor: &Tensor) -> Tensor {
    let mut base = tensor.clone();
    while base.node.is_view() {
        let next = base.node.state().inputs[0].clone();
        base = next;
    }
    base
}

/// Adds pending nodes that `root` depends on but another thread recorded.
fn add_foreign(nodes: &mut Vec<Arc<Node>>, root: Option<&Tensor>) {
    let mut known: HashSet<*const Node> = nodes.iter().map(Arc::as_ptr).collect();
    let mut left: Vec<Arc<Node>> = root.map(|t| t.node.clone()).into_iter().collect();
    left.extend(nodes.iter().cloned());
    while let Some(node) = left.pop() {
        let new = known.insert(Arc::as_ptr(&node)) && !node.is_leaf();
        let state = node.state();
        let inputs = state.inputs.iter().filter(|t| !known.contains(&Arc::as_ptr(&t.node)));
        left.extend(inputs.filter(|t| !t.node.is_leaf()).map(|t| t.node.clone()));
        drop(state);
        if new {
            nodes.push(node);
        }
    }
}
