//! Where the parameters of a model come in.

use std::collections::HashMap;
use std::sync::Arc;

use crate::Tensor;
use crate::node::Node;
use crate::op::{Op, View};
use crate::trace::{ancestors, parameter_behind};

/// An operation that reads a [named](Tensor::named) tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The tensor's name, as in `"layer1.0.conv1.weight"`.
    pub name: Arc<str>,
    /// The operation, as in `"conv2d"`.
    pub op: String,
    /// The shape of its result, after the reshape that follows if there is one.
    pub shape: Vec<usize>,
}

/// The operations that read named tensors on the way to `y`, in the order in which they were recorded. Nothing is computed;
/// what was evaluated and freed is not known any more.
///
/// ```
/// # use autograd::{Device, Tensor, uses};
/// let device = Device::named("cpu")?;
/// let [x, w] = [[5, 3], [3, 2]].map(|shape| Tensor::ones(&device, &shape));
/// let found = uses(&x.matmul(&w.variable().named("fc.weight")).relu());
/// assert_eq!((&*found[0].name, &*found[0].op, &found[0].shape[..]), ("fc.weight", "matmul", &[5, 2][..]));
/// # Ok::<(), autograd::Error>(())
/// ```
pub fn uses(y: &Tensor) -> Vec<Use> {
    let nodes = ancestors(y);
    let mut users: HashMap<*const Node, Vec<&Arc<Node>>> = HashMap::new();
    for node in &nodes {
        for input in &node.state().inputs {
            users.entry(Arc::as_ptr(&input.node)).or_default().push(node);
        }
    }
    let mut found = vec![];
    for node in nodes.iter().filter(|n| !n.is_view()) {
        let inputs = node.state().inputs.clone();
        let result = match users.get(&Arc::as_ptr(node)).map(Vec::as_slice) {
            Some([one]) if matches!(one.op, Op::View(View::Reshape)) => *one,
            _ => node,
        };
        found.extend(inputs.iter().filter_map(parameter_behind).map(|name| Use {
            name,
            op: node.op.name(),
            shape: result.outputs[0].shape.clone(),
        }));
    }
    found
}
