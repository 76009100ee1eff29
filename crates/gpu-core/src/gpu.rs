//! The GPU device: memory, the queue, and errors.

mod adapters;
mod bind_groups;
mod pipelines;
mod prepare;
mod readback;
mod run;
mod unfinished;

use std::sync::{Arc, Mutex, MutexGuard};

use wgpu::{BufferUsages, ErrorFilter, Features};

pub(crate) use adapters::{adapters, best_adapter, find_adapter, info};
pub(crate) use prepare::Prepared;
pub(crate) use readback::PendingMap;

use crate::buffer::{Buffer, Class, Memory};
use crate::tune::Tuner;
use crate::{Error, Result};
use pipelines::Pipelines;

/// An opened GPU.
pub(crate) struct Gpu {
    name: String,
    device: wgpu::Device,
    queue: wgpu::Queue,
    pipelines: Pipelines,
    tuner: Tuner,
    /// The first error since the last wait; a lost device stays.
    failure: Arc<Mutex<Option<Error>>>,
}

impl Gpu {
    pub fn open(adapter: &wgpu::Adapter) -> Result<Arc<Gpu>> {
        let name = info(adapter).to_string();
        let wanted = Features::SUBGROUP | Features::TIMESTAMP_QUERY | Features::PIPELINE_CACHE;
        let request = adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("wgrad"),
            required_features: adapter.features() & wanted,
            required_limits: adapter.limits(),
            memory_hints: wgpu::MemoryHints::Performance,
            ..Default::default()
        });
        let (device, queue) = pollster::block_on(request)
            .map_err(|e| Error::OpenDevice { adapter: name.clone(), reason: e.to_string() })?;
        let failure: Arc<Mutex<Option<Error>>> = Arc::default();
        let (on_error, on_lost) = (failure.clone(), failure.clone());
        let (error_name, lost_name) = (name.clone(), name.clone());
        device.on_uncaptured_error(Arc::new(move |error| {
            lock(&on_error).get_or_insert(typed(&error_name, error));
        }));
        device.set_device_lost_callback(move |reason, message| {
            let reason = format!("{reason:?} {message}");
            *lock(&on_lost) = Some(Error::DeviceLost { device: lost_name.clone(), reason });
        });
        let (pipelines, tuner) = (Pipelines::new(adapter, &device, &name), Tuner::new(adapter));
        Ok(Arc::new(Gpu { name, device, queue, pipelines, tuner, failure }))
    }

    pub fn alloc(&self, bytes: usize, class: Class) -> Option<wgpu::Buffer> {
        if bytes as u64 > self.device.limits().max_buffer_size {
            return None;
        }
        let usage = match class {
            Class::Staging => BufferUsages::MAP_READ | BufferUsages::COPY_DST,
            _ => BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST,
        };
        let memory = self.device.push_error_scope(ErrorFilter::OutOfMemory);
        let internal = self.device.push_error_scope(ErrorFilter::Internal);
        let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: bytes as u64,
            usage,
            mapped_at_creation: false,
        });
        let failed = pollster::block_on(internal.pop()).or(pollster::block_on(memory.pop()));
        failed.is_none().then_some(buffer)
    }

    pub fn write(&self, buffer: &Buffer, data: &[u8]) {
        self.queue.write_buffer(memory(buffer), 0, data);
    }

    /// Waits for queued work and leaves its errors to the next check.
    pub fn finish_queued(&self) {
        let _ = self.device.poll(wgpu::PollType::wait_indefinitely());
    }

    pub fn synchronize(&self) -> Result<()> {
        self.wait(None)
    }

    fn wait(&self, submission_index: Option<wgpu::SubmissionIndex>) -> Result<()> {
        let poll = self.device.poll(wgpu::PollType::Wait { submission_index, timeout: None });
        self.check()?;
        poll.map(drop).map_err(|e| Error::DeviceLost { device: self.name.clone(), reason: e.to_string() })
    }

    pub fn tuner(&self) -> &Tuner {
        &self.tuner
    }

    /// Does work whose errors are its own affair, when all queued work is done: unless the device is lost, later checks
    /// report what they would have reported without it.
    pub fn undisturbed<T>(&self, work: impl FnOnce() -> T) -> T {
        self.finish_queued();
        let before = lock(&self.failure).take();
        let done = work();
        let mut failure = lock(&self.failure);
        if !matches!(*failure, Some(Error::DeviceLost { .. })) {
            *failure = before;
        }
        drop(failure);
        done
    }

    /// Reports the first error since the last check.
    fn check(&self) -> Result<()> {
        let mut failure = lock(&self.failure);
        match &*failure {
            None => Ok(()),
            Some(lost @ Error::DeviceLost { .. }) => Err(lost.clone()),
            Some(_) => Err(failure.take().expect("checked above")),
        }
    }
}

fn memory(buffer: &Buffer) -> &wgpu::Buffer {
    match buffer.memory() {
        Memory::Gpu(buffer) => buffer,
        Memory::Host(_) => unreachable!("a host buffer on a GPU device"),
    }
}

fn typed(device: &str, error: wgpu::Error) -> Error {
    let device = device.to_owned();
    match error {
        wgpu::Error::OutOfMemory { .. } => {
            Error::OutOfMemory { device, bytes: 0, role: "the GPU's queue", in_use: 0, limit: None }
        }
        other => Error::Command { device, reason: other.to_string() },
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
