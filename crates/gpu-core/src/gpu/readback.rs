//! Copies to the host, through staging buffers that are used again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use wgpu::BufferUsages;

use super::{Gpu, lock, memory};
use crate::buffer::Buffer;
use crate::faults::Point;
use crate::stats::Counters;
use crate::{Error, Result};

/// Staging buffers kept: many small ones, for losses that are read late.
const STAGING: usize = 32;
const STAGING_BYTES: u64 = 1 << 20;

impl Gpu {
    /// A buffer that the host can read at least `bytes` of.
    fn staging(&self, bytes: usize, counters: &Counters) -> wgpu::Buffer {
        let size = bytes.max(256).next_power_of_two() as u64;
        let mut known = lock(&self.staging);
        if let Some(i) = known.iter().position(|b| b.size() == size) {
            return known.swap_remove(i);
        }
        Counters::add(&counters.allocations, 1);
        self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("readback"),
            size,
            usage: BufferUsages::MAP_READ | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        })
    }

    /// Starts copying `bytes` bytes from `offset`, which lie in `buffer`.
    pub fn read(
        self: &Arc<Gpu>,
        buffer: &Buffer,
        offset: usize,
        bytes: usize,
        counters: &Counters,
    ) -> Result<PendingMap> {
        let _order = lock(&self.order);
        if self.passes(Point::Readback)? {
            let device = self.name.clone();
            return Err(Error::OutOfMemory { device, bytes, role: "values on the host" });
        }
        let (staging, copy) = self.caught(|| {
            let staging = self.staging(bytes, counters);
            let mut encoder = self.device.create_command_encoder(&Default::default());
            encoder.copy_buffer_to_buffer(memory(buffer), offset as u64, &staging, 0, bytes as u64);
            (staging, encoder.finish())
        })?;
        let submission = self.queue.submit([copy]);
        let (send, done) = mpsc::channel();
        let mapped = Arc::new(AtomicBool::new(false));
        let on_mapped = mapped.clone();
        staging.map_async(wgpu::MapMode::Read, .., move |result| {
            on_mapped.store(true, Ordering::Release);
            let _ = send.send(result.map_err(|e| e.to_string()));
        });
        Ok(PendingMap { gpu: self.clone(), staging, submission, mapped, done, bytes })
    }
}

/// A readback under way.
pub(crate) struct PendingMap {
    gpu: Arc<Gpu>,
    staging: wgpu::Buffer,
    submission: wgpu::SubmissionIndex,
    mapped: Arc<AtomicBool>,
    done: mpsc::Receiver<std::result::Result<(), String>>,
    bytes: usize,
}

impl PendingMap {
    pub fn is_ready(&self) -> bool {
        // Later work may still be queued: only this copy's own callback counts. On a lost device, the wait fails at once.
        let polled = self.gpu.poll(wgpu::PollType::Poll);
        self.mapped.load(Ordering::Acquire) || (polled.is_err() && self.gpu.is_lost())
    }

    pub fn wait(self) -> Result<Vec<u8>> {
        self.gpu.poll(wgpu::PollType::Wait { submission_index: Some(self.submission), timeout: None })?;
        let failed = |reason| Error::Command { device: self.gpu.name.clone(), reason };
        self.done.recv().map_err(|e| failed(e.to_string()))?.map_err(failed)?;
        let mapped = self.staging.get_mapped_range(..self.bytes as u64);
        let values = mapped.map_err(|e| failed(e.to_string()))?.to_vec();
        self.staging.unmap();
        let mut known = lock(&self.gpu.staging);
        if known.len() < STAGING && self.staging.size() <= STAGING_BYTES {
            known.push(self.staging);
        }
        Ok(values)
    }
}
