//! Copies to the host, through staging buffers.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;

use super::{Gpu, lock, memory};
use crate::buffer::Buffer;
use crate::wait::{Signal, block_on};
use crate::{Error, Result};

impl Gpu {
    /// Starts copying `bytes` bytes from `offset`, which lie in `buffer`, into `staging`.
    pub fn read(
        self: &Arc<Gpu>,
        buffer: &Buffer,
        offset: usize,
        bytes: usize,
        staging: Buffer,
    ) -> Result<PendingMap> {
        let _order = lock(&self.order);
        self.copy_out(buffer, offset, bytes, staging)
    }

    /// As [`read`](Gpu::read), between the submits of a graph.
    pub(super) fn copy_out(
        self: &Arc<Gpu>,
        buffer: &Buffer,
        offset: usize,
        bytes: usize,
        staging: Buffer,
    ) -> Result<PendingMap> {
        let copy = self.caught(|| {
            let mut encoder = self.device.create_command_encoder(&Default::default());
            encoder.copy_buffer_to_buffer(memory(buffer), offset as u64, memory(&staging), 0, bytes as u64);
            encoder.finish()
        })?;
        let submission = self.queue.submit([copy]);
        let mapped = Signal::new();
        let on_mapped = mapped.clone();
        memory(&staging).map_async(wgpu::MapMode::Read, .., move |result| {
            on_mapped.set(result.map_err(|e| e.to_string()));
        });
        Ok(PendingMap { gpu: self.clone(), staging, submission, mapped, bytes, polled: false })
    }
}

/// A readback under way.
pub(crate) struct PendingMap {
    gpu: Arc<Gpu>,
    staging: Buffer,
    submission: wgpu::SubmissionIndex,
    mapped: Signal<std::result::Result<(), String>>,
    bytes: usize,
    /// Whether something polls the device until the copy is done.
    polled: bool,
}

impl PendingMap {
    pub fn is_ready(&self) -> bool {
        // Later work may still be queued: only this copy's own callback counts. On a lost device, the wait fails at once.
        let polled = self.gpu.poll(wgpu::PollType::Poll);
        self.mapped.is_set() || (polled.is_err() && self.gpu.is_lost())
    }

    /// As [`is_ready`](PendingMap::is_ready), and wakes the task when it becomes so.
    pub fn poll_ready(&mut self, context: &mut Context) -> Poll<()> {
        if Pin::new(&mut self.mapped).poll(context).is_ready() || self.is_ready() {
            return Poll::Ready(());
        }
        // A browser calls back by itself; natively, callbacks are made by whoever polls the device.
        if cfg!(not(target_arch = "wasm32")) && !self.polled {
            self.polled = true;
            let (gpu, mapped, until) = (self.gpu.clone(), self.mapped.clone(), self.until());
            thread::spawn(move || {
                let polled = gpu.poll(until);
                mapped.set(polled.map_err(|e| e.to_string()));
            });
        }
        Poll::Pending
    }

    fn until(&self) -> wgpu::PollType {
        wgpu::PollType::Wait { submission_index: Some(self.submission.clone()), timeout: None }
    }

    pub fn wait(self) -> Result<Vec<u8>> {
        // In a browser, only the callback says that the copy is done.
        if cfg!(not(target_arch = "wasm32")) {
            self.gpu.poll(self.until())?;
        }
        let failed = |reason| Error::Command { device: self.gpu.name.clone(), reason };
        if let Err(reason) = block_on(self.mapped.clone())? {
            // A loss of the device may be the reason, and be reported after it.
            self.gpu.poll(wgpu::PollType::wait_indefinitely())?;
            return Err(failed(reason));
        }
        let mapped = memory(&self.staging).get_mapped_range(..self.bytes as u64);
        Ok(mapped.map_err(|e| failed(e.to_string()))?.to_vec())
    }
}

impl Drop for PendingMap {
    fn drop(&mut self) {
        // The pool reuses the memory.
        memory(&self.staging).unmap();
    }
}
