//! Values on their way from a device to the host.

use std::task::{Context, Poll};

use crate::{Device, Element, Error, Result};

/// Bytes being copied to the host. The copy was queued after the work that produces them; [`wait`](Readback::wait)
/// blocks until that work is done, but not on later work. As a future it resolves to itself once [`wait`](Readback::wait) returns at once.
pub struct Readback {
    pub(crate) device: Device,
    pub(crate) source: Source,
}

pub(crate) enum Source {
    Ready(Vec<u8>),
    /// The copy could not be started.
    Failed(Error),
    Gpu(crate::gpu::PendingMap),
}

impl Readback {
    /// Whether [`wait`](Readback::wait) would return at once.
    pub fn is_ready(&self) -> bool {
        match &self.source {
            Source::Ready(_) | Source::Failed(_) => true,
            Source::Gpu(pending) => pending.is_ready(),
        }
    }

    /// As [`is_ready`](Readback::is_ready), and wakes the task when it becomes so.
    pub fn poll_ready(&mut self, context: &mut Context) -> Poll<()> {
        match &mut self.source {
            Source::Ready(_) | Source::Failed(_) => Poll::Ready(()),
            Source::Gpu(pending) => pending.poll_ready(context),
        }
    }

    /// Waits for the copy; returns the values.
    ///
    /// # Errors
    /// Any error on the device since the last wait: out of memory, device lost, a refused command, or a range outside of the buffer.
    pub fn wait<T: Element>(self) -> Result<Vec<T>> {
        let bytes = match self.source {
            Source::Ready(bytes) => bytes,
            Source::Failed(error) => return Err(error),
            Source::Gpu(pending) => {
                let _span = self.device.span("wait");
                pending.wait()?
            }
        };
        Ok(bytemuck::pod_collect_to_vec(&bytes))
    }
}
