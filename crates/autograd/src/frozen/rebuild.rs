//! The graph of a frozen function, rebuilt: constants are computed, factors of channels are part of weights, and layers may be replaced by
//! int8 ones.

use std::sync::Arc;

use foldhash::{HashMap, HashSet};
use gpu_core::kernels::{Binary, Unary};

use super::constants::{Constants, Names};
use super::layer::{FrozenLayer, Int8Codes, Int8Layer};
use crate::capture_log::Log;
use crate::graph::{Operation, before};
use crate::node::Node;
use crate::op::{MapOp, Op, View};
use crate::ops::int8::{self, Linear};
use crate::transaction::evaluate;
use crate::{Result, Tensor, ops};

/// The int8 layers in the order in which the function has them, with their weights as kernels read them.
pub(super) struct Replaced {
    pub layers: Vec<Int8Layer>,
    pub panels: Vec<Tensor>,
}

/// A rebuilt graph.
pub(super) struct Rebuilt {
    pub outputs: Vec<Tensor>,
    /// The layers, unless they were replaced.
    pub layers: Vec<FrozenLayer>,
    /// The parameters that are still read.
    pub names: Names,
}

/// An output of a node in the rebuilt graph.
#[derive(Clone)]
enum Built {
    Constant(usize),
    Computed(Tensor),
    /// It is recorded when something else reads it.
    Linear(Pending),
}

/// A convolution or a product with a constant weight, and what follows it.
#[derive(Clone)]
struct Pending {
    node: Arc<Node>,
    /// As the function has it.
    x: Tensor,
    weight: usize,
    addend: Option<usize>,
    /// The number of the layer.
    layer: Option<usize>,
    /// Of an int8 layer: what is added, as the function has it, and whether a ReLU follows.
    residual: Option<Tensor>,
    relu: bool,
    /// The shape of the result, in which the channels are where they are in the node's output, counted from the first dimension of a
    /// convolution and from the last one of a product.
    shape: Vec<usize>,
}

/// An output of a node.
type Key = (*const Node, usize);

struct Rebuild<'a> {
    constants: &'a mut Constants,
    built: HashMap<Key, Built>,
    /// How often the outputs of each node are read.
    reads: HashMap<*const Node, usize>,
    /// The first layer that reads each tensor as rows (of a product) or as planes.
    readers: HashMap<(Key, bool), usize>,
    layers: Vec<Option<FrozenLayer>>,
    replaced: Option<&'a Replaced>,
    /// The codes of tensors that int8 layers read.
    codes: HashMap<(Key, bool), Tensor>,
}

/// The outputs, computed from `inputs` and constants.
pub(super) fn rebuild(
    outputs: &[Tensor],
    inputs: &[Tensor],
    log: &Log,
    constants: &mut Constants,
    replaced: Option<&Replaced>,
) -> Result<Rebuilt> {
    evaluate(&log.read_tensors().collect::<Vec<_>>())?;
    let given: HashSet<*const Node> =
        inputs.iter().chain(log.read_tensors()).map(|t| Arc::as_ptr(&t.node)).collect();
    let nodes =
        before(&outputs.iter().collect::<Vec<_>>(), &|node| given.contains(&std::ptr::from_ref(node)));
    let inputs_of =
        |node: &Arc<Node>| if given.contains(&Arc::as_ptr(node)) { Arc::default() } else { node.inputs() };
    let mut reads: HashMap<*const Node, usize> = HashMap::default();
    for t in nodes.iter().flat_map(|node| inputs_of(node).to_vec()).chain(outputs.iter().cloned()) {
        *reads.entry(Arc::as_ptr(&t.node)).or_default() += 1;
    }
    let is_input = |node: &Arc<Node>| inputs.iter().any(|t| Arc::ptr_eq(&t.node, node));
    let numbers = numbers(&nodes, &inputs_of, &is_input);
    let mut readers = HashMap::default();
    for node in nodes.iter().filter(|node| numbers.contains_key(&Arc::as_ptr(node))) {
        let rows = is_product(node);
        readers.entry((key(&base(&node.inputs()[0], rows)), rows)).or_insert(numbers[&Arc::as_ptr(node)]);
    }
    let layers = std::iter::repeat_with(|| None).take(numbers.len()).collect();
    if let Some(replaced) = replaced {
        assert!(
            replaced.layers.len() == numbers.len(),
            "Frozen: {} int8 layers for a function of {} layers",
            replaced.layers.len(),
            numbers.len()
        );
    }
    let codes = HashMap::default();
    let mut rebuild =
        Rebuild { constants, built: HashMap::default(), reads, readers, layers, replaced, codes };
    for node in &nodes {
        let before = inputs_of(node);
        let first = Tensor { node: node.clone(), output: 0 };
        let built = match &before[..] {
            [] if is_input(node) => Built::Computed(first),
            [] => Built::Constant(rebuild.constants.leaf(&first, log)),
            before => rebuild.node(node, before, numbers.get(&Arc::as_ptr(node)).copied())?,
        };
        rebuild.insert(node, built);
    }
    let outputs: Vec<Tensor> = outputs.iter().map(|t| rebuild.tensor(t)).collect::<Result<_>>()?;
    let layers = rebuild.layers.into_iter().flatten().collect();
    let reached: HashSet<*const Node> =
        before(&outputs.iter().collect::<Vec<_>>(), &|_| false).iter().map(Arc::as_ptr).collect();
    let read = constants.tensors.iter().zip(&constants.names);
    let read = read.filter(|(t, _)| reached.contains(&Arc::as_ptr(&t.node)));
    let names = read.flat_map(|(_, names)| names.iter().cloned()).collect();
    // Views of weights stay views, so that there is no second copy.
    let stored: Vec<&Tensor> = constants.tensors.iter().filter(|t| !t.node.is_view()).collect();
    evaluate(&stored)?;
    Ok(Rebuilt { outputs, layers, names })
}

/// The numbers of the layers that int8 layers can replace.
fn numbers(
    nodes: &[Arc<Node>],
    inputs_of: &dyn Fn(&Arc<Node>) -> Arc<Vec<Tensor>>,
    is_input: &dyn Fn(&Arc<Node>) -> bool,
) -> HashMap<*const Node, usize> {
    let (mut numbers, mut constant) = (HashMap::default(), HashSet::default());
    for node in nodes {
        let inputs = inputs_of(node);
        let of = |t: &Tensor| constant.contains(&Arc::as_ptr(&t.node));
        let all = inputs.iter().all(of);
        let replaceable = channel(node).is_some() && inputs.len() == 2 && of(&inputs[1]) && {
            let weight = inputs[1].shape();
            match (is_product(node), convolution(node)) {
                (true, _) => weight.len() == 2 && Int8Layer::fits(&[weight[1], weight[0]]),
                (_, Some(shape)) => shape.groups == 1 && Int8Layer::fits(weight),
                _ => false,
            }
        };
        if !all && replaceable && node.outputs[0].numel() > 0 {
            numbers.insert(Arc::as_ptr(node), numbers.len());
        }
        if all && !is_input(node) {
            constant.insert(Arc::as_ptr(node));
        }
    }
    numbers
}

impl Rebuild<'_> {
    /// Notes what was built for a node's first output, and what follows for the others.
    fn insert(&mut self, node: &Arc<Node>, first: Built) {
        for output in 1..node.outputs.len() {
            let other = match &first {
                Built::Constant(at) => {
                    let (node, names) =
                        (self.constants.tensors[*at].node.clone(), &self.constants.names[*at]);
                    Built::Constant(self.constants.push(Tensor { node, output }, names.clone()))
                }
                Built::Computed(t) | Built::Linear(Pending { x: t, .. }) => {
                    Built::Computed(Tensor { node: t.node.clone(), output })
                }
            };
            self.built.insert((Arc::as_ptr(node), output), other);
        }
        self.built.insert((Arc::as_ptr(node), 0), first);
    }

    fn built(&self, tensor: &Tensor) -> &Built {
        &self.built[&key(tensor)]
    }

    fn constant(&self, tensor: &Tensor) -> Option<usize> {
        match self.built(tensor) {
            Built::Constant(at) => Some(*at),
            _ => None,
        }
    }

    /// A layer that only the given tensor is read from.
    fn pending(&self, tensor: &Tensor) -> Option<Pending> {
        match self.built(tensor) {
            Built::Linear(pending) if self.reads[&Arc::as_ptr(&tensor.node)] == 1 => Some(pending.clone()),
            _ => None,
        }
    }

    /// The tensor that stands for one of the original graph.
    fn tensor(&mut self, tensor: &Tensor) -> Result<Tensor> {
        let computed = match self.built(tensor).clone() {
            Built::Constant(at) => return Ok(self.constants.tensors[at].clone()),
            Built::Computed(tensor) => return Ok(tensor),
            Built::Linear(pending) => match self.int8(&pending).cloned() {
                None => self.exact(&pending)?,
                Some(_) => self.values(tensor, &pending)?,
            },
        };
        self.built.insert(key(tensor), Built::Computed(computed.clone()));
        Ok(computed)
    }

    fn int8(&self, pending: &Pending) -> Option<&Int8Layer> {
        self.replaced.map(|replaced| &replaced.layers).zip(pending.layer).map(|(layers, at)| &layers[at])
    }

    /// A layer as it is.
    fn exact(&mut self, pending: &Pending) -> Result<Tensor> {
        let weight = self.constants.tensors[pending.weight].clone();
        let x = self.tensor(&pending.x)?;
        if let Some(layer) = pending.layer {
            self.note(layer, pending, &x);
        }
        let mut y = Tensor { node: pending.node.recomputed(vec![x, weight]), output: 0 };
        if pending.shape != y.shape() {
            y = y.reshape(&pending.shape);
        }
        Ok(match pending.addend {
            Some(at) => y + &self.constants.tensors[at],
            None => y,
        })
    }

    /// Notes what a layer is.
    fn note(&mut self, layer: usize, pending: &Pending, x: &Tensor) {
        let weight = &self.constants.tensors[pending.weight];
        let weight = if is_product(&pending.node) { weight.t() } else { weight.clone() };
        let channels = weight.shape()[0];
        let bias = pending.addend.map(|at| {
            let addend = &self.constants.tensors[at];
            addend.reshape(&[addend.numel()]).expand(&[channels])
        });
        let residual = self.layers[layer].take().and_then(|noted| noted.residual);
        self.layers[layer] = Some(FrozenLayer { weight, bias, input: x.clone(), residual });
    }

    /// The values that an int8 layer computes: those of its codes, if another layer reads them.
    fn values(&mut self, tensor: &Tensor, pending: &Pending) -> Result<Tensor> {
        let rows = is_product(&pending.node);
        let base = base(tensor, rows);
        let y = match self.reading(&base, rows) {
            Some(Int8Codes { scale, zero }) => {
                let shape = self.linear(pending).output();
                int8::dequantize(&self.codes(&base, rows)?, shape, scale, zero)
            }
            None => self.record(pending, None)?,
        };
        Ok(y.reshape(&pending.shape))
    }

    /// The codes of a tensor that int8 layers read.
    fn reading(&self, base: &Tensor, rows: bool) -> Option<Int8Codes> {
        let layer = *self.readers.get(&(key(base), rows))?;
        self.replaced.map(|replaced| replaced.layers[layer].input)
    }

    /// The codes of a tensor, as `[outer, words, inner]`.
    fn codes(&mut self, tensor: &Tensor, rows: bool) -> Result<Tensor> {
        let base = base(tensor, rows);
        if let Some(codes) = self.codes.get(&(key(&base), rows)) {
            return Ok(codes.clone());
        }
        let form = self.reading(&base, rows).expect("int8 layers read it");
        let codes = match self.built(&base).clone() {
            Built::Linear(pending) if self.int8(&pending).is_some() && is_product(&pending.node) == rows => {
                self.record(&pending, Some(form))?
            }
            _ => {
                let x = self.tensor(&base)?;
                let shape = x.shape();
                let shape = match rows {
                    true => [x.numel() / shape[shape.len() - 1], shape[shape.len() - 1], 1],
                    false => [shape[0], shape[1], shape[2..].iter().product()],
                };
                int8::quantize(&x, shape, form.scale, form.zero)
            }
        };
        self.codes.insert((key(&base), rows), codes.clone());
        Ok(codes)
    }

    /// What an int8 layer computes.
    fn linear(&self, pending: &Pending) -> Linear {
        let layer = self.int8(pending).expect("an int8 layer");
        match convolution(&pending.node) {
            Some(shape) => Linear::Conv2d(shape, layer.input.zero),
            None => {
                let [m, n] = [pending.node.outputs[0].shape[0], pending.node.outputs[0].shape[1]];
                Linear::MatMul([m, n, pending.x.shape()[1]])
            }
        }
    }

    fn record(&mut self, pending: &Pending, output: Option<Int8Codes>) -> Result<Tensor> {
        let rows = is_product(&pending.node);
        let x = self.codes(&pending.x, rows)?;
        let residual = pending.residual.as_ref().map(|t| self.codes(t, rows)).transpose()?;
        let (replaced, at) = self.replaced.zip(pending.layer).expect("an int8 layer");
        let linear = self.linear(pending);
        replaced.layers[at].record(linear, &replaced.panels[at], &x, residual.as_ref(), pending.relu, output)
    }

    /// The first output of a node.
    fn node(&mut self, node: &Arc<Node>, inputs: &[Tensor], layer: Option<usize>) -> Result<Built> {
        let constants: Option<Vec<usize>> = inputs.iter().map(|t| self.constant(t)).collect();
        if let Some(constants) = constants {
            return Ok(Built::Constant(self.constants.operation(node, &constants)));
        }
        let linear = self.start(node, inputs, layer).or_else(|| self.folded(node, inputs));
        if let Some(linear) = linear.or_else(|| self.joined(node, inputs)) {
            return Ok(Built::Linear(linear));
        }
        let inputs = inputs.iter().map(|t| self.tensor(t)).collect::<Result<_>>()?;
        Ok(Built::Computed(Tensor { node: node.recomputed(inputs), output: 0 }))
    }

    /// A convolution or a product with a constant weight.
    fn start(&mut self, node: &Arc<Node>, inputs: &[Tensor], layer: Option<usize>) -> Option<Pending> {
        channel(node)?;
        let weight = self.constant(inputs.get(1)?)?;
        let (x, shape) = (inputs[0].clone(), node.outputs[0].shape.clone());
        let node = node.clone();
        Some(Pending { node, x, weight, addend: None, layer, residual: None, relu: false, shape })
    }

    /// A product or a sum with constants of the channels, as part of the convolution or product before it.
    fn folded(&mut self, node: &Arc<Node>, inputs: &[Tensor]) -> Option<Pending> {
        let Op::Map(MapOp::Binary(f @ (Binary::Mul | Binary::Add))) = &node.op else { return None };
        let (y, other) = match [self.constant(&inputs[0]), self.constant(&inputs[1])] {
            [None, Some(other)] => (&inputs[0], other),
            [Some(other), None] => (&inputs[1], other),
            _ => return None,
        };
        let mut linear = self.pending(y)?;
        if node.outputs[0].shape != linear.shape || linear.relu || linear.residual.is_some() {
            return None;
        }
        let (in_output, in_weight) = channel(&linear.node)?;
        let in_output = if is_product(&linear.node) { linear.shape.len() - 1 } else { in_output };
        let shape = self.constants.tensors[other].shape();
        let channels = shape.iter().product();
        let lead = linear.shape.len() - shape.len();
        if channels != 1 && shape.get(in_output.wrapping_sub(lead)) != Some(&channels) {
            return None;
        }
        if *f == Binary::Add {
            let sum = |old| self.constants.binary(|a, b| a + b, old, other);
            linear.addend = Some(linear.addend.map_or(other, sum));
            return Some(linear);
        }
        if self.int8(&linear).is_some() {
            return Some(linear);
        }
        linear.addend = linear.addend.map(|old| self.constants.binary(|a, b| a * b, old, other));
        let mut factors = vec![1; self.constants.tensors[linear.weight].rank()];
        factors[in_weight] = channels;
        let factor = self.constants.tensors[other].reshape(&factors);
        let factor = self.constants.intern(factor, &[other]);
        linear.weight = self.constants.binary(|a, b| a * b, linear.weight, factor);
        Some(linear)
    }

    /// Rows in another shape, a residual connection or a ReLU, as part of the layer before it.
    fn joined(&mut self, node: &Arc<Node>, inputs: &[Tensor]) -> Option<Pending> {
        match &node.op {
            Op::View(View::Reshape) => {
                let mut linear = self.pending(&inputs[0])?;
                let shape = &node.outputs[0].shape;
                let rows = is_product(&linear.node) && shape.last() == linear.shape.last();
                (rows && linear.residual.is_none() && !linear.relu).then(|| {
                    linear.shape.clone_from(shape);
                    linear
                })
            }
            Op::Map(MapOp::Unary(Unary::Relu)) => {
                let linear = self.pending(&inputs[0]).filter(|linear| self.int8(linear).is_some())?;
                Some(Pending { relu: true, ..linear })
            }
            Op::Map(MapOp::Binary(Binary::Add)) => {
                [(0, 1), (1, 0)].into_iter().find_map(|(y, other)| self.added(&inputs[y], &inputs[other]))
            }
            _ => None,
        }
    }

    /// A layer with a residual that another layer reads, too.
    fn added(&mut self, y: &Tensor, other: &Tensor) -> Option<Pending> {
        let linear = self.pending(y)?;
        let (layer, rows) = (linear.layer?, is_product(&linear.node));
        let free = !linear.relu && linear.residual.is_none() && other.shape() == linear.shape;
        let reader = *self.readers.get(&(key(&base(other, rows)), rows)).filter(|_| free)?;
        match self.int8(&linear) {
            Some(int8) => {
                let joined = int8.residual.is_some();
                joined.then(|| Pending { residual: Some(other.clone()), ..linear })
            }
            None => {
                let nothing = || FrozenLayer {
                    weight: other.clone(),
                    bias: None,
                    input: other.clone(),
                    residual: Some(reader),
                };
                self.layers[layer].get_or_insert_with(nothing);
                None
            }
        }
    }
}

fn key(tensor: &Tensor) -> Key {
    (Arc::as_ptr(&tensor.node), tensor.output)
}

/// The tensor itself, or for rows the one that it has in another shape.
fn base(tensor: &Tensor, rows: bool) -> Tensor {
    let mut tensor = tensor.clone();
    loop {
        let next = match &tensor.node.op {
            Op::View(View::Reshape) if rows => tensor.node.inputs().first().cloned(),
            _ => None,
        };
        match next.filter(|next| next.shape().last() == tensor.shape().last()) {
            Some(next) => tensor = next,
            None => return tensor,
        }
    }
}

/// The dimensions of the output and of the weight that are the channels of a convolution or product.
fn channel(node: &Node) -> Option<(usize, usize)> {
    let last = node.outputs[0].shape.len().wrapping_sub(1);
    match (is_product(node), convolution(node)) {
        (true, _) => Some((last, last)),
        (_, Some(_)) => Some((1, 0)),
        _ => None,
    }
}

fn is_product(node: &Node) -> bool {
    matches!(&node.op, Op::Kernel(op) if ops::describe(&**op) == Operation::MatMul)
}

fn convolution(node: &Node) -> Option<gpu_core::kernels::Conv2dShape> {
    let Op::Kernel(op) = &node.op else { return None };
    match ops::describe(&**op) {
        Operation::Conv2d(shape) => Some(shape),
        _ => None,
    }
}
