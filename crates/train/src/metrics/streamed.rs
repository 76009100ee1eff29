//! State that a metric keeps on the device.

use autograd::{Device, Element, Role, State, Tensor};

use crate::Result;

/// A vector that every batch updates. In training, the update is part of the step that it depends on; otherwise it is computed before
/// the next update, so that recorded batches do not pile up.
pub(super) struct Streamed(State);

impl Streamed {
    /// Starts from uploaded values, not constants, so that the first step has the same plan as all others.
    pub fn new<T: Element>(device: &Device, values: &[T]) -> Result<Streamed> {
        let start = Tensor::from_slice(device, values, &[values.len()])?;
        Ok(Streamed(State::new(&start, Role::State)))
    }

    pub fn value(&self) -> Tensor {
        self.0.value()
    }

    pub fn update(&self, value: &Tensor) {
        if let Some(before) = self.0.recorded() {
            // A failure shows when the metric is read.
            let _ = autograd::evaluate(&[&before]);
        }
        self.0.update(value);
    }
}
