//! Statistics over more than this process's part of a batch.

use std::sync::{Arc, Mutex, PoisonError};

use autograd::Tensor;

/// The mean of a tensor over several processes; the name says what it is, and is the same in all of them.
type Mean = dyn Fn(&str, &Tensor) -> Tensor + Send + Sync;

/// How batch norms of a tree take means over all parts of a batch, if it is divided.
#[derive(Clone, Default)]
pub(crate) struct Across(Arc<Mutex<Option<Parts>>>);

/// The parts of a batch.
#[derive(Clone)]
pub(crate) struct Parts {
    /// The size of this process's part, relative to the batch.
    pub share: f32,
    pub mean: Arc<Mean>,
}

impl Across {
    pub fn set(&self, parts: Option<Parts>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = parts;
    }

    pub fn parts(&self) -> Option<Parts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
