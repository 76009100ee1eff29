//! Timestamp queries around every launch of a run on a GPU.

use std::time::Duration;

use web_time::Instant;

use super::LaunchTime;
use crate::Result;

/// Launches per query set: two queries each, of the 4096 that one may hold.
const LAUNCHES: usize = 2048;
/// Bytes of a timestamp.
const BYTES: u64 = 8;

/// The queries of one run.
pub(crate) struct Timestamps {
    sets: Vec<wgpu::QuerySet>,
    launches: usize,
    resolved: wgpu::Buffer,
    readable: wgpu::Buffer,
    /// Nanoseconds per tick.
    period: f64,
}

impl Timestamps {
    /// `None` where the GPU has no timestamps.
    pub fn new(device: &wgpu::Device, queue: &wgpu::Queue, launches: usize) -> Option<Timestamps> {
        if launches == 0 || !device.features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            return None;
        }
        let buffer = |usage| {
            let size = 2 * BYTES * launches as u64;
            device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("timestamps"),
                size,
                usage,
                mapped_at_creation: false,
            })
        };
        let set = |first: usize| {
            device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("timestamps"),
                ty: wgpu::QueryType::Timestamp,
                count: 2 * LAUNCHES.min(launches - first) as u32,
            })
        };
        Some(Timestamps {
            sets: (0..launches).step_by(LAUNCHES).map(set).collect(),
            launches,
            resolved: buffer(wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC),
            readable: buffer(wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST),
            period: f64::from(queue.get_timestamp_period()),
        })
    }

    /// The timestamps that the pass of launch `i` writes.
    pub fn writes(&self, i: usize) -> wgpu::ComputePassTimestampWrites<'_> {
        let first = 2 * (i % LAUNCHES) as u32;
        wgpu::ComputePassTimestampWrites {
            query_set: &self.sets[i / LAUNCHES],
            beginning_of_pass_write_index: Some(first),
            end_of_pass_write_index: Some(first + 1),
        }
    }

    /// Resolves the queries and copies them to the readable buffer; call it after the last pass.
    pub fn resolve(&self, encoder: &mut wgpu::CommandEncoder) {
        for (s, set) in self.sets.iter().enumerate() {
            let count = 2 * LAUNCHES.min(self.launches - s * LAUNCHES) as u32;
            let offset = (s * LAUNCHES) as u64 * 2 * BYTES;
            encoder.resolve_query_set(set, 0..count, &self.resolved, offset);
        }
        encoder.copy_buffer_to_buffer(&self.resolved, 0, &self.readable, 0, self.resolved.size());
    }

    /// The times of the run that was submitted at `start`, after a `wait` for its end. The first launch is taken to begin at `start`.
    ///
    /// # Errors
    /// Those of the wait.
    pub fn read(self, start: Instant, wait: impl FnOnce() -> Result<()>) -> Result<Vec<LaunchTime>> {
        let slice = self.readable.slice(..);
        slice.map_async(wgpu::MapMode::Read, drop);
        wait()?;
        let Ok(mapped) = slice.get_mapped_range() else { return Ok(vec![]) };
        let ticks: Vec<u64> = bytemuck::pod_collect_to_vec(&mapped[..]);
        let after = |ticks: u64| Duration::from_nanos((ticks as f64 * self.period) as u64);
        let launch = |pair: &[u64]| LaunchTime {
            start: start + after(pair[0].saturating_sub(ticks[0])),
            time: after(pair[1].saturating_sub(pair[0])),
        };
        Ok(ticks.chunks_exact(2).map(launch).collect())
    }
}
