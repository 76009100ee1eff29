//! Tensors that change over time: parameters, optimizer state, running statistics.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, Weak};

use foldhash::HashMap;
use gpu_core::{Device, Role};

use crate::blend::{self, Blend, Factors};
use crate::capture_log::note_update;
use crate::node::Stored;
use crate::op::Meta;
use crate::{Tensor, note_read, transaction};

/// A tensor that steps replace by new versions. Versions are tensors, which never change: one that was read before a step keeps its
/// values.
///
/// A new version is made by [`Transaction::write`](crate::Transaction::write), after the work that computes it has succeeded; by
/// [`set`](State::set), at once; or by [`update`](State::update), which the forward passes of training record, with the next
/// transaction that computes something the update depends on. Clones are the same state, and any number of threads may use it: a read
/// during a step waits for the end of the step.
///
/// ```
/// # use autograd::{Device, Role, State, Tensor, Transaction};
/// let device = Device::named("cpu")?;
/// let count = State::new(&Tensor::zeros(&device, &[2]), Role::State);
/// let before = count.value();
/// Transaction::default().write(&count, before.clone() + 1.0).run()?;
/// assert_eq!(count.value().to_vec::<f32>()?, [1.0, 1.0]);
/// assert_eq!(before.to_vec::<f32>()?, [0.0, 0.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone)]
pub struct State(Arc<Shared>);

struct Shared {
    device: Device,
    role: Role,
    versions: Mutex<Versions>,
}

/// The versions of a state.
pub(crate) struct Versions {
    /// The committed version.
    pub current: Tensor,
    /// An update that is recorded, but not computed by a transaction yet.
    update: Option<Tensor>,
    /// Cached parts of the newest version, by their first element.
    pub parts: HashMap<usize, Tensor>,
    /// Values that parts of the current version were set to, not yet applied.
    set: Vec<Blend>,
    /// Blends of parts recorded since `update`, in order.
    blends: Vec<Blend>,
    factors: Option<Factors>,
    /// Counts of updates, by the first element of the part; 0 is also the whole state.
    counts: HashMap<usize, Count>,
}

/// The number of committed updates, and of those recorded since.
#[derive(Clone, Copy, Default)]
struct Count {
    updates: u64,
    recorded: u64,
}

/// A view of a part of a state.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// First element of the flat state.
    pub start: usize,
    /// Shape of the view.
    pub shape: &'a [usize],
    /// Whether the view is a [`variable`](Tensor::variable).
    pub variable: bool,
    /// The view's [name](Tensor::name).
    pub name: &'a str,
}

/// States with recorded updates, by address.
static RECORDED: LazyLock<Mutex<Recorded>> = LazyLock::new(Mutex::default);

/// The list of states with recorded updates. Entries are numbered, so that one that was made since a state was looked at is told from
/// the one before.
#[derive(Default)]
struct Recorded {
    states: BTreeMap<usize, (u64, Weak<Shared>)>,
    made: u64,
}

/// Number of recorded updates without a transaction after which the newest is computed, so that their graphs do not pile up.
const MOST_RECORDED: u64 = 16;

impl State {
    /// A state whose first version is `value`; `role` is what its memory is counted as.
    pub fn new(value: &Tensor, role: Role) -> State {
        let versions = Versions {
            current: without_gradient(value),
            update: None,
            parts: HashMap::default(),
            set: vec![],
            blends: vec![],
            factors: None,
            counts: HashMap::default(),
        };
        State(Arc::new(Shared { device: value.device().clone(), role, versions: Mutex::new(versions) }))
    }

    /// The newest version, including recorded updates.
    pub fn value(&self) -> Tensor {
        let value = self.newest();
        note_read(&value, self.address(), self, || {
            let state = self.clone();
            Arc::new(move || state.value())
        });
        value
    }

    /// Shape and type of all versions.
    pub fn meta(&self) -> Meta {
        self.lock().current.meta().clone()
    }

    /// The device that holds all versions.
    pub fn device(&self) -> &Device {
        &self.0.device
    }

    /// A part of the newest version; the same tensor until there is a newer version. Only one part may begin at each element.
    #[track_caller]
    pub fn part(&self, part: Part) -> Tensor {
        let mut versions = self.lock();
        if let Some(known) = versions.parts.get(&part.start) {
            return known.clone();
        }
        let here = |blend: &&Blend| blend.start == part.start;
        let seen = match (&versions.update, versions.set.iter().find(here)) {
            _ if versions.blends.iter().any(|blend| here(&blend)) => part.of(versions.newest()),
            (None, Some(set)) => Part { start: 0, ..part }.of(&set.value),
            (None, None) => part.of(&versions.current),
            (Some(update), _) => part.of(update),
        };
        versions.parts.insert(part.start, seen.clone());
        seen
    }

    /// Drops the cached [part](State::part) that begins at an element, so that another view of it can be made.
    pub fn forget_part(&self, start: usize) {
        self.lock().parts.remove(&start);
    }

    /// Whether both are the same state.
    pub fn same(&self, other: &State) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Replaces the value at once, and drops recorded updates. Gradients do not flow into it.
    ///
    /// # Panics
    /// When the shape or type differs.
    #[track_caller]
    pub fn set(&self, value: &Tensor) {
        let mut versions = self.lock();
        check(&versions.current, value);
        versions.replace(without_gradient(value));
    }

    /// As [`set`](State::set), for the part of a flat state that begins at an element.
    ///
    /// # Panics
    /// When the part does not fit into the state.
    #[track_caller]
    pub fn set_part(&self, start: usize, value: &Tensor) {
        let mut versions = self.lock();
        let set = Blend::new(start, without_gradient(value), 0.0, 1.0);
        set.check(&versions.current);
        versions.discard();
        blend::insert(&mut versions.set, set, |_, set| set);
    }

    /// Records a new version, such as a counter. All threads read it from now on, but it is committed only when a
    /// [`Transaction`](crate::Transaction) that computes something it depends on succeeds. If that transaction fails, the update is
    /// dropped.
    ///
    /// # Panics
    /// When the shape or type differs.
    #[track_caller]
    pub fn update(&self, value: &Tensor) {
        note_update(self);
        self.record_update(value, &[(0, 1)]);
    }

    /// As [`update`](State::update), for a part of a flat state, such as a running mean, which becomes `keep * old + share * value`.
    /// All parts that a step blends are updated by one launch. The part begins at element `start`, a multiple of 128.
    ///
    /// ```
    /// # use autograd::{Device, Role, State, Tensor, Transaction};
    /// let device = Device::named("cpu")?;
    /// let means = State::new(&Tensor::zeros(&device, &[256]), Role::State);
    /// let batch = Tensor::from_slice(&device, &[2.0f32, 4.0], &[2])?;
    /// means.blend(128, &batch, 0.75, 0.25);
    /// Transaction::default().output(&batch.sum_all()).run()?;
    /// assert_eq!(means.value().to_vec::<f32>()?[127..131], [0.0, 0.5, 1.0, 0.0]);
    /// assert_eq!((means.updates(128), means.updates(0)), (1, 0));
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When the part does not fit into the state.
    #[track_caller]
    pub fn blend(&self, start: usize, value: &Tensor, keep: f32, share: f32) {
        note_update(self);
        let blend = Blend::new(start, without_gradient(value), keep, share);
        let mut versions = self.lock();
        blend.check(&versions.current);
        self.note_recorded(&versions);
        blend::insert(&mut versions.blends, blend, Blend::then);
        versions.parts.remove(&start);
        let piled_up = versions.count(&[(start, 1)]);
        drop(versions);
        self.compute_piled(piled_up);
    }

    /// Records a new version, and the number of updates of each part since the version before.
    #[track_caller]
    pub(crate) fn record_update(&self, value: &Tensor, times: &[(usize, u64)]) {
        let value = transaction::dense(&without_gradient(value));
        let mut versions = self.lock();
        check(&versions.current, &value);
        self.note_recorded(&versions);
        versions.update = Some(value);
        versions.blends.clear();
        versions.parts.clear();
        let piled_up = versions.count(times);
        drop(versions);
        self.compute_piled(piled_up);
    }

    /// Adds the state to the list of states with recorded updates. Must be called before the update is stored.
    fn note_recorded(&self, versions: &Versions) {
        if !versions.has_recorded() {
            let mut recorded = recorded();
            recorded.made += 1;
            let entry = (recorded.made, Arc::downgrade(&self.0));
            recorded.states.insert(self.address(), entry);
        }
    }

    fn compute_piled(&self, piled_up: bool) {
        if piled_up {
            // An error is reported when the value is read.
            let _ = crate::evaluate(&[&self.newest()]);
        }
    }

    /// The [recorded](State::update) version that is not committed yet.
    pub fn recorded(&self) -> Option<Tensor> {
        self.lock().recorded()
    }

    /// Drops [recorded](State::update) updates.
    pub fn discard_update(&self) {
        self.lock().discard();
    }

    /// Number of updates of the part that begins at element `start`, including recorded ones; 0 is also the whole state.
    pub fn updates(&self, start: usize) -> u64 {
        self.lock().counts.get(&start).map_or(0, Count::all)
    }

    /// Sets the number of committed [`updates`](State::updates), from which counting continues.
    pub fn set_updates(&self, start: usize, updates: u64) {
        self.lock().counts.entry(start).or_default().updates = updates;
    }

    /// [`updates`](State::updates) of all parts.
    pub(crate) fn all_updates(&self) -> HashMap<usize, u64> {
        self.lock().counts.iter().map(|(&start, count)| (start, count.all())).collect()
    }

    /// The newest version, without logging the read in a capture.
    pub(crate) fn newest(&self) -> Tensor {
        self.lock().newest().clone()
    }

    pub(crate) fn role(&self) -> Role {
        self.0.role
    }

    /// The address, by which transactions order states: all lock them in the same order.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Versions> {
        self.0.versions.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The states of a device with recorded updates, and the updates.
    pub(crate) fn all_recorded(device: &Device) -> Vec<(State, Tensor)> {
        let states: Vec<State> =
            recorded().states.values().filter_map(|(_, state)| state.upgrade()).map(State).collect();
        let of_device = states.into_iter().filter(|state| state.0.device == *device);
        of_device.filter_map(|state| Some((state.clone(), state.recorded()?))).collect()
    }

    /// Removes the states whose updates were committed or dropped from the list of states with recorded updates.
    pub(crate) fn settled() {
        let open =
            |state: &Weak<Shared>| state.upgrade().is_some_and(|state| State(state).lock().has_recorded());
        // A state's lock is held while the list is locked, so the states can be looked at only outside of the list's lock.
        let mut known = recorded().states.clone();
        known.retain(|_, (_, state)| !open(state));
        recorded()
            .states
            .retain(|address, (number, _)| known.get(address).is_none_or(|settled| settled.0 != *number));
    }
}

impl Versions {
    /// The newest version without pending blends.
    fn whole(&mut self) -> &Tensor {
        if !self.set.is_empty() {
            self.current = blend::replaced(&self.current, &std::mem::take(&mut self.set));
        }
        self.update.as_ref().unwrap_or(&self.current)
    }

    fn newest(&mut self) -> &Tensor {
        if !self.blends.is_empty() {
            let blends = std::mem::take(&mut self.blends);
            let old = self.whole().clone();
            self.update = Some(blend::blended(&old, &blends, &mut self.factors));
            self.parts.clear();
        }
        self.whole()
    }

    fn recorded(&mut self) -> Option<Tensor> {
        self.newest();
        self.update.clone()
    }

    fn has_recorded(&self) -> bool {
        self.update.is_some() || !self.blends.is_empty()
    }

    /// Whether a recorded update is still pending, and nothing was recorded after it.
    pub fn is_newest(&self, update: &Tensor) -> bool {
        self.blends.is_empty() && self.update.as_ref().is_some_and(|newest| newest.same(update))
    }

    /// Counts recorded updates of parts; returns whether it is time to compute them.
    fn count(&mut self, times: &[(usize, u64)]) -> bool {
        let most = |counts: &HashMap<usize, Count>| counts.values().map(|c| c.recorded).max().unwrap_or(0);
        let before = most(&self.counts);
        times.iter().for_each(|&(start, times)| self.counts.entry(start).or_default().recorded += times);
        before / MOST_RECORDED < most(&self.counts) / MOST_RECORDED
    }

    fn replace(&mut self, value: Tensor) {
        self.current = value;
        self.set.clear();
        self.discard();
    }

    /// Commits `value`. If it was written over the current version in place, that version's handles stay and have the new values.
    pub fn commit(&mut self, value: Tensor) {
        self.counts.values_mut().for_each(|count| count.updates += count.recorded);
        let new = value.memory();
        let overwritten = self.current.memory().zip(new.as_ref()).is_some_and(|(old, new)| old.same(new));
        if !overwritten || self.has_recorded() {
            return self.replace(value);
        }
        let rounded = new.and_then(|new| new.rounded);
        for handle in self.parts.values().chain([&self.current]) {
            if let Some(stored) = &mut handle.node.state().values[0] {
                stored.rounded = rounded.clone();
            }
        }
    }

    pub fn discard(&mut self) {
        self.update = None;
        self.blends.clear();
        self.counts.values_mut().for_each(|count| count.recorded = 0);
        self.parts.clear();
    }
}

impl PartialEq for State {
    /// Whether both are the same state.
    fn eq(&self, other: &State) -> bool {
        self.same(other)
    }
}

impl Count {
    fn all(&self) -> u64 {
        self.updates + self.recorded
    }
}

impl Part<'_> {
    /// This part of a flat tensor, or a tensor of the part's own size under its name.
    #[track_caller]
    fn of(&self, value: &Tensor) -> Tensor {
        let part = match value.memory() {
            // Values in memory: a leaf, as a view would keep the node alive.
            Some(stored) => {
                let stored = Stored { offset: stored.offset + self.start, ..stored };
                Tensor::from_stored(value.device(), stored, self.shape, value.dtype(), self.variable)
            }
            None => {
                let count = self.shape.iter().product();
                let same = value.shape() == self.shape;
                let part =
                    if same { value.clone() } else { value.narrow(0, self.start, count).reshape(self.shape) };
                if self.variable { part.variable() } else { part.detach() }
            }
        };
        part.named(self.name)
    }
}

/// The tensor without its gradient; the tensor itself if it has none.
#[track_caller]
fn without_gradient(value: &Tensor) -> Tensor {
    if value.requires_grad() { value.detach() } else { value.clone() }
}

#[track_caller]
fn check(current: &Tensor, value: &Tensor) {
    let (old, new) = (current.shape(), value.shape());
    assert!(old == new && current.dtype() == value.dtype(), "State: {new:?} for a state of shape {old:?}");
}

fn recorded() -> MutexGuard<'static, Recorded> {
    RECORDED.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
