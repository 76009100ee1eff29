//! The GPU device: memory, the queue, and errors.

mod adapters;
#[cfg(target_arch = "wasm32")]
mod ahead;
mod bind_groups;
mod errors;
mod host_calls;
mod pace;
mod pipelines;
mod prepare;
mod readback;
mod run;
#[cfg(not(target_arch = "wasm32"))]
mod unfinished;

use std::sync::{Arc, Mutex, MutexGuard};

use wgpu::{BufferUsages, ErrorFilter, ExperimentalFeatures, Features};

pub(crate) use adapters::{adapters, best_adapters, find_adapter, forget_adapters, info};
pub(crate) use prepare::Prepared;
pub(crate) use readback::PendingMap;

use crate::buffer::{Buffer, Class, Memory};
use crate::faults::Faults;
use crate::tune::{Cooperative, Tuner};
use crate::{Error, Result};
use errors::Failure;
use pace::Pace;
use pipelines::Pipelines;

/// An opened GPU.
pub(crate) struct Gpu {
    name: String,
    device: wgpu::Device,
    queue: wgpu::Queue,
    pipelines: Pipelines,
    tuner: Tuner,
    pace: Pace,
    /// Held while work is submitted, so that the parts of one graph are not interleaved with other work.
    order: Mutex<()>,
    failure: Failure,
    faults: Faults,
}

impl Gpu {
    pub async fn open(adapter: &wgpu::Adapter) -> Result<Arc<Gpu>> {
        let name = info(adapter).to_string();
        let mut wanted = Features::SUBGROUP | Features::TIMESTAMP_QUERY | Features::PIPELINE_CACHE;
        let mut experimental_features = ExperimentalFeatures::disabled();
        if info(adapter).cooperative.is_some() {
            wanted |= Cooperative::FEATURES;
            // SAFETY: what is experimental is used by one family of this crate's own shaders, which are tested on the device before a plan
            // contains them: `tune/cooperative.rs`.
            experimental_features = unsafe { ExperimentalFeatures::enabled() };
        }
        let request = adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("wgrad"),
            required_features: adapter.features() & wanted,
            required_limits: adapter.limits(),
            memory_hints: wgpu::MemoryHints::Performance,
            experimental_features,
            ..Default::default()
        });
        let (device, queue) =
            request.await.map_err(|e| Error::OpenDevice { adapter: name.clone(), reason: e.to_string() })?;
        let failure = Failure::default();
        failure.watch(&device, &name);
        let (pipelines, tuner) = (Pipelines::new(adapter, &device, &name), Tuner::new(adapter));
        Ok(Arc::new(Gpu {
            name,
            device,
            queue,
            pipelines,
            tuner,
            pace: Pace::new(),
            order: Mutex::default(),
            failure,
            faults: Faults::default(),
        }))
    }

    pub fn alloc(&self, bytes: usize, class: Class) -> Option<wgpu::Buffer> {
        if bytes as u64 > self.device.limits().max_buffer_size {
            return None;
        }
        let usage = match class {
            Class::Staging => BufferUsages::MAP_READ | BufferUsages::COPY_DST,
            _ => BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST,
        };
        let filters = [ErrorFilter::OutOfMemory, ErrorFilter::Internal];
        let (buffer, failed) = self.scoped(&filters, || {
            self.device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size: bytes as u64,
                usage,
                mapped_at_creation: false,
            })
        });
        failed.is_none().then_some(buffer)
    }

    /// Overwrites the start of `buffer`, which has room for `data`.
    pub fn write(&self, buffer: &Buffer, data: &[u8]) -> Result<()> {
        let _order = lock(&self.order);
        self.caught(|| self.queue.write_buffer(memory(buffer), 0, data))
    }

    pub fn synchronize(&self) -> Result<()> {
        self.poll(wgpu::PollType::wait_indefinitely())
    }

    pub fn tuner(&self) -> &Tuner {
        &self.tuner
    }

    pub fn faults(&self) -> &Faults {
        &self.faults
    }
}

fn memory(buffer: &Buffer) -> &wgpu::Buffer {
    match buffer.memory() {
        Memory::Gpu(buffer) => buffer,
        Memory::Host(_) | Memory::None => unreachable!("another device's buffer on a GPU"),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
