//! The receptive fields of tensors: how much of an image an element is computed from.

use std::sync::Arc;

use foldhash::HashMap;

use crate::Tensor;
use crate::node::Node;
use crate::op::{Op, View};
use crate::ops::{Reach, reach};
use crate::trace::ancestors;

/// Height and width of the window of the input `[.., H, W]` that an element of `y` is computed from through convolutions and pools, for
/// an element whose window is not cut off at the borders. Where paths of different length meet, it is the largest window. `None` if
/// there is no such window: after global pooling, linear layers and other operations that do not work on planes, or if no operation has
/// windows. Named tensors count as parameters. Nothing is computed.
///
/// ```
/// # use autograd::{Device, Pool2d, Tensor, receptive_field};
/// let device = Device::named("cpu")?;
/// let (x, w) = (Tensor::ones(&device, &[1, 1, 32, 32]), Tensor::ones(&device, &[1, 1, 3, 3]));
/// let y = x.conv2d(&w, None, [2; 2], [1; 2], [1; 2], 1).relu();
/// assert_eq!(receptive_field(&y), Some([3, 3]));
/// let y = y.max_pool2d(Pool2d::new(2)).0;
/// assert_eq!(receptive_field(&y), Some([5, 5]));
/// assert_eq!(receptive_field(&y.mean(&[2, 3], false)), None);
/// # Ok::<(), autograd::Error>(())
/// ```
pub fn receptive_field(y: &Tensor) -> Option<[usize; 2]> {
    Fields::new(&ancestors(y)).of(&y.node)
}

/// The receptive fields of all nodes of a graph.
pub(crate) struct Fields(HashMap<*const Node, Field>);

/// The part of an image that elements of a plane depend on.
#[derive(Clone, Copy)]
enum Field {
    /// Data and parameters: no operation with windows so far.
    Own,
    /// Windows of `extent`; those of neighbouring elements are `stride` apart.
    Window { extent: [usize; 2], stride: [usize; 2] },
    /// No windows: elements depend on the whole image.
    All,
}

impl Fields {
    /// The fields of `nodes`, which are in the order of recording.
    pub fn new(nodes: &[Arc<Node>]) -> Fields {
        let mut fields = Fields(HashMap::default());
        for node in nodes {
            let field = fields.field(node);
            fields.0.insert(Arc::as_ptr(node), field);
        }
        fields
    }

    pub fn of(&self, node: &Arc<Node>) -> Option<[usize; 2]> {
        match self.0[&Arc::as_ptr(node)] {
            Field::Window { extent, .. } => Some(extent),
            Field::Own | Field::All => None,
        }
    }

    fn field(&self, node: &Node) -> Field {
        let inputs = node.state().inputs.clone();
        let first = match inputs.first() {
            Some(first) if node.name.get().is_none() => self.at(first),
            _ => return Field::Own,
        };
        match &node.op {
            Op::View(view) => first.viewed(view, inputs[0].rank()),
            // Factors of whole planes, as in squeeze and excitation, are ignored.
            Op::Map(_) => self.joined(inputs.iter().filter(|t| t.shape() == node.outputs[0].shape)),
            Op::Reduce(_, dims) if dims.iter().all(|d| d + 2 < inputs[0].rank()) => first,
            Op::Kernel(op) => match reach(&**op) {
                Reach::All => Field::All,
                Reach::Place => self.joined(inputs.iter()),
                Reach::Window { extent, stride } => first.window(extent, stride),
                Reach::Spread { extent, stride } => first.spread(extent, stride),
            },
            _ => Field::All,
        }
    }

    fn at(&self, tensor: &Tensor) -> Field {
        self.0[&Arc::as_ptr(&tensor.node)]
    }

    fn joined<'a>(&self, inputs: impl Iterator<Item = &'a Tensor>) -> Field {
        inputs.map(|t| self.at(t)).fold(Field::Own, Field::joined)
    }
}

impl Field {
    /// The field of a result computed from elements with these two fields.
    fn joined(self, other: Field) -> Field {
        match (self, other) {
            (Field::All, _) | (_, Field::All) => Field::All,
            (Field::Own, field) | (field, Field::Own) => field,
            (Field::Window { extent: a, stride: s }, Field::Window { extent: b, stride: t }) => {
                let larger = |a: [usize; 2], b: [usize; 2]| [0, 1].map(|d| a[d].max(b[d]));
                Field::Window { extent: larger(a, b), stride: larger(s, t) }
            }
        }
    }

    fn window(self, size: [usize; 2], step: [usize; 2]) -> Field {
        let (extent, stride) = match self {
            Field::Own => ([1; 2], [1; 2]),
            Field::Window { extent, stride } => (extent, stride),
            Field::All => return Field::All,
        };
        Field::Window {
            extent: [0, 1].map(|d| extent[d] + (size[d] - 1) * stride[d]),
            stride: [0, 1].map(|d| stride[d] * step[d]),
        }
    }

    /// The field of a transposed window: as many input elements as windows of `size`, `step` apart, overlap at one output element.
    fn spread(self, size: [usize; 2], step: [usize; 2]) -> Field {
        let met = [0, 1].map(|d| size[d].div_ceil(step[d]));
        match self.window(met, [1; 2]) {
            // A stride that is no whole number of pixels has no windows.
            Field::Window { extent, stride } if (0..2).all(|d| stride[d].is_multiple_of(step[d])) => {
                Field::Window { extent, stride: [0, 1].map(|d| stride[d] / step[d]) }
            }
            _ => Field::All,
        }
    }

    fn viewed(self, view: &View, rank: usize) -> Field {
        match *view {
            View::Slice { dim, step: step @ (2.. | ..-1), .. } if dim + 2 >= rank => {
                let mut steps = [1; 2];
                steps[dim + 2 - rank] = step.unsigned_abs();
                self.window([1; 2], steps)
            }
            _ => self,
        }
    }
}
