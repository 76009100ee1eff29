//! The GPU device: wgpu adapters, and running a command graph with one submit.

mod pipelines;
mod unfinished;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, mpsc};
use std::time::{Duration, Instant};

use rayon::prelude::*;
use wgpu::{BufferUsages, ErrorFilter, Features};

use crate::buffer::{Buffer, Memory};
use crate::device::{DeviceInfo, DeviceKind};
use crate::graph::{Bindings, CommandGraph, Launch};
use crate::profile::{Profiler, Timestamps};
use crate::stats::Counters;
use crate::tune::Tuner;
use crate::{Error, Result, limits};
use pipelines::{Pipeline, Pipelines};

static ADAPTERS: LazyLock<Vec<wgpu::Adapter>> = LazyLock::new(|| {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends: wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12,
        // No driver debugging: it switches shader optimisation off on some drivers.
        flags: wgpu::InstanceFlags::empty(),
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()))
});

/// The adapters of this machine, in the order of their indices.
pub(crate) fn adapters() -> &'static [wgpu::Adapter] {
    &ADAPTERS
}

fn kind(adapter: &wgpu::Adapter) -> DeviceKind {
    match adapter.get_info().device_type {
        wgpu::DeviceType::DiscreteGpu => DeviceKind::DiscreteGpu,
        wgpu::DeviceType::IntegratedGpu => DeviceKind::IntegratedGpu,
        wgpu::DeviceType::VirtualGpu => DeviceKind::VirtualGpu,
        wgpu::DeviceType::Cpu => DeviceKind::Software,
        wgpu::DeviceType::Other => DeviceKind::Other,
    }
}

fn backend(adapter: &wgpu::Adapter) -> &'static str {
    adapter.get_info().backend.to_str()
}

pub(crate) fn info(adapter: &wgpu::Adapter) -> DeviceInfo {
    DeviceInfo {
        name: adapter.get_info().name.into(),
        kind: kind(adapter),
        backend: backend(adapter),
        max_binding_bytes: max_binding_bytes(&adapter.limits()),
    }
}

/// Largest argument of a kernel. Shaders index it in 32 bits, whatever the device could bind.
fn max_binding_bytes(limits: &wgpu::Limits) -> usize {
    (limits.max_storage_buffer_binding_size as usize).min(u32::MAX as usize)
}

/// Real GPUs, the most capable kind first.
pub(crate) fn best_adapter() -> Option<wgpu::Adapter> {
    let rank = |kind| match kind {
        DeviceKind::DiscreteGpu => Some(0),
        DeviceKind::IntegratedGpu => Some(1),
        DeviceKind::VirtualGpu => Some(2),
        DeviceKind::Other => Some(3),
        DeviceKind::Software | DeviceKind::Cpu => None,
    };
    let ranked = adapters().iter().filter_map(|a| Some((rank(kind(a))?, a)));
    ranked.min_by_key(|&(rank, _)| rank).map(|(_, adapter)| adapter.clone())
}

pub(crate) fn find_adapter(name: &str) -> Result<wgpu::Adapter> {
    let all = adapters();
    let found = match name {
        "vulkan" | "metal" | "dx12" => {
            all.iter().find(|a| backend(a) == name && kind(a) != DeviceKind::Software)
        }
        "software" => all.iter().find(|a| kind(a) == DeviceKind::Software),
        _ => {
            let unknown = || Error::UnknownDevice { name: name.into(), adapters: all.len() };
            all.get(name.parse::<usize>().map_err(|_| unknown())?)
        }
    };
    found.cloned().ok_or_else(|| {
        let names: Vec<String> = all.iter().map(|a| info(a).to_string()).collect();
        let found = if names.is_empty() { "none".into() } else { names.join(", ") };
        Error::NoAdapter { wanted: name.into(), found }
    })
}

/// An opened GPU.
pub(crate) struct Gpu {
    name: String,
    device: wgpu::Device,
    queue: wgpu::Queue,
    pipelines: Pipelines,
    tuner: Tuner,
    /// Buffers that values were read through, for the next readbacks.
    staging: Mutex<Vec<wgpu::Buffer>>,
    /// The first error since the last wait; a lost device stays.
    failure: Arc<Mutex<Option<Error>>>,
}

/// A graph's pipelines and bind groups on a GPU.
pub(crate) struct Prepared {
    launches: Vec<PreparedLaunch>,
}

struct PreparedLaunch {
    stages: Vec<(Arc<Pipeline>, [u32; 3])>,
    /// Bind groups by the identities of the bound memory; few, because the pool hands the same memory out again.
    bind_groups: Mutex<Vec<(Vec<u64>, wgpu::BindGroup)>>,
}

/// Staging buffers kept: many small ones, for losses that are read late.
const STAGING: usize = 32;
const STAGING_BYTES: u64 = 1 << 20;

/// Bind groups kept a launch; replays alternate between very few sets of buffers.
const BIND_GROUPS: usize = 16;

/// Compilations that took longer are kept on disk.
const WORTH_KEEPING: Duration = Duration::from_millis(100);

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
        Ok(Arc::new(Gpu { name, device, queue, pipelines, tuner, staging: Mutex::default(), failure }))
    }

    pub fn alloc(&self, bytes: usize) -> Option<wgpu::Buffer> {
        if bytes as u64 > self.device.limits().max_buffer_size {
            return None;
        }
        let memory = self.device.push_error_scope(ErrorFilter::OutOfMemory);
        let internal = self.device.push_error_scope(ErrorFilter::Internal);
        let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: bytes as u64,
            usage: BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let failed = pollster::block_on(internal.pop()).or(pollster::block_on(memory.pop()));
        failed.is_none().then_some(buffer)
    }

    pub fn write(&self, buffer: &Buffer, data: &[u8]) {
        self.queue.write_buffer(memory(buffer), 0, data);
    }

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

    pub fn read(
        self: &Arc<Gpu>,
        buffer: &Buffer,
        offset: usize,
        bytes: usize,
        counters: &Counters,
    ) -> PendingMap {
        let staging = self.staging(bytes, counters);
        let mut encoder = self.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(memory(buffer), offset as u64, &staging, 0, bytes as u64);
        let submission = self.queue.submit([encoder.finish()]);
        let (send, done) = mpsc::channel();
        let mapped = Arc::new(AtomicBool::new(false));
        let on_mapped = mapped.clone();
        staging.map_async(wgpu::MapMode::Read, .., move |result| {
            on_mapped.store(true, Ordering::Release);
            let _ = send.send(result.map_err(|e| e.to_string()));
        });
        PendingMap { gpu: self.clone(), staging, submission, mapped, done, bytes }
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
        let _ = self.device.poll(wgpu::PollType::wait_indefinitely());
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

    /// Compiles all pipelines of a graph, on all cores.
    pub fn prepare(&self, graph: &CommandGraph, counters: &Counters) -> Result<Prepared> {
        let compile = |launch: &Launch| {
            self.check_sizes(launch)?;
            let stages = launch.kernel().shaders().into_iter().map(|shader| {
                self.check_count(launch, shader.numbers)?;
                let pipeline = self.pipelines.get(launch, &shader, counters)?;
                Ok((pipeline, shader.workgroups))
            });
            Ok(PreparedLaunch { stages: stages.collect::<Result<_>>()?, bind_groups: Mutex::default() })
        };
        let start = Instant::now();
        let launches = graph.launches().par_iter().map(compile).collect::<Result<_>>()?;
        if start.elapsed() > WORTH_KEEPING {
            self.pipelines.keep();
        }
        Ok(Prepared { launches })
    }

    /// Whether the device can bind all arguments and shaders can count all elements.
    fn check_sizes(&self, launch: &Launch) -> Result<()> {
        let (kernel, limit) = (launch.kernel(), max_binding_bytes(&self.device.limits()));
        if let Some(bytes) = launch.args().iter().map(|arg| arg.bytes).find(|&bytes| bytes > limit) {
            let (kernel, device) = (kernel.name().to_owned(), self.name.clone());
            return Err(Error::TooLarge { kernel, device, bytes, limit });
        }
        self.check_count(launch, kernel.operand_elements())
    }

    /// Whether a shader can count so many elements.
    fn check_count(&self, launch: &Launch, elements: usize) -> Result<()> {
        let (kernel, limit) = (launch.kernel(), limits::ELEMENTS);
        if elements <= limit {
            return Ok(());
        }
        let (name, shape, device) = (kernel.name().to_owned(), kernel.shape(), self.name.clone());
        Err(Error::TooManyElements { kernel: name, shape, device, elements, limit })
    }

    /// Encodes every launch into one pass and submits it. While it is profiled (with `warm` as in [`Profiler::launch`]) each
    /// launch gets a pass of its own between timestamps, and the run waits for the end.
    pub fn run(
        &self,
        graph: &CommandGraph,
        prepared: &Prepared,
        bindings: &Bindings,
        counters: &Counters,
        profiler: Option<(&Profiler, bool)>,
    ) -> Result<()> {
        self.check()?;
        let mut encoder = self.device.create_command_encoder(&Default::default());
        let launches = graph.launches().iter().zip(&prepared.launches);
        let timestamps = profiler
            .and_then(|p| Some((p, Timestamps::new(&self.device, &self.queue, graph.launches().len())?)));
        let Some(((profiler, warm), timestamps)) = timestamps else {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            launches
                .for_each(|(launch, prepared)| self.encode(&mut pass, launch, prepared, bindings, counters));
            drop(pass);
            self.queue.submit([encoder.finish()]);
            unfinished::note(&self.device);
            return self.check();
        };
        for (i, (launch, prepared)) in launches.enumerate() {
            let timestamp_writes = Some(timestamps.writes(i));
            let mut pass =
                encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes });
            self.encode(&mut pass, launch, prepared, bindings, counters);
        }
        timestamps.resolve(&mut encoder);
        let start = std::time::Instant::now();
        self.queue.submit([encoder.finish()]);
        for (launch, time) in graph.launches().iter().zip(timestamps.read(&self.device, start)) {
            profiler.launch(launch.kernel(), time, warm);
        }
        self.check()
    }

    fn encode(
        &self,
        pass: &mut wgpu::ComputePass,
        launch: &Launch,
        prepared: &PreparedLaunch,
        bindings: &Bindings,
        counters: &Counters,
    ) {
        let group = self.bind_group(launch, prepared, bindings, counters);
        pass.set_bind_group(0, &group, &[]);
        for (stage, [x, y, z]) in &prepared.stages {
            pass.set_pipeline(&stage.pipeline);
            pass.dispatch_workgroups(*x, *y, *z);
        }
    }

    fn bind_group(
        &self,
        launch: &Launch,
        prepared: &PreparedLaunch,
        bindings: &Bindings,
        counters: &Counters,
    ) -> wgpu::BindGroup {
        let ids: Vec<u64> = launch.args().iter().map(|arg| bindings.buffer(arg.slot).id()).collect();
        let mut known = lock(&prepared.bind_groups);
        if let Some((_, group)) = known.iter().find(|(key, _)| *key == ids) {
            return group.clone();
        }
        let entry = |(binding, arg): (usize, &crate::Arg)| wgpu::BindGroupEntry {
            binding: binding as u32,
            resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                buffer: memory(bindings.buffer(arg.slot)),
                offset: arg.offset as u64,
                size: std::num::NonZeroU64::new(arg.bytes.max(4) as u64),
            }),
        };
        let entries: Vec<_> = launch.args().iter().enumerate().map(entry).collect();
        let group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &prepared.stages[0].0.layout,
            entries: &entries,
        });
        Counters::add(&counters.bind_groups, 1);
        if known.len() == BIND_GROUPS {
            known.remove(0);
        }
        known.push((ids, group.clone()));
        group
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
        // Later work may still be queued: only this copy's own callback counts.
        let _ = self.gpu.device.poll(wgpu::PollType::Poll);
        self.mapped.load(Ordering::Acquire)
    }

    pub fn wait(self) -> Result<Vec<u8>> {
        self.gpu.wait(Some(self.submission))?;
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

fn memory(buffer: &Buffer) -> &wgpu::Buffer {
    match buffer.memory() {
        Memory::Gpu(buffer) => buffer,
        Memory::Host(_) => unreachable!("a host buffer on a GPU device"),
    }
}

fn typed(device: &str, error: wgpu::Error) -> Error {
    let device = device.to_owned();
    match error {
        wgpu::Error::OutOfMemory { .. } => Error::OutOfMemory { device, bytes: 0, role: "the GPU's queue" },
        other => Error::Command { device, reason: other.to_string() },
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
