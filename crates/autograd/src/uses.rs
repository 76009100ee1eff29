//! Where the parameters of a model are used.

use std::sync::Arc;

use foldhash::HashMap;

use crate::Tensor;
use crate::node::Node;
use crate::op::{Op, View};
use crate::ops;
use crate::receptive_field::Fields;
use crate::trace::ancestors;

/// An operation that combines a [named](Tensor::named) tensor, or a result of named tensors alone, with other tensors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The tensor's name, as in `"layer1.0.conv1.weight"`.
    pub name: Arc<str>,
    /// The operation, as in `"conv2d"`.
    pub op: String,
    /// The shape of its result, after a directly following reshape.
    pub shape: Vec<usize>,
    /// Multiply-adds of the operation's products with weights; counted only for the first named tensor that it reads.
    pub multiply_adds: u64,
    /// The [receptive field](crate::receptive_field) of its result.
    pub receptive_field: Option<[usize; 2]>,
}

/// The operations that read named tensors on the way to `y`, in the order in which they were recorded. Nothing is computed; graphs that
/// were evaluated and freed are not included.
///
/// ```
/// # use autograd::{Device, Tensor, uses};
/// let device = Device::named("cpu")?;
/// let [x, w] = [[5, 3], [3, 2]].map(|shape| Tensor::ones(&device, &shape));
/// let found = uses(&x.matmul(&w.variable().named("fc.weight")).relu());
/// assert_eq!((&*found[0].name, &*found[0].op, &found[0].shape[..]), ("fc.weight", "matmul", &[5, 2][..]));
/// assert_eq!(found[0].multiply_adds, 5 * 3 * 2);
/// # Ok::<(), autograd::Error>(())
/// ```
pub fn uses(y: &Tensor) -> Vec<Use> {
    let nodes = ancestors(y);
    let fields = Fields::new(&nodes);
    let mut users: HashMap<*const Node, Vec<&Arc<Node>>> = HashMap::default();
    for node in &nodes {
        for input in node.inputs().iter() {
            users.entry(Arc::as_ptr(&input.node)).or_default().push(node);
        }
    }
    let (mut origins, mut found) = (HashMap::default(), vec![]);
    for node in &nodes {
        let inputs = node.state().inputs.clone();
        let (origin, read) = origin(node, &inputs, &origins);
        origins.insert(Arc::as_ptr(node), origin);
        let result = match users.get(&Arc::as_ptr(node)).map(Vec::as_slice) {
            Some([one]) if matches!(one.op, Op::View(View::Reshape)) => *one,
            _ => node,
        };
        found.extend(read.into_iter().enumerate().map(|(i, name)| Use {
            name,
            op: node.op.name(),
            shape: result.outputs[0].shape.clone(),
            multiply_adds: if i == 0 { multiply_adds(node, &inputs) } else { 0 },
            receptive_field: fields.of(node),
        }));
    }
    found
}

fn multiply_adds(node: &Node, inputs: &[Tensor]) -> u64 {
    let Op::Kernel(op) = &node.op else { return 0 };
    ops::multiply_adds(&**op, &inputs.iter().map(|t| t.meta().clone()).collect::<Vec<_>>())
}

/// What a node is computed from.
enum Origin {
    /// Computed only from parameters with these names, and from single numbers.
    Parameters(Vec<Arc<str>>),
    /// A single number that depends on nothing else.
    Number,
    Data,
}

/// The origin of a node, and the names of the parameters that it combines with data.
fn origin(node: &Node, inputs: &[Tensor], origins: &HashMap<*const Node, Origin>) -> (Origin, Vec<Arc<str>>) {
    if let Some(name) = node.name.get() {
        return (Origin::Parameters(vec![name.clone()]), vec![]);
    }
    let (mut names, mut data) = (vec![], false);
    for input in inputs {
        match &origins[&Arc::as_ptr(&input.node)] {
            Origin::Parameters(of) => of.iter().for_each(|name| {
                if !names.contains(name) {
                    names.push(name.clone());
                }
            }),
            Origin::Number => {}
            Origin::Data => data = true,
        }
    }
    match (data, names.is_empty()) {
        (true, _) => (Origin::Data, names),
        (false, false) => (Origin::Parameters(names), vec![]),
        (false, true) if node.outputs[0].numel() == 1 => (Origin::Number, names),
        (false, true) => (Origin::Data, names),
    }
}
