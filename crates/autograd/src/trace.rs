//! Finding the first operation with a NaN or an infinity.

use std::panic::Location;
use std::sync::Arc;

use foldhash::HashSet;

use crate::node::Node;

use crate::{Result, Tensor};

/// The first tensor of a graph with a NaN or an infinity in it.
#[derive(Clone, Debug)]
pub struct NonFinite {
    /// The operation, as in `"conv2d"`; `"data"` for an input or a parameter.
    pub op: String,
    /// The parameter that the operation uses, or else the last one used before it, as in `"layer1.0.conv1.weight"`.
    pub parameter: Option<Arc<str>>,
    /// Where the operation was recorded.
    pub location: &'static Location<'static>,
    /// Elements that are NaN or infinite.
    pub count: usize,
    /// Shape of the tensor.
    pub shape: Vec<usize>,
}

impl std::fmt::Display for NonFinite {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let NonFinite { op, count, shape, location, .. } = self;
        let layer = self.parameter.as_deref().unwrap_or("no parameter");
        write!(
            f,
            "{count} non-finite values first appear in the {shape:?} output of {op} (at {layer}, recorded at {location})"
        )?;
        match op.as_str() {
            "cross_entropy" | "gather" => f.write_str(": a label or index out of range gives NaN"),
            _ => Ok(()),
        }
    }
}

/// Evaluates the graph that leads to `y` in the order in which it was recorded, and returns the first tensor with a NaN or an infinity;
/// `None` if all are finite. For debugging: it computes every intermediate tensor.
///
/// # Errors
/// Whatever goes wrong on the device.
#[doc(alias("detect_anomaly", "set_detect_anomaly"))]
pub fn first_non_finite(y: &Tensor) -> Result<Option<NonFinite>> {
    let nodes = ancestors(y);
    let of = |node: &Arc<Node>| Tensor { node: node.clone(), output: 0 };
    // Parameters may be views of one tensor: each is checked separately.
    let named = nodes.iter().filter(|n| n.name.get().is_some());
    let behind: HashSet<*const Node> = named.map(|n| Arc::as_ptr(&base(&of(n)).node)).collect();
    let mut last: Option<Arc<str>> = None;
    for node in nodes {
        let name = node.name.get().cloned();
        let inputs = node.state().inputs.clone();
        let elsewhere = node.is_view() || (inputs.is_empty() && behind.contains(&Arc::as_ptr(&node)));
        if name.is_none() && elsewhere {
            continue;
        }
        if !node.is_view() {
            last = inputs.iter().find_map(parameter_behind).or(last);
        }
        let parameter = name.or_else(|| last.clone());
        for output in (0..node.outputs.len()).filter(|&o| node.outputs[o].dtype.is_float()) {
            let tensor = Tensor { node: node.clone(), output };
            let count = tensor.detach().isfinite().logical_not().to(crate::DType::F32).sum_all().item()?;
            if count > 0.0 {
                return Ok(Some(NonFinite {
                    op: if node.is_view() { "data".into() } else { node.op.name() },
                    parameter,
                    location: node.location,
                    count: count as usize,
                    shape: tensor.shape().to_vec(),
                }));
            }
        }
    }
    Ok(None)
}

/// The name of the parameter that a tensor is a view of.
pub(crate) fn parameter_behind(tensor: &Tensor) -> Option<Arc<str>> {
    let mut tensor = tensor.clone();
    loop {
        if let Some(name) = tensor.node.name.get() {
            return Some(name.clone());
        }
        tensor = tensor.node.viewed()?;
    }
}

/// All nodes that `y` depends on, including its own, in the order of recording.
pub(crate) fn ancestors(y: &Tensor) -> Vec<Arc<Node>> {
    let mut seen = HashSet::default();
    let mut found = vec![];
    let mut left = vec![y.node.clone()];
    while let Some(node) = left.pop() {
        if seen.insert(Arc::as_ptr(&node)) {
            left.extend(node.state().inputs.iter().map(|t| t.node.clone()));
            found.push(node);
        }
    }
    found.sort_by_key(|n| n.id);
    found
}

/// The base of a chain of views.
pub(crate) fn base(tensor: &Tensor) -> Tensor {
    let mut base = tensor.clone();
    while let Some(next) = base.node.viewed() {
        base = next;
    }
    base
}
