//! Functions for inference: what depends on parameters alone is computed once, and factors of channels move into weights.

use std::sync::{Arc, Mutex};

use foldhash::{HashMap, HashSet};
use gpu_core::kernels::Binary;

use crate::capture::{Recording, STRUCTURES, Signature, signature};
use crate::capture_log::{Log, note_index};
use crate::compile::{Bytes, Source};
use crate::graph::{Operation, before};
use crate::node::Node;
use crate::op::{MapOp, Op};
use crate::transaction::evaluate;
use crate::{Gradients, Result, Tensor, ops};

/// A function of tensors for inference, such as a network in evaluation.
///
/// The first call with inputs of some shapes records the function; later ones replay its plan, at almost no cost on the host. Whatever
/// does not depend on the inputs is computed once. A factor or an addend for each channel after a convolution or a product, such as
/// those of a batch norm in evaluation, becomes part of its weight and bias.
///
/// Parameters have the values that they had when they were first read: a frozen network does not follow further training. Any number of
/// threads may call it. Plans are kept for 256 structures of inputs; when there are more, all are dropped and recorded again.
///
/// ```
/// use autograd::{Device, Frozen, Role, State, Tensor};
/// let device = Device::named("cpu")?;
/// let weight = State::new(&Tensor::from_slice(&device, &[1.0f32, 2.0], &[2, 1])?, Role::Parameter);
/// let read = weight.clone();
/// let frozen = Frozen::new(move |x| vec![x[0].matmul(&read.value()) * 10.0]);
/// let x = Tensor::from_slice(&device, &[3.0f32, 4.0], &[1, 2])?;
/// assert_eq!(frozen.call(&[x.clone()])?[0].to_vec::<f32>()?, [110.0]);
/// weight.set(&Tensor::zeros(&device, &[2, 1]));
/// assert_eq!(frozen.call(&[x])?[0].to_vec::<f32>()?, [110.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
#[doc(alias("inference_mode", "freeze", "jit"))]
pub struct Frozen {
    f: Box<Function>,
    known: Mutex<Known>,
}

type Function = dyn Fn(&[Tensor]) -> Vec<Tensor> + Send + Sync;

#[derive(Default)]
struct Known {
    recordings: HashMap<Signature, Arc<Recording>>,
    constants: Constants,
}

impl Frozen {
    /// A frozen `f`, which returns the outputs for the inputs. Nothing is recorded yet.
    pub fn new(f: impl Fn(&[Tensor]) -> Vec<Tensor> + Send + Sync + 'static) -> Frozen {
        Frozen { f: Box::new(f), known: Mutex::default() }
    }

    /// The outputs for some inputs, of which there is at least one.
    ///
    /// # Errors
    /// Whatever goes wrong on the device; [`Error::IndexOutOfRange`](crate::Error::IndexOutOfRange).
    ///
    /// # Panics
    /// When the function panics, draws random numbers or updates a state, as networks do in training; without inputs.
    #[track_caller]
    pub fn call(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        assert!(!inputs.is_empty(), "Frozen: no inputs");
        let signature = signature(inputs);
        let mut known = self.known.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let recording = match known.recordings.get(&signature) {
            Some(recording) => recording.clone(),
            None => {
                if known.recordings.len() == STRUCTURES {
                    known.recordings.clear();
                    known.constants.forget();
                }
                let recording = Arc::new(self.record(inputs, &mut known.constants)?);
                known.recordings.insert(signature, recording.clone());
                recording
            }
        };
        drop(known);
        recording.check_indices(inputs)?;
        Ok(Recording::replay(&recording, inputs).outputs().to_vec())
    }

    #[track_caller]
    fn record(&self, inputs: &[Tensor], constants: &mut Constants) -> Result<Recording> {
        let mut failed = None;
        let mut f = |inputs: &[Tensor]| {
            let (outputs, log) = Log::during(|| (self.f)(inputs));
            let trains = !log.draws.is_empty() || !log.updates().is_empty();
            assert!(
                !trains,
                "Frozen: the function draws random numbers or updates a state; use a network in evaluation mode"
            );
            log.indices.iter().for_each(|(index, range)| note_index(index, *range));
            let outputs = rebuild(&outputs, inputs, &log, constants);
            let outputs = outputs.inspect_err(|error| failed = Some(error.clone())).unwrap_or_default();
            outputs.iter().fold(Gradients::returned([]), |all, output| all.with_output(output))
        };
        let (recording, _) = Recording::of(&mut f, inputs)?;
        failed.map_or(Ok(recording), Err)
    }
}

/// Values that do not depend on inputs, each of them once for all structures of inputs.
#[derive(Default)]
struct Constants {
    /// The values of states when they were first read, by the states' identifiers.
    states: HashMap<usize, usize>,
    /// By everything that a value depends on.
    computed: HashMap<Vec<u8>, usize>,
    tensors: Vec<Tensor>,
}

impl Constants {
    /// Drops all values but those of states.
    fn forget(&mut self) {
        let tensors = std::mem::take(&mut self.tensors);
        self.computed.clear();
        for at in self.states.values_mut() {
            self.tensors.push(tensors[*at].clone());
            *at = self.tensors.len() - 1;
        }
    }

    fn push(&mut self, tensor: Tensor) -> usize {
        self.tensors.push(tensor);
        self.tensors.len() - 1
    }

    /// A tensor that the function has not computed.
    fn leaf(&mut self, tensor: &Tensor, log: &Log) -> usize {
        if let Some(reader) = log.reader(tensor) {
            if let Some(&at) = self.states.get(&reader.id()) {
                return at;
            }
            let at = self.push(tensor.detach());
            self.states.insert(reader.id(), at);
            return at;
        }
        if let Op::Literal(_) = &tensor.node.op {
            return self.intern(tensor.clone(), &[]);
        }
        self.push(tensor.detach())
    }

    /// A tensor that was computed from constants, or the equal one that is there already.
    fn intern(&mut self, tensor: Tensor, inputs: &[usize]) -> usize {
        let sources: Vec<Source> = inputs.iter().map(|&at| Source::Node(at, 0)).collect();
        let mut key = Bytes::of_node(&tensor.node, &sources);
        key.extend_from_slice(&tensor.output.to_ne_bytes());
        if let Some(&at) = self.computed.get(&key) {
            return at;
        }
        let at = self.push(tensor);
        self.computed.insert(key, at);
        at
    }

    /// The operation of a node on constants.
    fn operation(&mut self, node: &Node, inputs: &[usize]) -> usize {
        let tensors = inputs.iter().map(|&at| self.tensors[at].clone()).collect();
        self.intern(Tensor { node: node.recomputed(tensors), output: 0 }, inputs)
    }

    fn binary(&mut self, f: fn(&Tensor, &Tensor) -> Tensor, a: usize, b: usize) -> usize {
        let tensor = f(&self.tensors[a], &self.tensors[b]);
        self.intern(tensor, &[a, b])
    }
}

/// An output of a node in the rebuilt graph.
#[derive(Clone)]
enum Built {
    Constant(usize),
    Computed(Tensor),
    /// A convolution or a product with a constant weight, and an addend. It is recorded when something else reads it.
    Linear {
        node: Arc<Node>,
        x: Tensor,
        weight: usize,
        addend: Option<usize>,
    },
}

struct Rebuild<'a> {
    constants: &'a mut Constants,
    built: HashMap<(*const Node, usize), Built>,
    /// How often the outputs of each node are read.
    reads: HashMap<*const Node, usize>,
}

/// The outputs, computed from `inputs` and constants.
fn rebuild(
    outputs: &[Tensor],
    inputs: &[Tensor],
    log: &Log,
    constants: &mut Constants,
) -> Result<Vec<Tensor>> {
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
    let mut rebuild = Rebuild { constants, built: HashMap::default(), reads };
    for node in &nodes {
        let before = inputs_of(node);
        let first = Tensor { node: node.clone(), output: 0 };
        let built = match &before[..] {
            [] if inputs.iter().any(|t| Arc::ptr_eq(&t.node, node)) => Built::Computed(first),
            [] => Built::Constant(rebuild.constants.leaf(&first, log)),
            before => rebuild.node(node, before),
        };
        rebuild.insert(node, built);
    }
    let outputs: Vec<Tensor> = outputs.iter().map(|t| rebuild.tensor(t)).collect();
    // Views of weights stay views, so that there is no second copy.
    let stored: Vec<&Tensor> = constants.tensors.iter().filter(|t| !t.node.is_view()).collect();
    evaluate(&stored)?;
    Ok(outputs)
}

impl Rebuild<'_> {
    /// Notes what was built for a node's first output, and what follows for the others.
    fn insert(&mut self, node: &Arc<Node>, first: Built) {
        for output in 1..node.outputs.len() {
            let other = match &first {
                Built::Constant(at) => {
                    let node = self.constants.tensors[*at].node.clone();
                    Built::Constant(self.constants.push(Tensor { node, output }))
                }
                Built::Computed(t) | Built::Linear { x: t, .. } => {
                    Built::Computed(Tensor { node: t.node.clone(), output })
                }
            };
            self.built.insert((Arc::as_ptr(node), output), other);
        }
        self.built.insert((Arc::as_ptr(node), 0), first);
    }

    fn built(&self, tensor: &Tensor) -> &Built {
        &self.built[&(Arc::as_ptr(&tensor.node), tensor.output)]
    }

    fn constant(&self, tensor: &Tensor) -> Option<usize> {
        match self.built(tensor) {
            Built::Constant(at) => Some(*at),
            _ => None,
        }
    }

    /// The tensor that stands for one of the original graph.
    fn tensor(&mut self, tensor: &Tensor) -> Tensor {
        match self.built(tensor).clone() {
            Built::Constant(at) => self.constants.tensors[at].clone(),
            Built::Computed(tensor) => tensor,
            Built::Linear { node, x, weight, addend } => {
                let weight = self.constants.tensors[weight].clone();
                let mut y = Tensor { node: node.recomputed(vec![x, weight]), output: 0 };
                if let Some(at) = addend {
                    y = y + &self.constants.tensors[at];
                }
                self.built.insert((Arc::as_ptr(&tensor.node), tensor.output), Built::Computed(y.clone()));
                y
            }
        }
    }

    /// The first output of a node.
    fn node(&mut self, node: &Arc<Node>, inputs: &[Tensor]) -> Built {
        let constants: Option<Vec<usize>> = inputs.iter().map(|t| self.constant(t)).collect();
        if let Some(constants) = constants {
            return Built::Constant(self.constants.operation(node, &constants));
        }
        if let Some(linear) = self.linear(node, inputs).or_else(|| self.folded(node, inputs)) {
            return linear;
        }
        let inputs = inputs.iter().map(|t| self.tensor(t)).collect();
        Built::Computed(Tensor { node: node.recomputed(inputs), output: 0 })
    }

    /// A convolution or a product with a constant weight.
    fn linear(&mut self, node: &Arc<Node>, inputs: &[Tensor]) -> Option<Built> {
        channel(node)?;
        let weight = self.constant(inputs.get(1)?)?;
        Some(Built::Linear { node: node.clone(), x: self.tensor(&inputs[0]), weight, addend: None })
    }

    /// A product or a sum with constants of the channels, as part of the convolution or product before it.
    fn folded(&mut self, node: &Arc<Node>, inputs: &[Tensor]) -> Option<Built> {
        let Op::Map(MapOp::Binary(f @ (Binary::Mul | Binary::Add))) = &node.op else { return None };
        let (y, other) = match [self.constant(&inputs[0]), self.constant(&inputs[1])] {
            [None, Some(other)] => (&inputs[0], other),
            [Some(other), None] => (&inputs[1], other),
            _ => return None,
        };
        let Built::Linear { node: linear, x, weight, addend } = self.built(y).clone() else { return None };
        if self.reads[&Arc::as_ptr(&y.node)] > 1 || node.outputs != linear.outputs {
            return None;
        }
        let (in_output, in_weight) = channel(&linear)?;
        let shape = self.constants.tensors[other].shape();
        let channels = shape.iter().product();
        let lead = linear.outputs[0].shape.len() - shape.len();
        if channels != 1 && shape.get(in_output.wrapping_sub(lead)) != Some(&channels) {
            return None;
        }
        if *f == Binary::Add {
            let addend = addend.map_or(other, |old| self.constants.binary(|a, b| a + b, old, other));
            return Some(Built::Linear { node: linear, x, weight, addend: Some(addend) });
        }
        let addend = addend.map(|old| self.constants.binary(|a, b| a * b, old, other));
        let mut factors = vec![1; self.constants.tensors[weight].rank()];
        factors[in_weight] = channels;
        let factor = self.constants.tensors[other].reshape(&factors);
        let factor = self.constants.intern(factor, &[other]);
        let weight = self.constants.binary(|a, b| a * b, weight, factor);
        Some(Built::Linear { node: linear, x, weight, addend })
    }
}

/// The dimensions of the output and of the weight that are the channels of a convolution or product.
fn channel(node: &Node) -> Option<(usize, usize)> {
    let Op::Kernel(op) = &node.op else { return None };
    match ops::describe(&**op) {
        Operation::Conv2d(_) => Some((1, 0)),
        Operation::MatMul => {
            let last = node.outputs[0].shape.len() - 1;
            Some((last, last))
        }
        _ => None,
    }
}
