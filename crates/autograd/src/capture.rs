//! Functions of tensors that are recorded once and replayed: training steps with almost no cost on the host.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use foldhash::{HashMap, HashSet};
use gpu_core::Half;

use crate::capture_log::{Draws, Log, Reader, Writer};
use crate::compile::{Bytes, Source};
use crate::index_range::IndexRange;
use crate::node::Node;
use crate::op::{Meta, Op};
use crate::snapshot::Snapshot;
use crate::{Gradients, Result, State, Tensor, autocast, transaction};

/// A training pass that is recorded once for each structure of its inputs, and replayed after that. A replay costs the host time in
/// proportion to the number of inputs and outputs, not of operations.
///
/// The function takes a batch and returns the gradients of a loss, with [outputs](Gradients::with_output). It must be pure: what it
/// computes may depend on the batch, on parameters and other [states](crate::State), and on numbers drawn from
/// [generators](crate::Generator), and on nothing else. This is checked: the first calls with inputs of one structure are recorded and
/// compared. If they keep differing (the function uploads data, or uses a number that changes from call to call), every call is
/// recorded from then on, and [`impure`](Captured::impure) says why. Results are bit-identical to those of the function itself.
///
/// ```
/// # use std::cell::Cell;
/// # use autograd::{Captured, Device, Part, Role, State, Tensor};
/// let device = Device::named("cpu")?;
/// let scale = State::new(&Tensor::ones(&device, &[3]), Role::State);
/// let passes = Cell::new(0);
/// let mut step = Captured::new(|batch: &[Tensor]| {
///     passes.set(passes.get() + 1);
///     (scale.value() * &batch[0]).sum_all().backward()
/// });
/// for i in 0..4 {
///     let batch = Tensor::from_slice(&device, &[i as f32, 1.0, 2.0], &[3])?;
///     let gradients = step.call(&[batch])?;
///     assert_eq!(gradients.root().unwrap().item()?, i as f32 + 3.0);
/// }
/// assert_eq!((step.impure(), passes.get()), (None, 2));
/// # Ok::<(), autograd::Error>(())
/// ```
#[doc(alias("compile", "CUDAGraph", "make_graphed_callables"))]
pub struct Captured<F> {
    f: F,
    known: HashMap<Signature, Known>,
    impure: Option<String>,
}

/// Shapes and types of the inputs, and the precision of [`autocast`](crate::autocast()).
pub(crate) type Signature = (Vec<Meta>, Option<Half>);

pub(crate) fn signature(inputs: &[Tensor]) -> Signature {
    (inputs.iter().map(|t| t.meta().clone()).collect(), autocast::active())
}

/// The recorded calls with one signature.
struct Known {
    recording: Arc<Recording>,
    /// Whether two calls in a row have recorded the same.
    pure: bool,
    /// Number of calls that recorded something else than the call before.
    differences: usize,
}

/// Differing calls after which a function is impure. The first training steps may differ: an optimizer gathers the parameters in flat
/// memory.
const DIFFERENCES: usize = 3;
/// Structures kept; when there are more, all are dropped and recorded again.
pub(crate) const STRUCTURES: usize = 256;

impl<F: FnMut(&[Tensor]) -> Gradients> Captured<F> {
    /// A capture of `f`, which gets the batch and returns the gradients of its loss. Nothing is recorded yet.
    pub fn new(f: F) -> Captured<F> {
        Captured { f, known: HashMap::default(), impure: None }
    }

    /// Why every call is recorded; `None` while calls may be replayed.
    pub fn impure(&self) -> Option<&str> {
        self.impure.as_deref()
    }

    /// The gradients for a batch.
    ///
    /// # Errors
    /// Whatever goes wrong on the device; [`Error::IndexOutOfRange`](crate::Error::IndexOutOfRange).
    ///
    /// # Panics
    /// When the function panics.
    #[track_caller]
    pub fn call(&mut self, inputs: &[Tensor]) -> Result<Gradients> {
        if self.impure.is_some() || inputs.is_empty() {
            return Ok((self.f)(inputs));
        }
        let signature = signature(inputs);
        if let Some(known) = self.known.get(&signature).filter(|known| known.pure) {
            known.recording.check_indices(inputs)?;
            return Ok(Recording::replay(&known.recording, inputs));
        }
        let (recording, gradients) = Recording::of(&mut self.f, inputs)?;
        let recording = Arc::new(recording);
        let Some(known) = self.known.get_mut(&signature) else {
            if self.known.len() == STRUCTURES {
                self.known.clear();
            }
            self.known.insert(signature, Known { recording, pure: false, differences: 0 });
            return Ok(gradients);
        };
        match known.recording.difference(&recording) {
            None => known.pure = true,
            Some(difference) => {
                known.differences += 1;
                if known.differences == DIFFERENCES {
                    self.impure = Some(difference);
                }
            }
        }
        known.recording = recording;
        Ok(gradients)
    }
}

/// What a call of the function has recorded.
pub(crate) struct Recording {
    /// Identifies the recording in the keys of plans.
    pub id: u64,
    /// Copies of the nodes without their inputs, producers first. The original nodes would all count as live.
    pub nodes: Vec<Arc<Node>>,
    pub sources: Vec<Vec<Source>>,
    /// The gradients, the loss if there is one, the outputs, and the updates.
    pub results: Vec<Source>,
    metas: Vec<Meta>,
    leaves: Vec<Leaf>,
    /// All draws in order, and the leaf of each, if the results depend on it.
    draws: Vec<(Draws, Option<usize>)>,
    /// For each gradient, the leaf that is its variable.
    variables: Vec<usize>,
    has_loss: bool,
    has_factor: bool,
    /// The number of steps that changed nothing.
    skipped: Option<State>,
    updates: Vec<Writer>,
    /// Numbers of inputs whose values are indices, and what they must be within.
    indices: Vec<(usize, IndexRange)>,
}

/// Where a tensor that the function reads comes from.
enum Leaf {
    /// By number of the input.
    Input(usize),
    Read(Reader),
    /// By number of the draw.
    Draw(usize),
    /// The same tensor in every call.
    Constant(Tensor),
}

impl Recording {
    #[track_caller]
    pub fn of(
        f: &mut impl FnMut(&[Tensor]) -> Gradients,
        inputs: &[Tensor],
    ) -> Result<(Recording, Gradients)> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // Aliases, to tell an input from the same tensor read in another way.
        let inputs: Vec<Tensor> = inputs.iter().map(|t| t.alias(|_| ())).collect();
        let (gradients, log) = Log::during(|| f(&inputs));
        let read = |v: &Tensor| {
            log.reader(v)?;
            Some((v.clone(), transaction::dense(gradients.unscaled(v)?)))
        };
        let (variables, slopes): (Vec<Tensor>, Vec<Tensor>) =
            gradients.variables().iter().filter_map(read).unzip();
        let (writers, updates): (Vec<Writer>, Vec<Tensor>) = log.updates().into_iter().unzip();
        let others =
            gradients.root().into_iter().chain(gradients.factor()).chain(gradients.outputs()).chain(&updates);
        let known: HashSet<*const Node> =
            inputs.iter().chain(log.read_tensors()).map(|t| Arc::as_ptr(&t.node)).collect();
        // Results that the pass did not compute are copied, so that each has memory of its own.
        let own = |t: Tensor| {
            let base = t.in_order().node;
            let given = base.is_leaf() || known.contains(&Arc::as_ptr(&base));
            if given { transaction::copy(&t) } else { t }
        };
        let results: Vec<Tensor> =
            slopes.into_iter().chain(others.map(transaction::dense)).map(own).collect();
        let snapshot = Snapshot::within(results.iter(), |node| known.contains(&Arc::as_ptr(node)))?;
        let of = |t: &Tensor| {
            let n = snapshot.find(t).expect("results are computed by the pass");
            Source::Node(n, t.output)
        };
        let sources: Vec<Source> = results.iter().map(of).collect();
        let mut read = snapshot.leaves.clone();
        let place = |v: &Tensor| {
            read.iter().position(|t| t.same(v)).unwrap_or_else(|| {
                // The gradient does not depend on the variable's value.
                read.push(v.clone());
                read.len() - 1
            })
        };
        let variables = variables.iter().map(place).collect();
        let leaves: Vec<Leaf> = read.iter().map(|t| log.leaf(&inputs, t)).collect();
        let leaf_of = |draw: usize| leaves.iter().position(|l| matches!(l, Leaf::Draw(d) if *d == draw));
        let draws = log.draws.iter().enumerate().map(|(i, (_, draws))| (draws.clone(), leaf_of(i))).collect();
        let input = |index: &Tensor| {
            let base = index.in_order();
            inputs.iter().position(|input| input.in_order().same(&base))
        };
        let indices = log.indices.iter().filter_map(|(index, range)| Some((input(index)?, *range))).collect();
        let recording = Recording {
            id: NEXT.fetch_add(1, Relaxed),
            nodes: snapshot.nodes.iter().map(|entry| Arc::new(entry.node.template())).collect(),
            sources: snapshot.nodes.iter().map(|entry| entry.sources.clone()).collect(),
            results: sources,
            metas: results.iter().map(|t| t.meta().clone()).collect(),
            leaves,
            draws,
            variables,
            has_loss: gradients.root().is_some(),
            has_factor: gradients.factor().is_some(),
            skipped: gradients.skipped_state().cloned(),
            updates: writers,
            indices,
        };
        Ok((recording, gradients))
    }

    /// # Errors
    /// [`Error::IndexOutOfRange`](crate::Error::IndexOutOfRange).
    pub fn check_indices(&self, inputs: &[Tensor]) -> Result<()> {
        self.indices.iter().try_for_each(|(input, range)| range.check(&inputs[*input]))
    }

    /// What another call has recorded differently; `None` if it has recorded the same.
    fn difference(&self, other: &Recording) -> Option<String> {
        for ((a, b), (sa, sb)) in
            self.nodes.iter().zip(&other.nodes).zip(self.sources.iter().zip(&other.sources))
        {
            if Bytes::of_node(a, sa) != Bytes::of_node(b, sb) {
                return Some(format!(
                    "{} at {} differs from the operation of the previous call",
                    b.op.name(),
                    b.location
                ));
            }
        }
        let leaves = self.leaves.iter().zip(&other.leaves).find_map(|(a, b)| a.difference(b));
        let counts = |r: &Recording| (r.nodes.len(), r.leaves.len(), r.draws.len());
        let same = counts(self) == counts(other)
            && self.updates == other.updates
            && self.results == other.results
            && self.variables == other.variables;
        leaves.or_else(|| (!same).then(|| "the number of operations differs from the previous call".into()))
    }

    /// The gradients that the function would return, by a call of the recording.
    #[track_caller]
    pub fn replay(this: &Arc<Recording>, inputs: &[Tensor]) -> Gradients {
        let mut drawn: Vec<Option<Tensor>> = vec![None; this.leaves.len()];
        for (draws, leaf) in &this.draws {
            let numbers = draws.next(inputs[0].device());
            if let Some(leaf) = leaf {
                drawn[*leaf] = Some(numbers);
            }
        }
        let read = |(leaf, drawn): (&Leaf, Option<Tensor>)| match leaf {
            Leaf::Input(i) => inputs[*i].clone(),
            Leaf::Read(reader) => reader.read(),
            Leaf::Draw(_) => drawn.expect("drawn above"),
            Leaf::Constant(tensor) => tensor.clone(),
        };
        let leaves: Vec<Tensor> = this.leaves.iter().zip(drawn).map(read).collect();
        let variables: Vec<Tensor> = this.variables.iter().map(|&leaf| leaves[leaf].clone()).collect();
        let device = inputs[0].device();
        let call = Tensor::record_op(device, Op::Call(this.clone()), leaves, this.metas.clone());
        let mut outputs = call.into_iter();
        let mut gradients = Gradients::returned(variables.into_iter().zip(outputs.by_ref()));
        let mut results = outputs.map(|output| output.returned());
        if this.has_loss {
            gradients = gradients.with_root(results.next().expect("a loss"));
        }
        if this.has_factor {
            gradients = gradients.scaled(&results.next().expect("a factor"));
        }
        if let Some(count) = &this.skipped {
            gradients = gradients.with_skipped(count);
        }
        let mut others: Vec<Tensor> = results.collect();
        let updates = others.split_off(others.len() - this.updates.len());
        this.updates.iter().zip(updates).for_each(|(writer, value)| writer.write(&value));
        others.iter().fold(gradients, |gradients, output| gradients.with_output(output))
    }
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{} operations on {} tensors", self.nodes.len(), self.leaves.len())
    }
}

impl Log {
    fn leaf(&self, inputs: &[Tensor], tensor: &Tensor) -> Leaf {
        if let Some(i) = inputs.iter().position(|input| input.same(tensor)) {
            return Leaf::Input(i);
        }
        if let Some(reader) = self.reader(tensor) {
            return Leaf::Read(reader.clone());
        }
        let draw = self.draws.iter().position(|(drawn, _)| drawn.same(tensor));
        draw.map_or_else(|| Leaf::Constant(tensor.clone()), Leaf::Draw)
    }
}

impl Leaf {
    fn difference(&self, other: &Leaf) -> Option<String> {
        let same = match (self, other) {
            (Leaf::Input(a), Leaf::Input(b)) | (Leaf::Draw(a), Leaf::Draw(b)) => a == b,
            (Leaf::Read(a), Leaf::Read(b)) => a.id() == b.id(),
            (Leaf::Constant(a), Leaf::Constant(b)) => {
                a.same(b)
                    || (a.meta() == b.meta()
                        && match (&a.node.op, &b.node.op) {
                            (Op::Literal(a), Op::Literal(b)) => a == b,
                            (Op::Scalars(a), Op::Scalars(b)) => a == b,
                            (Op::Constant(a), Op::Constant(b)) => a == b,
                            _ => false,
                        })
            }
            _ => false,
        };
        let Leaf::Constant(tensor) = other else {
            return (!same).then(|| "another parameter is read".into());
        };
        let what = match tensor.node.op {
            Op::Scalars(_) => "a number differs from call to call",
            _ => "data is uploaded, or values are read, at every call",
        };
        (!same).then(|| {
            format!("{what}: {} {:?} at {}", tensor.node.op.name(), tensor.shape(), tensor.node.location)
        })
    }
}
