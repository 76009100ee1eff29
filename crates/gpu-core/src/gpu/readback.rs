//! Copies to the host, through staging buffers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use super::{Gpu, lock, memory};
use crate::buffer::Buffer;
use crate::wait::Signal;
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
        let (send, done) = mpsc::channel();
        let mapped = Arc::new(AtomicBool::new(false));
        let on_mapped = mapped.clone();
        let signal = Signal::new();
        let on_signal = signal.clone();
        memory(&staging).map_async(wgpu::MapMode::Read, .., move |result| {
            on_mapped.store(true, Ordering::Release);
            let _ = send.send(result.map_err(|e| e.to_string()));
            on_signal.set();
        });
        Ok(PendingMap { gpu: self.clone(), staging, submission, mapped, done, bytes, signal })
    }
}

/// A readback under way.
pub(crate) struct PendingMap {
    gpu: Arc<Gpu>,
    staging: Buffer,
    submission: wgpu::SubmissionIndex,
    mapped: Arc<AtomicBool>,
    done: mpsc::Receiver<std::result::Result<(), String>>,
    bytes: usize,
    signal: Signal,
}

impl PendingMap {
    pub fn is_ready(&self) -> bool {
        // Later work may still be queued: only this copy's own callback counts. On a lost device, the wait fails at once.
        let polled = self.gpu.poll(wgpu::PollType::Poll);
        self.mapped.load(Ordering::Acquire) || (polled.is_err() && self.gpu.is_lost())
    }

    pub fn wait(self) -> Result<Vec<u8>> {
        let until = wgpu::PollType::Wait { submission_index: Some(self.submission.clone()), timeout: None };
        self.gpu.poll_until(until, &self.signal)?;
        let failed = |reason| Error::Command { device: self.gpu.name.clone(), reason };
        if let Err(reason) = self.done.recv().map_err(|e| failed(e.to_string()))? {
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
