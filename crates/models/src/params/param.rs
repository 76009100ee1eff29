//! A named tensor of a model, and where it is stored.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};

use autograd::{Part, Role, State, Tensor, Transaction, note_read};

use super::statistics::Untracked;
use crate::low_rank::{self, LowRank};

/// A named, mutable tensor: a trainable parameter, or a buffer such as running statistics. Clones share the same parameter.
#[doc(alias("Parameter", "nn.Parameter"))]
#[derive(Clone)]
pub struct Param(pub(super) Arc<Inner>);

pub(super) struct Inner {
    name: String,
    place: Mutex<Place>,
    trainable: AtomicBool,
    pub(super) kind: Kind,
    /// What the weight's layer adds to its product with the weight; `None` if the layer takes no adapters.
    adapters: Mutex<Option<Vec<Arc<LowRank>>>>,
}

pub(super) enum Kind {
    /// Trainable or frozen.
    Parameter,
    Buffer,
    /// A buffer that forward passes [track](Param::track), with the untracked statistics of its tree.
    Statistic(Untracked),
}

/// Where a parameter's values are stored: in its own state, or in a part of a flat state of an optimizer or of a tree's statistics.
#[derive(Clone)]
pub(crate) struct Place {
    pub state: State,
    /// Offset of the first element in `state`.
    pub start: usize,
    pub shape: Vec<usize>,
}

impl Place {
    pub fn part(state: &State, start: usize, shape: &[usize]) -> Place {
        Place { state: state.clone(), start, shape: shape.to_vec() }
    }

    /// The whole of `state`.
    pub fn whole(state: &State) -> Place {
        Place::part(state, 0, &state.meta().shape)
    }

    fn is_own(&self) -> bool {
        self.state.meta().shape == self.shape
    }

    pub fn same(&self, other: &Place) -> bool {
        self.state.same(&other.state) && self.start == other.start
    }
}

impl Param {
    pub(super) fn new(name: String, value: &Tensor, kind: Kind) -> Param {
        let parameter = matches!(kind, Kind::Parameter);
        let role = if parameter { Role::Parameter } else { Role::State };
        let place = Mutex::new(Place::whole(&State::new(value, role)));
        let trainable = AtomicBool::new(parameter);
        Param(Arc::new(Inner { name, place, trainable, kind, adapters: Mutex::default() }))
    }

    /// `x W^T + bias` for this weight `W [out, in]`, and what its adapters add.
    #[track_caller]
    pub(crate) fn linear(&self, x: &Tensor, bias: Option<&Tensor>) -> Tensor {
        let weight = self.value();
        let y = x.linear(&weight, bias);
        match low_rank::sum(&self.adapters().unwrap_or_default(), x, 0, weight.shape()[0]) {
            Some(change) => y + change,
            None => y,
        }
    }

    /// Says that the layer of this weight computes [`linear`](Param::linear).
    pub(crate) fn adaptable(self) -> Param {
        self.set_adapters(vec![]);
        self
    }

    /// The adapters; `None` if the weight's layer takes none.
    pub(crate) fn adapters(&self) -> Option<Vec<Arc<LowRank>>> {
        self.0.adapters.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    pub(crate) fn set_adapters(&self, adapters: Vec<Arc<LowRank>>) {
        *self.0.adapters.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(adapters);
    }

    /// The full name, as in `"layer1.0.conv1.weight"`.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The current value; later steps do not change the returned tensor. For a trainable parameter it is a
    /// [`variable`](Tensor::variable).
    #[doc(alias = "data")]
    pub fn value(&self) -> Tensor {
        let place = self.lock();
        let Place { state, start, shape } = &*place;
        let value =
            state.part(Part { start: *start, shape, variable: self.is_trainable(), name: self.name() });
        note_read(&value, Arc::as_ptr(&self.0) as usize, state, || {
            let param = self.clone();
            Arc::new(move || param.value())
        });
        value
    }

    /// Replaces the value immediately. Gradients do not flow into it.
    ///
    /// # Panics
    /// When the shape or type differs.
    #[doc(alias = "copy_")]
    #[track_caller]
    pub fn set(&self, value: &Tensor) {
        let mut place = self.lock();
        let (old, new) = (&place.shape, value.shape());
        let dtype = place.state.meta().dtype;
        assert!(
            old == new && dtype == value.dtype(),
            "{}: {new:?} set to a parameter of {old:?}",
            self.name()
        );
        if place.is_own() {
            place.state.set(value);
        } else if self.is_parameter() {
            *place = Place::whole(&State::new(value, Role::Parameter));
        } else {
            place.state.set_part(place.start, value);
        }
    }

    /// Records a new value computed by a forward pass: operations recorded from now on read it, but it takes effect only when the
    /// optimizer's step succeeds; see [`State::update`]. For running statistics use [`track`](Param::track).
    ///
    /// # Panics
    /// When the shape or type differs, an optimizer updates the parameter, or it is a tracked statistic.
    #[track_caller]
    pub fn update(&self, value: &Tensor) {
        let place = self.lock();
        assert!(place.is_own(), "{}: update of what an optimizer updates, or of a statistic", self.name());
        place.state.update(value);
    }

    /// Replaces the value when a transaction succeeds.
    ///
    /// # Panics
    /// When the shape or type differs, or an optimizer updates the parameter.
    #[track_caller]
    pub fn write(&self, value: &Tensor, step: Transaction) -> Transaction {
        let place = self.lock();
        if place.is_own() {
            return step.write(&place.state, value.detach());
        }
        assert!(!self.is_parameter(), "{}: written beside the optimizer that updates it", self.name());
        assert!(value.shape() == place.shape, "{}: {:?} for {:?}", self.name(), value.shape(), place.shape);
        step.write_part(&place.state, place.start, value)
    }

    pub(crate) fn place(&self) -> Place {
        self.lock().clone()
    }

    pub(crate) fn is_at(&self, place: &Place) -> bool {
        self.lock().same(place)
    }

    /// Moves the parameter to another place; returns the old one.
    pub(crate) fn put(&self, place: Place) -> Place {
        std::mem::replace(&mut *self.lock(), place)
    }

    /// The value after a transaction, without a gradient.
    pub(crate) fn value_after(&self, step: &Transaction) -> Tensor {
        let Place { state, start, shape } = self.place();
        let value = step.value(&state).detach();
        if value.shape() == shape {
            return value;
        }
        value.narrow(0, start, shape.iter().product()).reshape(&shape)
    }

    /// Whether gradients are computed for the parameter.
    #[doc(alias = "requires_grad")]
    pub fn is_trainable(&self) -> bool {
        self.0.trainable.load(Relaxed)
    }

    /// Whether this is a parameter, trainable or frozen, and not a buffer.
    pub fn is_parameter(&self) -> bool {
        matches!(self.0.kind, Kind::Parameter)
    }

    pub(crate) fn set_trainable(&self, trainable: bool) {
        self.0.trainable.store(trainable, Relaxed);
        let place = self.lock();
        place.state.forget_part(place.start);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Place> {
        self.0.place.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// A buffer's number of updates, saved with the weights, such as `num_batches_tracked`.
#[derive(Clone)]
pub(crate) struct Counter(pub(super) Param);

impl Counter {
    pub fn get(&self) -> u64 {
        let place = self.0.place();
        place.state.updates(place.start)
    }

    pub fn set(&self, updates: u64) {
        let place = self.0.place();
        place.state.set_updates(place.start, updates);
    }
}

#[derive(Clone)]
pub(crate) enum Entry {
    Tensor(Param),
    Counter(String, Counter),
}

impl Entry {
    pub fn name(&self) -> &str {
        match self {
            Entry::Tensor(param) => param.name(),
            Entry::Counter(name, _) => name,
        }
    }
}
