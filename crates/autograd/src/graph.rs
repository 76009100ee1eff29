//! A read-only view of a recorded graph, for programs that translate it into another format.

use std::panic::Location;
use std::sync::Arc;

use foldhash::{HashMap, HashSet};
use gpu_core::kernels::{AttentionWindow, Binary, Conv2dShape, Pool2dShape, ReduceOp, Unary};

use crate::node::Node;
use crate::op::{MapOp, Meta, Op, View};
use crate::{Tensor, ops};

/// What a recorded operation computes from its inputs, with its attributes. Element-wise operations broadcast as NumPy's.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Operation {
    /// A tensor that is not computed from others: data, a parameter, a number. Its values can be read.
    Leaf,
    /// The input itself.
    Alias,
    /// The input's elements in the output's shape.
    Reshape,
    /// Dimension `i` of the output is dimension `order[i]` of the input.
    Permute(Vec<usize>),
    /// The input broadcast to the output's shape.
    Expand,
    /// Elements `start, start + step, ..` along `dim`, `len` of them.
    Slice {
        /// The dimension.
        dim: usize,
        /// The first element.
        start: usize,
        /// Number of elements.
        len: usize,
        /// Distance between them; may be negative.
        step: isize,
    },
    /// An element-wise function.
    Unary(Unary),
    /// An element-wise function of two tensors.
    Binary(Binary),
    /// `condition ? a : b` of the inputs `condition`, `a`, `b`.
    Select,
    /// A reduction over dimensions, which the output does not have.
    Reduce(ReduceOp, Vec<usize>),
    /// `[.., M, K] x [.., K, N]` with equal leading dimensions.
    MatMul,
    /// Cross-correlation of `x [N, C, H, W]` with `weight [O, C / groups, KH, KW]`.
    Conv2d(Conv2dShape),
    /// The transpose of a convolution of this shape: of `[N, O, OH, OW]` with `weight [O, C / groups, KH, KW]` to `[N, C, H, W]`.
    ConvTranspose2d(Conv2dShape),
    /// Largest elements of windows of `[N, C, H, W]`, and (second output) their positions.
    MaxPool2d(Pool2dShape),
    /// Means of windows of `[N, C, H, W]`.
    AvgPool2d {
        /// The windows.
        shape: Pool2dShape,
        /// Whether padding counts as zeros.
        count_include_pad: bool,
        /// Replaces the window's size.
        divisor: Option<usize>,
    },
    /// Normalisation of `x [N, C, ..]` by the statistics of its channels, with `weight [C]` and `bias [C]`. Further outputs: mean and
    /// biased variance.
    BatchNorm {
        /// Added to the variance.
        eps: f32,
    },
    /// Normalisation of the rows of `x [R, C]`, with `weight [C]` and `bias [C]`.
    LayerNorm {
        /// Added to the variance.
        eps: f32,
    },
    /// Softmax along the last dimension, or its logarithm.
    Softmax {
        /// Whether it is the logarithm.
        log: bool,
    },
    /// `softmax(scale q k^T + mask) v` of `q [.., T, E]`, `k [.., S, E]`, `v [.., S, V]` and perhaps a mask `[.., T, S]`, with equal
    /// leading dimensions. The result is `[.., T, V]`; with 4 or more dimensions, its dimensions -3 and -2 are exchanged. A query without
    /// any key gives 0.
    Attention {
        /// Which keys a query attends to, besides the mask.
        window: AttentionWindow,
        /// Factor of the scores.
        scale: f32,
    },
    /// Reading along the middle dimension of `x [A, D, B]` at `index [A or 1, K, B or 1]`: `[A, K, B]`.
    Gather,
    /// Sums of elements of `x [A, K, B]` by their positions `index [A or 1, K, B or 1]` along the output's middle dimension: `[A, D, B]`.
    ScatterAdd,
    /// The inputs one after the other along a dimension.
    Concat {
        /// The dimension.
        dim: usize,
    },
    /// The input's elements within zeros: along dimension `d`, element `i` is at `start + i step`, where `(start, step)` is item `d`.
    Embed(Vec<(usize, isize)>),
    /// [`rnn`](crate::rnn) with the inputs `x`, `w_ih`, `w_hh`, bias, `h0`.
    Rnn {
        /// Whether the nonlinearity is ReLU instead of tanh.
        relu: bool,
    },
    /// [`gru`](crate::gru) with the inputs `x`, `w_ih`, `w_hh`, the biases of r, z, n and of the term that r resets `[4 H]`, and `h0`.
    Gru,
    /// [`lstm`](crate::lstm) with the inputs `x`, `w_ih`, `w_hh`, bias, `h0`, `c0`. Outputs: states, gates and cells of all steps.
    Lstm,
    /// [`Tensor::cumsum`].
    Cumsum {
        /// The dimension.
        dim: usize,
        /// Whether to sum from the end.
        reverse: bool,
    },
    /// Another operation, by name.
    Other(String),
}

/// One operation of a [`Graph`].
#[derive(Clone)]
pub struct GraphNode {
    /// What it computes.
    pub operation: Operation,
    /// Its inputs: numbers of earlier nodes and of their outputs.
    pub inputs: Vec<(usize, usize)>,
    /// Shapes and types of its outputs.
    pub outputs: Vec<Meta>,
    /// The name of the parameter or buffer that it is.
    pub name: Option<Arc<str>>,
    /// Where it was recorded.
    pub location: &'static Location<'static>,
    tensor: Tensor,
}

impl GraphNode {
    /// Its first output.
    pub fn tensor(&self) -> &Tensor {
        &self.tensor
    }
}

/// The operations that some tensors are computed with, producers first. Nothing is computed.
///
/// ```
/// # use autograd::{Device, Graph, Operation, Tensor};
/// let x = Tensor::from_slice(&Device::named("cpu")?, &[-1.0f32, 2.0], &[2])?;
/// let graph = Graph::of(&[&x.relu().reshape(&[1, 2])], &[&x]);
/// assert_eq!(graph.nodes.len(), 3);
/// assert_eq!(graph.nodes[2].operation, Operation::Reshape);
/// assert_eq!((&graph.nodes[2].inputs[..], graph.outputs[0]), (&[(1, 0)][..], (2, 0)));
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone)]
pub struct Graph {
    /// The operations.
    pub nodes: Vec<GraphNode>,
    /// The node of each input tensor; `None` if the outputs do not depend on it.
    pub inputs: Vec<Option<usize>>,
    /// The tensors that the graph computes: numbers of nodes and of their outputs.
    pub outputs: Vec<(usize, usize)>,
}

impl Graph {
    /// The graph that leads from `inputs` and leaves to `outputs`. It ends at tensors that are [named](Tensor::named).
    pub fn of(outputs: &[&Tensor], inputs: &[&Tensor]) -> Graph {
        let end =
            |node: &Node| node.name.get().is_some() || inputs.iter().any(|t| std::ptr::eq(&*t.node, node));
        let nodes = before(outputs, &end);
        let numbers: HashMap<*const Node, usize> =
            nodes.iter().enumerate().map(|(i, node)| (Arc::as_ptr(node), i)).collect();
        let place = |t: &Tensor| (numbers[&Arc::as_ptr(&t.node)], t.output);
        let seen = |node: &Arc<Node>| {
            let before = if end(node) { Arc::default() } else { node.inputs() };
            GraphNode {
                operation: if before.is_empty() { Operation::Leaf } else { operation(&node.op) },
                inputs: before.iter().map(place).collect(),
                outputs: node.outputs.clone(),
                name: node.name.get().cloned(),
                location: node.location,
                tensor: Tensor { node: node.clone(), output: 0 },
            }
        };
        Graph {
            nodes: nodes.iter().map(seen).collect(),
            inputs: inputs.iter().map(|t| numbers.get(&Arc::as_ptr(&t.node)).copied()).collect(),
            outputs: outputs.iter().map(|t| place(t)).collect(),
        }
    }
}

/// The nodes that tensors depend on up to those for which `end` holds, producers first. The order follows from the wiring alone: nodes
/// of parameters may be older or newer than others.
pub(crate) fn before(outputs: &[&Tensor], end: &dyn Fn(&Node) -> bool) -> Vec<Arc<Node>> {
    let (mut seen, mut order) = (HashSet::default(), vec![]);
    let mut left: Vec<(Arc<Node>, bool)> = outputs.iter().rev().map(|t| (t.node.clone(), false)).collect();
    while let Some((node, inputs_done)) = left.pop() {
        if inputs_done {
            order.push(node);
        } else if seen.insert(Arc::as_ptr(&node)) {
            left.push((node.clone(), true));
            if !end(&node) {
                left.extend(node.inputs().iter().rev().map(|t| (t.node.clone(), false)));
            }
        }
    }
    order
}

fn operation(op: &Op) -> Operation {
    match op {
        Op::Data | Op::Constant(_) | Op::Literal(_) | Op::Scalars(_) => Operation::Leaf,
        Op::View(View::Alias | View::Recompute) => Operation::Alias,
        Op::View(View::Reshape) => Operation::Reshape,
        Op::View(View::Permute(order)) => Operation::Permute(order.clone()),
        Op::View(View::Expand) => Operation::Expand,
        &Op::View(View::Slice { dim, start, len, step }) => Operation::Slice { dim, start, len, step },
        Op::Map(MapOp::Unary(f)) => Operation::Unary(*f),
        Op::Map(MapOp::Binary(f)) => Operation::Binary(*f),
        Op::Map(MapOp::Select) => Operation::Select,
        Op::Reduce(f, dims) => Operation::Reduce(*f, dims.clone()),
        Op::Kernel(op) => ops::describe(&**op),
        Op::Call(_) | Op::Returned(_) => Operation::Other(op.name()),
    }
}
