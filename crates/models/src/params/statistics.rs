//! Running statistics of a tree in one tensor, so that a step updates them in one launch.

use std::sync::{Arc, Mutex, Weak};

use autograd::{Role, State, Tensor};

use super::{Inner, Kind, Param, Place};
use crate::flat::{join, starts};

/// The statistics of a tree that have not been tracked yet: each has its own state.
#[derive(Clone, Default)]
pub(super) struct Untracked(Arc<Mutex<Vec<Weak<Inner>>>>);

impl Untracked {
    pub fn add(&self, statistic: &Param) {
        self.0.lock().unwrap_or_else(|e| e.into_inner()).push(Arc::downgrade(&statistic.0));
    }

    /// Moves all of them into one flat state.
    fn gather(&self) {
        let mut untracked = self.0.lock().unwrap_or_else(|e| e.into_inner());
        let all: Vec<Param> = untracked.drain(..).filter_map(|weak| weak.upgrade()).map(Param).collect();
        if all.is_empty() {
            return;
        }
        let values: Vec<Tensor> = all.iter().map(|statistic| statistic.value().detach()).collect();
        let shapes: Vec<Vec<usize>> = values.iter().map(|value| value.shape().to_vec()).collect();
        let flat = State::new(&join(&values), Role::State);
        for (statistic, (start, shape)) in all.iter().zip(starts(&shapes)) {
            let own = statistic.put(Place::part(&flat, start, shape));
            flat.set_updates(start, own.state.updates(0));
        }
    }
}

impl Param {
    /// Records that a forward pass updates a [statistic](crate::Params::statistic) to `keep * old + share * value`, such as a running
    /// mean with `keep` 0.9 and `share` 0.1. Operations recorded from now on read the new value, but it takes effect only when the
    /// optimizer's step succeeds; see [`State::blend`].
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// # use models::{Init, Params};
    /// let device = Device::named("cpu")?;
    /// let mean = Params::new(&device, 0).statistic("mean", &[2], Init::ZEROS);
    /// mean.track(&Tensor::ones(&device, &[2]), 0.75, 0.25);
    /// assert_eq!(mean.value().to_vec::<f32>()?, [0.25; 2]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When the shape or type differs, or this is not a statistic.
    #[track_caller]
    pub fn track(&self, value: &Tensor, keep: f32, share: f32) {
        let Kind::Statistic(untracked) = &self.0.kind else {
            panic!("{}: tracked, but made by `param` or `buffer`, not by `statistic`", self.name())
        };
        untracked.gather();
        let place = self.lock();
        let (old, new) = (&place.shape, value.shape());
        assert!(old == new, "{}: a statistic of {old:?} tracks {new:?}", self.name());
        place.state.blend(place.start, value, keep, share);
    }
}
