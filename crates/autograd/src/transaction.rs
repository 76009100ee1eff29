//! Evaluation: what is computed, which results are kept, and which states change.

use std::sync::MutexGuard;

use gpu_core::kernels::Unary;
use gpu_core::{Buffer, Device, Half};

use crate::blend::{self, Blend};
use crate::compile::{self, Evaluation, Failure};
use crate::donation::Donations;
use crate::history::History;
use crate::node::Stored;
use crate::op::{MapOp, Op};
use crate::snapshot::{Entry, Snapshot};
use crate::state::Versions;
use crate::{Result, State, Tensor, record, rounded};

/// Live element-wise results of at most this many elements are kept by a read; computing larger ones again is cheaper than writing
/// them.
const SMALL: usize = 64 * 1024;

/// A step: tensors to compute, and new versions of states, which are committed only if everything has succeeded.
///
/// It computes the loss, the outputs, the written values and their ancestors, and nothing else. Intermediate results that have a handle
/// are kept. Recorded [updates](State::update) that depend on something it computes are included. If an optimizer's kernel supports it
/// and nothing else refers to the old version of a written state, its memory is overwritten in place, so that the state always stays in
/// the same memory.
///
/// ```
/// # use autograd::{Device, Role, State, Tensor, Transaction};
/// let device = Device::named("cpu")?;
/// let weight = State::new(&Tensor::ones(&device, &[3]), Role::Parameter);
/// let w = weight.value().variable();
/// let loss = w.square().sum_all();
/// let gradient = loss.backward().get(&w).unwrap().clone();
/// let new = w.detach() - gradient * 0.25;
/// drop(w);
/// Transaction::default().loss(&loss).write(&weight, new).run()?;
/// assert_eq!(weight.value().to_vec::<f32>()?, [0.5; 3]);
/// assert_eq!(loss.item()?, 3.0);
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Default)]
pub struct Transaction {
    loss: Option<Tensor>,
    outputs: Vec<Tensor>,
    writes: Vec<Write>,
    /// New values of parts of flat states, in order.
    parts: Vec<(State, Vec<Blend>)>,
    /// Whether recorded updates are computed without being committed.
    holds_updates: bool,
}

/// A new version of a state.
struct Write {
    state: State,
    value: Tensor,
    /// The value rounded to halves, if the old version was, for the next step.
    rounded: Option<(Half, Tensor)>,
    /// Whether it is a [recorded](State::update) update.
    recorded: bool,
}

/// Computes tensors, and keeps the graph for gradients.
///
/// # Errors
/// Whatever goes wrong on the device; [`Error::Freed`](crate::Error::Freed) for tensors whose graph a step has freed.
pub fn evaluate(tensors: &[&Tensor]) -> Result<()> {
    let roots: Vec<Tensor> = tensors.iter().map(|&t| t.clone()).collect();
    let snapshot = Snapshot::of(roots.iter())?;
    let Some(device) = snapshot.device().cloned() else { return Ok(()) };
    record::end(&device);
    let _span = device.span("evaluate");
    let mut wanted: Vec<bool> = snapshot.live(roots.iter(), &History::default());
    let recomputable = |n: usize| {
        let node = &snapshot.nodes[n].node;
        let element_wise = match &node.op {
            Op::Map(_) => true,
            Op::Kernel(op) => (0..node.outputs.len()).all(|o| op.elementwise(o).is_some()),
            _ => false,
        };
        element_wise && node.outputs[0].numel() > SMALL
    };
    (0..wanted.len()).filter(|&n| recomputable(n)).for_each(|n| wanted[n] = false);
    mark_roots(&snapshot, roots.iter(), &mut wanted);
    let kept = keep(&snapshot, &wanted);
    let stored = snapshot.stored(|_| None)?;
    let evaluation = Evaluation::new(&snapshot, stored, kept, vec![], no_donations(&snapshot));
    let values = compile::run(&device, &evaluation).map_err(|failure| failure.error)?;
    evaluation.kept().zip(values).for_each(|(n, buffers)| snapshot.set_values(n, buffers));
    snapshot.detach_views();
    Ok(())
}

/// The memory of a tensor's values, dense; evaluates the tensor if needed.
pub(crate) fn materialize(tensor: &Tensor) -> Result<Stored> {
    let dense = dense(tensor);
    evaluate(&[&dense])?;
    stored(&dense)
}

/// The memory of an evaluated dense tensor.
fn stored(tensor: &Tensor) -> Result<Stored> {
    let base = tensor.in_order();
    base.node.stored(base.output)
}

/// The tensor, or a copy if it has no [memory](Tensor::memory) once evaluated, as numbers and views that are not dense.
pub(crate) fn dense(tensor: &Tensor) -> Tensor {
    let base = tensor.in_order().node;
    if base.viewed().is_none() && !matches!(base.op, Op::Scalars(_) | Op::Literal(_)) {
        return tensor.clone();
    }
    copy(tensor)
}

/// A copy without a gradient.
pub(crate) fn copy(tensor: &Tensor) -> Tensor {
    let copy = Op::Map(MapOp::Unary(Unary::Cast(tensor.dtype())));
    Tensor::record_op(tensor.device(), copy, vec![tensor.detach()], vec![tensor.meta().clone()]).remove(0)
}

impl Transaction {
    /// Sets the loss of the step, which is computed. Its graph is freed: it can't be differentiated again, and intermediate results
    /// lose their history.
    pub fn loss(mut self, loss: &Tensor) -> Transaction {
        self.loss = Some(loss.clone());
        self
    }

    /// Adds a tensor to compute.
    pub fn output(mut self, tensor: &Tensor) -> Transaction {
        self.outputs.push(tensor.clone());
        self
    }

    /// Sets a new version of a state, without a gradient. If there are several for one state, the last one is used.
    ///
    /// # Panics
    /// When the shape or type differs.
    #[track_caller]
    pub fn write(mut self, state: &State, value: Tensor) -> Transaction {
        self.set(state, value);
        self
    }

    /// As [`write`](Transaction::write).
    #[track_caller]
    pub fn set(&mut self, state: &State, value: Tensor) {
        let (old, new) = (state.meta(), value.meta());
        assert!(old == *new, "Transaction: {new:?} for a state of {old:?}");
        self.writes.retain(|write| !write.state.same(state));
        self.writes.push(Write {
            state: state.clone(),
            value: dense(&value),
            rounded: None,
            recorded: false,
        });
    }

    /// As [`write`](Transaction::write), for the part of a flat state that begins at an element.
    ///
    /// # Panics
    /// When the part does not fit into the state.
    #[track_caller]
    pub fn write_part(mut self, state: &State, start: usize, value: &Tensor) -> Transaction {
        let part = Blend::new(start, value.detach(), 0.0, 1.0);
        part.check(&state.newest());
        let at = self.parts.iter().position(|(written, _)| written.same(state)).unwrap_or_else(|| {
            self.parts.push((state.clone(), vec![]));
            self.parts.len() - 1
        });
        blend::insert(&mut self.parts[at].1, part, |_, part| part);
        self
    }

    /// Leaves the commit of recorded [updates](State::update) to a later transaction, as this one computes only a part of a step.
    pub(crate) fn hold_updates(mut self) -> Transaction {
        self.holds_updates = true;
        self
    }

    /// The version of a state that the transaction would make, or the state's newest version.
    pub fn value(&self, state: &State) -> Tensor {
        let written = self.writes.iter().find(|write| write.state.same(state));
        let whole = written.map_or_else(|| state.value(), |write| write.value.clone());
        let parts = self.parts.iter().find(|(written, _)| written.same(state));
        parts.map_or_else(|| whole.clone(), |(_, parts)| blend::replaced(&whole, parts))
    }

    /// Computes everything, and commits the new versions.
    ///
    /// # Errors
    /// Whatever goes wrong on the device. Nothing has changed then, except that recorded updates that depend on the failed work are
    /// dropped. If a CPU kernel panicked while a state was overwritten, that state is lost: reading it returns
    /// [`Error::Freed`](crate::Error::Freed), and it has to be set again, for example from a checkpoint.
    pub fn run(mut self) -> Result<()> {
        for state in self.parts.iter().map(|(state, _)| state.clone()).collect::<Vec<_>>() {
            let whole = self.value(&state);
            self.set(&state, whole);
        }
        let Some(device) = self.device() else { return Ok(()) };
        let recorded = State::all_recorded(&device);
        record::end(&device);
        let _span = device.span("evaluate");
        let mut snapshot = Snapshot::of(self.roots())?;
        let history = History::of(self.loss.as_ref());
        let updates = snapshot.take_in(recorded, &history);
        let (states, updates): (Vec<State>, Vec<Tensor>) = updates.into_iter().unzip();
        if self.holds_updates {
            self.outputs.extend(updates);
        } else {
            states.iter().zip(updates).for_each(|(state, update)| self.set_unless_written(state, update));
        }
        self.round(&mut snapshot, &history);
        let done = self.compute(&device, &snapshot, history);
        if done.is_err() {
            states.iter().for_each(State::discard_update);
        }
        State::settled();
        done
    }

    /// Adds the rounded copies of new versions whose old ones the step has rounded.
    fn round(&mut self, snapshot: &mut Snapshot, history: &History) {
        let halves = rounded::of_states(snapshot, self.writes.iter().map(|write| &write.state));
        for (write, half) in self.writes.iter_mut().zip(halves) {
            // A value that is halves is its own copy.
            let half = half.filter(|half| write.value.node.half != Some(*half));
            write.rounded = half.map(|half| (half, write.value.as_half(half)));
        }
        let copies: Vec<((), Tensor)> = self.copies().map(|copy| ((), copy.clone())).collect();
        if !copies.is_empty() {
            snapshot.take_in(copies, history);
        }
    }

    fn device(&self) -> Option<Device> {
        self.roots().next().map(|t| t.device().clone())
    }

    fn roots(&self) -> impl Iterator<Item = &Tensor> {
        let values = self.writes.iter().map(|write| &write.value);
        self.loss.iter().chain(&self.outputs).chain(values).chain(self.copies())
    }

    /// The rounded copies of new versions.
    fn copies(&self) -> impl Iterator<Item = &Tensor> {
        self.writes.iter().filter_map(|write| write.rounded.as_ref().map(|(_, copy)| copy))
    }

    fn set_unless_written(&mut self, state: &State, update: Tensor) {
        if self.writes.iter().all(|write| !write.state.same(state)) {
            self.writes.push(Write { state: state.clone(), value: update, rounded: None, recorded: true });
        }
    }

    /// Locks the states that are written, which are given in order of their addresses. A recorded update that another thread has
    /// committed or followed by a newer one since it was taken in is not written: it is one of the outputs then.
    fn lock<'a>(&mut self, states: &'a [State]) -> Vec<MutexGuard<'a, Versions>> {
        let mut locked = vec![];
        for (state, write) in states.iter().zip(std::mem::take(&mut self.writes)) {
            let versions = state.lock();
            if write.recorded && !versions.is_newest(&write.value) {
                self.outputs.push(write.value);
            } else {
                locked.push(versions);
                self.writes.push(write);
            }
        }
        locked
    }

    fn compute(mut self, device: &Device, snapshot: &Snapshot, history: History) -> Result<()> {
        self.writes.sort_by_key(|write| write.state.address());
        let states: Vec<State> = self.writes.iter().map(|write| write.state.clone()).collect();
        let mut locked = self.lock(&states);
        let mut wanted = snapshot.live(self.roots(), &history);
        mark_roots(snapshot, self.roots(), &mut wanted);
        let dying = history.dying(snapshot, &wanted, self.roots());
        let donations = Donations::decide(snapshot, &mut locked, &dying);
        let computed = self.launch(device, snapshot, &wanted, &donations);
        let values = match computed {
            Ok(values) => values,
            Err(failure) => {
                if !failure.overwrote {
                    donations.put_back();
                }
                return Err(failure.error);
            }
        };
        let copies: Vec<Option<usize>> = self.writes.iter().map(|write| write.copy(snapshot)).collect();
        let (copied, values): (Vec<_>, Vec<_>) =
            values.into_iter().partition(|(n, _)| copies.contains(&Some(*n)));
        values.into_iter().for_each(|(n, buffers)| snapshot.set_values(n, buffers));
        snapshot.detach_views();
        history.free();
        donations.put_back();
        for ((write, copy), versions) in self.writes.iter().zip(copies).zip(&mut locked) {
            let copy = copied.iter().find(|(n, _)| Some(*n) == copy).map(|(_, buffers)| buffers[0].clone());
            versions.commit(committed(write, copy)?);
        }
        Ok(())
    }

    /// The values of the wanted nodes, by node.
    fn launch(
        &self,
        device: &Device,
        snapshot: &Snapshot,
        wanted: &[bool],
        donations: &Donations,
    ) -> std::result::Result<Vec<(usize, Vec<Buffer>)>, Failure> {
        if snapshot.nodes.is_empty() {
            return Ok(vec![]);
        }
        let kept = keep(snapshot, wanted);
        let (mut roles, mut packed) = (vec![], vec![]);
        for write in &self.writes {
            let copy = write.copy(snapshot);
            let outputs = snapshot.base(&write.value).into_iter().chain(copy.map(|n| (n, 0)));
            roles.extend(outputs.map(|output| (output, write.state.role())));
            packed.extend(copy);
        }
        let stored = donations.stored(snapshot)?;
        let evaluation = Evaluation::new(snapshot, stored, kept, roles, donations.pairs.clone());
        let evaluation = Evaluation { packed, ..evaluation };
        let values = compile::run(device, &evaluation)?;
        Ok(evaluation.kept().zip(values).collect())
    }
}

impl Write {
    /// The node of the rounded copy.
    fn copy(&self, snapshot: &Snapshot) -> Option<usize> {
        self.rounded.as_ref().and_then(|(_, copy)| snapshot.find(copy))
    }
}

/// A leaf with the computed values of a new version, which keeps no graph, and with their rounded copy.
fn committed(write: &Write, copy: Option<Buffer>) -> Result<Tensor> {
    let value = &write.value;
    let rounded = write.rounded.as_ref().zip(copy).map(|((half, _), copy)| (*half, copy));
    let stored = Stored { rounded, ..stored(value)? };
    Ok(Tensor::from_stored(value.device(), stored, value.shape(), value.dtype(), false))
}

/// Marks the nodes of the roots, and the bases of those that are views.
fn mark_roots<'a>(snapshot: &Snapshot, roots: impl Iterator<Item = &'a Tensor>, wanted: &mut [bool]) {
    roots.filter_map(|root| snapshot.find(root)).for_each(|n| wanted[n] = true);
    snapshot.mark_bases(wanted);
}

/// Nodes whose values are kept: not views, which have no memory, nor calls, whose results are kept instead.
fn keep(snapshot: &Snapshot, wanted: &[bool]) -> Vec<bool> {
    let kept = |(entry, &wanted): (&Entry, &bool)| wanted && !entry.node.is_view() && !entry.node.is_call();
    snapshot.nodes.iter().zip(wanted).map(kept).collect()
}

/// No input of an in-place pair may be overwritten.
fn no_donations(snapshot: &Snapshot) -> Vec<bool> {
    vec![false; crate::donation::pairs(snapshot).count()]
}
