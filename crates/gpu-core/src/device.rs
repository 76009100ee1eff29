//! Choosing and using a device.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};
use web_time::Instant;

use crate::arena::Arena;
use crate::buffer::{Buffer, Class, Memory, Role};
use crate::cpu::{self, Cpu};
use crate::device_info::{DeviceInfo, DeviceKind};
use crate::dry::Dry;
use crate::faults::{Faults, Point, Strike};
use crate::gpu::{self, Gpu};
use crate::graph::{Bindings, CommandGraph};
use crate::kernel::{Kernel, Target};
use crate::memory::{self, MemoryUse};
use crate::pool::Pool;
use crate::profile::{self, HostSpan, Profile, Profiler};
use crate::readback::{Readback, Source};
use crate::selftest::DeviceReport;
use crate::stats::{Counters, Stats};
use crate::tune::{CooperativeState, GpuFamily, GpuProfile};
use crate::wait::block_on;
use crate::{Error, Result};

/// A place to compute: a GPU through Vulkan, Metal or DX12, or the CPU. Clones are the same device; a process has one
/// device per adapter, until it is lost.
///
/// Devices may be used from any thread. The CPU device runs one piece of work at a time, on its own threads; later submissions wait until
/// it is done.
///
/// ```
/// let device = gpu_core::Device::named("cpu")?;
/// assert_eq!(device.info().backend, "cpu");
/// # Ok::<(), gpu_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Device(Arc<Inner>);

struct Inner {
    info: DeviceInfo,
    processor: Processor,
    pool: Arc<Pool>,
    arena: Arena,
    profiler: Arc<Profiler>,
}

enum Processor {
    Cpu(Cpu),
    Gpu(Arc<Gpu>),
    Dry(Dry),
}

static OPEN: LazyLock<Mutex<HashMap<String, Device>>> = LazyLock::new(Mutex::default);

impl Device {
    /// The device that `WGRAD_DEVICE` names; otherwise the best real GPU, or the CPU where there is none.
    ///
    /// # Errors
    /// As [`Device::named`], when `WGRAD_DEVICE` is set.
    #[doc(alias = "is_available")]
    pub fn best() -> Result<Device> {
        Device::best_of_process(0)
    }

    /// As [`best`](Device::best) for one of several processes on this machine, by its number: where there are several GPUs of the best kind,
    /// the processes take them in turn.
    ///
    /// # Errors
    /// As [`Device::best`].
    pub fn best_of_process(number: usize) -> Result<Device> {
        block_on(Device::request_best(number))?
    }

    async fn request_best(number: usize) -> Result<Device> {
        forget_lost();
        match std::env::var("WGRAD_DEVICE") {
            Ok(name) if !name.is_empty() && name != "auto" => Device::find(&name).await,
            _ => match &gpu::best_adapters().await[..] {
                [] => Device::find("cpu").await,
                found => Device::open(&found[number % found.len()]).await,
            },
        }
    }

    /// The device called `auto`, `cpu`, `vulkan`, `metal`, `dx12`, `software`, or by an index, which is the place in [`Device::list`].
    /// `dry:nvidia`, `dry:amd`, `dry:intel`, `dry:apple` and `dry:other` are [dry runs](Device::dry).
    ///
    /// # Errors
    /// [`Error::UnknownDevice`], [`Error::NoAdapter`], [`Error::OpenDevice`], or [`Error::MemoryLimit`].
    ///
    /// After the loss of a device, its name opens a new one. Work on the old one keeps failing with [`Error::DeviceLost`].
    #[doc(alias = "cuda")]
    pub fn named(name: &str) -> Result<Device> {
        let name = name.to_owned();
        block_on(async move { Device::request(&name).await })?
    }

    /// As [`named`](Device::named), in an asynchronous program, such as a page of a browser that cannot suspend programs.
    ///
    /// # Errors
    /// As [`Device::named`].
    ///
    /// ```
    /// # pollster::block_on(async {
    /// let device = gpu_core::Device::request("cpu").await?;
    /// assert_eq!(device.info().backend, "cpu");
    /// # Ok::<(), gpu_core::Error>(()) }).unwrap();
    /// ```
    #[doc(alias("requestAdapter", "requestDevice"))]
    pub async fn request(name: &str) -> Result<Device> {
        match name {
            "auto" => Device::request_best(0).await,
            _ => Device::find(name).await,
        }
    }

    /// As [`request`](Device::request) for all names but `auto`.
    async fn find(name: &str) -> Result<Device> {
        forget_lost();
        match name {
            "cpu" => Device::open_as("cpu".into(), async { Device::cpu(None) }).await,
            _ if name.starts_with("dry:") => {
                let Some(family) = GpuFamily::named(&name["dry:".len()..]) else {
                    let adapters = gpu::adapters().await.len();
                    return Err(Error::UnknownDevice { name: name.into(), adapters });
                };
                Device::open_as(name.into(), async { Device::dry(GpuProfile::of(family)) }).await
            }
            _ => Device::open(&gpu::find_adapter(name).await?).await,
        }
    }

    /// All GPU adapters of this machine, software adapters included; none in a browser that cannot wait for them.
    #[doc(alias = "device_count")]
    pub fn list() -> Vec<DeviceReport> {
        forget_lost();
        let report = |(index, adapter)| DeviceReport::new(index, gpu::info(adapter), adapter);
        let adapters = block_on(gpu::adapters()).unwrap_or_default();
        adapters.iter().enumerate().map(report).collect()
    }

    /// A CPU device with `threads` threads, by default as many as rayon's own pool would have.
    pub(crate) fn cpu(threads: Option<usize>) -> Result<Device> {
        let cpu = Cpu::open(threads)?;
        let info = DeviceInfo {
            name: cpu.name().into(),
            kind: DeviceKind::Cpu,
            backend: "cpu",
            max_binding_bytes: usize::MAX,
            cooperative: None,
        };
        Device::new(info, Processor::Cpu(cpu))
    }

    /// A device that makes the plans of a GPU of that profile, with the same launches and shaders, but computes nothing: memory is counted
    /// but not allocated, and every value that is read is 0.
    ///
    /// # Errors
    /// [`Error::MemoryLimit`].
    pub fn dry(profile: GpuProfile) -> Result<Device> {
        let dry = Dry::new(profile);
        Device::new(dry.info(), Processor::Dry(dry))
    }

    async fn open(adapter: &wgpu::Adapter) -> Result<Device> {
        let info = gpu::info(adapter);
        let open = async { Device::new(info.clone(), Processor::Gpu(Gpu::open(adapter).await?)) };
        Device::open_as(info.to_string(), open).await
    }

    /// The open device of that key, or a new one. Of several that are opened at the same time, the first is kept.
    async fn open_as(key: String, open: impl Future<Output = Result<Device>>) -> Result<Device> {
        if let Some(known) = opened().get(&key) {
            return Ok(known.clone());
        }
        let new = open.await?;
        Ok(opened().entry(key).or_insert(new).clone())
    }

    fn new(info: DeviceInfo, processor: Processor) -> Result<Device> {
        let (pool, profiler) = (Arc::<Pool>::default(), profile::open(&info));
        pool.set_limit(memory::limit_from_environment()?);
        Ok(Device(Arc::new(Inner { info, processor, pool, arena: Arena::default(), profiler })))
    }

    fn gpu(&self) -> Option<&Arc<Gpu>> {
        match &self.0.processor {
            Processor::Cpu(_) | Processor::Dry(_) => None,
            Processor::Gpu(gpu) => Some(gpu),
        }
    }

    pub(crate) fn faults(&self) -> &Faults {
        match &self.0.processor {
            Processor::Cpu(cpu) => &cpu.faults,
            Processor::Gpu(gpu) => gpu.faults(),
            Processor::Dry(dry) => &dry.faults,
        }
    }

    /// Whether the device is lost, for example by a driver reset. [`named`](Device::named) then opens a new one.
    pub fn is_lost(&self) -> bool {
        self.gpu().is_some_and(|gpu| gpu.is_lost())
    }

    /// Simulates the loss of a GPU by a driver reset; no effect on the CPU.
    #[cfg(feature = "testing")]
    pub(crate) fn lose(&self) {
        if let Some(gpu) = self.gpu() {
            gpu.lose();
        }
    }

    /// Name, kind and limits.
    pub fn info(&self) -> &DeviceInfo {
        &self.0.info
    }

    /// Identifies the device within the process.
    pub fn id(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }

    /// Whether kernels run as CPU twins or as shaders here.
    pub fn target(&self) -> Target {
        match self.0.processor {
            Processor::Cpu(_) => Target::Cpu,
            Processor::Gpu(_) | Processor::Dry(_) => Target::Gpu,
        }
    }

    /// Counters since the device was opened.
    pub fn stats(&self) -> Stats {
        let memory = self.memory();
        Stats { bytes: memory.in_use + memory.cached, ..self.0.pool.counters.snapshot() }
    }

    /// The memory of the device: what is in use, by role, and what is kept for reuse. Free memory is kept as long as
    /// memory in use and free memory together exceed [`peak`](MemoryUse::peak) by at most an eighth of it, or 8 MiB if
    /// that is more.
    #[doc(alias("memory_allocated", "max_memory_allocated", "memory_stats"))]
    pub fn memory(&self) -> MemoryUse {
        self.0.pool.balance().into()
    }

    /// Limits the memory of this device to `bytes`, free memory included; `None` lifts the limit. Memory already in use is kept. The
    /// initial limit is `WGRAD_MEMORY_LIMIT`: a number of bytes, or a size such as `500MB` or `4GiB`.
    #[doc(alias = "set_per_process_memory_fraction")]
    pub fn set_memory_limit(&self, bytes: Option<u64>) {
        self.0.pool.set_limit(bytes.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX)));
    }

    /// Waits for queued work, returns all memory that is not in use to the system, temporaries included, and resets
    /// [`peak`](MemoryUse::peak). Later runs allocate again what they need.
    ///
    /// # Errors
    /// As [`synchronize`](Device::synchronize); the memory is returned even then.
    #[doc(alias("empty_cache", "reset_peak_memory_stats"))]
    pub fn trim(&self) -> Result<()> {
        let done = self.reclaim();
        self.0.pool.reset_peak();
        done
    }

    fn reclaim(&self) -> Result<()> {
        self.0.arena.release();
        self.0.pool.clear();
        // A GPU frees memory that queued work uses once that work is done.
        self.synchronize()
    }

    /// Switches profiling on or off. It is on from the start where `WGRAD_PROFILE` is `table` or a path that ends in
    /// `.json`; see [`Profile`].
    #[doc(alias = "profiler")]
    pub fn set_profiling(&self, on: bool) {
        self.0.profiler.set(on);
    }

    /// Whether the device is being profiled.
    pub fn profiling(&self) -> bool {
        self.0.profiler.get().is_some()
    }

    /// The profile so far.
    pub fn profile(&self) -> Profile {
        self.0.profiler.table()
    }

    /// Counts the time until the span is dropped as the host's work on `what`, if the device is being profiled.
    pub fn span(&self, what: &'static str) -> HostSpan<'_> {
        HostSpan::new(&self.0.profiler, what)
    }

    /// As [`span`](Device::span), for work that began earlier.
    pub fn span_since(&self, what: &'static str, start: Instant) -> HostSpan<'_> {
        HostSpan::since(&self.0.profiler, what, start)
    }

    /// A buffer of at least `bytes` with undefined contents.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`], when there is not enough memory even after all unused memory has been returned;
    /// [`Error::DeviceLost`], or an error of earlier work.
    pub fn alloc(&self, bytes: usize, role: Role) -> Result<Buffer> {
        self.alloc_class(bytes, Class::Values(role))
    }

    fn alloc_class(&self, bytes: usize, class: Class) -> Result<Buffer> {
        let point = if class == Class::Staging { Point::Readback } else { Point::Allocation };
        if self.passes(point)? || bytes > isize::MAX as usize / 2 {
            return Err(self.out_of_memory(bytes, class));
        }
        let allocate = |capacity| match &self.0.processor {
            Processor::Gpu(gpu) => gpu.alloc(capacity, class).map(Memory::Gpu),
            Processor::Cpu(_) => cpu::HostMemory::new(capacity).map(Memory::Host),
            Processor::Dry(_) => Some(Memory::None),
        };
        if let Some(buffer) = self.0.pool.take(bytes, class, allocate) {
            return Ok(buffer);
        }
        self.reclaim()?;
        self.0.pool.take(bytes, class, allocate).ok_or_else(|| self.out_of_memory(bytes, class))
    }

    fn out_of_memory(&self, bytes: usize, class: Class) -> Error {
        let MemoryUse { in_use, limit, .. } = self.memory();
        Error::OutOfMemory { device: self.info().to_string(), bytes, role: class.name(), in_use, limit }
    }

    /// Memory for the temporaries of a run, as [`Arena::reserve`].
    pub(crate) fn temporaries(&self, sizes: &[usize]) -> Result<Arc<[Buffer]>> {
        self.0.arena.reserve(sizes, |bytes| self.alloc_class(bytes, Class::Temporary))
    }

    /// Releases the memory for temporaries, after runs that needed more of it than later ones will.
    pub(crate) fn release_temporaries(&self) {
        self.0.arena.release();
    }

    /// Passes a fault-injection point; returns whether the work must fail there.
    pub(crate) fn passes(&self, point: Point) -> Result<bool> {
        match self.gpu() {
            Some(gpu) => gpu.passes(point),
            None => Ok(self.faults().pass(point) == Some(Strike::Fail)),
        }
    }

    /// A new buffer with the given contents.
    ///
    /// # Errors
    /// As [`alloc`](Device::alloc) and [`write`](Device::write).
    pub fn upload(&self, data: &[u8], role: Role) -> Result<Buffer> {
        let buffer = self.alloc(data.len(), role)?;
        self.write(&buffer, data)?;
        Ok(buffer)
    }

    /// Overwrites the start of `buffer`, after all work queued so far.
    ///
    /// # Errors
    /// [`Error::Buffer`] when the buffer is shorter than `data` or of another device, [`Error::DeviceLost`], or an error of
    /// earlier work.
    pub fn write(&self, buffer: &Buffer, data: &[u8]) -> Result<()> {
        let _span = self.span("upload");
        self.check_range(buffer, 0, data.len())?;
        match &self.0.processor {
            Processor::Gpu(gpu) => gpu.write(buffer, data),
            Processor::Cpu(cpu) => cpu.write(buffer, data),
            Processor::Dry(_) => Ok(()),
        }
    }

    /// Starts copying `bytes` bytes from `offset` to the host, after all work queued so far. A range outside of the buffer, a buffer of
    /// another device and a lost device are reported by [`Readback::wait`].
    pub fn read(&self, buffer: &Buffer, offset: usize, bytes: usize) -> Readback {
        let source = self.check_range(buffer, offset, bytes).and_then(|()| match &self.0.processor {
            Processor::Gpu(gpu) => {
                let staging = self.alloc_class(bytes, Class::Staging)?;
                gpu.read(buffer, offset, bytes, staging).map(Source::Gpu)
            }
            Processor::Cpu(_) if self.passes(Point::Readback)? => {
                Err(self.out_of_memory(bytes, Class::Staging))
            }
            Processor::Cpu(cpu) => cpu.read(buffer, offset, bytes).map(Source::Ready),
            Processor::Dry(_) => Ok(Source::Ready(vec![0; bytes])),
        });
        Readback { device: self.clone(), source: source.unwrap_or_else(Source::Failed) }
    }

    fn check_range(&self, buffer: &Buffer, offset: usize, bytes: usize) -> Result<()> {
        let refused = |reason| {
            Err(Error::Buffer { buffer: format!("{buffer:?}"), device: self.info().to_string(), reason })
        };
        if !self.owns(buffer) {
            return refused("it belongs to another device".into());
        }
        match offset.checked_add(bytes) {
            Some(end) if end <= buffer.bytes() => Ok(()),
            _ => refused(format!("{bytes} bytes from {offset} are not in it")),
        }
    }

    /// Whether the buffer was made by this device.
    pub(crate) fn owns(&self, buffer: &Buffer) -> bool {
        buffer.is_of(&self.0.pool)
    }

    /// Waits until all queued work is done.
    ///
    /// # Errors
    /// Any error on the device since the last wait.
    pub fn synchronize(&self) -> Result<()> {
        let _span = self.span("wait");
        self.gpu().map_or(Ok(()), |gpu| gpu.synchronize())
    }

    /// The fastest variant of `kernel` on this device, for arguments of `args` bytes (without scratch memory). New classes of shapes are
    /// raced, unless `WGRAD_TUNE=off`; on the CPU the kernel is returned as it is.
    pub fn tuned(&self, kernel: Arc<dyn Kernel>, args: &[usize]) -> Arc<dyn Kernel> {
        match &self.0.processor {
            Processor::Gpu(gpu) => gpu.tuner().choose(self, kernel, args),
            Processor::Dry(dry) => match kernel.variants(&dry.profile) {
                Some(variants) => variants.options[0].1.clone(),
                None => kernel,
            },
            Processor::Cpu(_) => kernel,
        }
    }

    /// What variants of kernels depend on; `None` on the CPU.
    pub fn gpu_profile(&self) -> Option<GpuProfile> {
        match &self.0.processor {
            Processor::Gpu(gpu) => Some(gpu.tuner().profile()),
            Processor::Dry(dry) => Some(dry.profile),
            Processor::Cpu(_) => None,
        }
    }

    /// Whether products of f16 are computed by cooperative matrices on this device. The first call, or the first plan with such a product, tests
    /// them on a small one. CPU and dry devices have none.
    pub fn cooperative(&self) -> CooperativeState {
        self.gpu().map_or(CooperativeState::Unavailable, |gpu| gpu.tuner().cooperative(self))
    }

    /// Takes a GPU for one of another profile.
    #[cfg(feature = "testing")]
    pub(crate) fn assume(&self, profile: GpuProfile) {
        if let Some(gpu) = self.gpu() {
            gpu.tuner().assume(profile);
        }
    }

    /// Runs `work` after all queued work is done, without reporting its errors as the device's.
    pub(crate) fn discarding_errors<T>(&self, work: impl FnOnce() -> T) -> T {
        match self.gpu() {
            Some(gpu) => gpu.discarding_errors(work),
            None => work(),
        }
    }

    pub(crate) fn prepare(&self, graph: &CommandGraph) -> Result<()> {
        match self.gpu() {
            Some(gpu) => graph.prepared(|| gpu.prepare(graph, &self.0.pool.counters)).map(drop),
            None => Ok(()),
        }
    }

    /// Runs a graph; `warm`: whether it ran before.
    pub(crate) fn execute(&self, graph: &CommandGraph, bindings: &Bindings, warm: bool) -> Result<()> {
        let (counters, profiler) = (&self.0.pool.counters, self.0.profiler.get());
        match &self.0.processor {
            Processor::Gpu(gpu) => {
                let prepared = graph.prepared(|| {
                    let _span = self.span("compile");
                    gpu.prepare(graph, counters)
                })?;
                let _span = self.span("submit");
                let calls = graph.launches().iter().filter(|launch| launch.begins_host_call());
                let inputs = calls.map(|launch| self.alloc_class(launch.args()[0].bytes, Class::Staging));
                let staging = inputs.collect::<Result<_>>()?;
                gpu.run(graph, prepared, bindings, staging, counters, profiler.map(|p| (p, warm)))?;
            }
            Processor::Cpu(cpu) => {
                let _span = self.span("submit");
                cpu.run(graph, bindings, profiler, warm)?;
            }
            Processor::Dry(_) => {}
        }
        Counters::add(&counters.submits, 1);
        Counters::add(&counters.compiles, usize::from(!warm));
        Counters::add(&counters.launches, graph.launches().len());
        Ok(())
    }
}

fn opened() -> MutexGuard<'static, HashMap<String, Device>> {
    OPEN.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Removes lost devices from the table of open ones.
fn forget_lost() {
    let mut open = opened();
    let before = open.len();
    open.retain(|_, device| !device.is_lost());
    if open.len() < before {
        gpu::forget_adapters();
    }
}

impl PartialEq for Device {
    fn eq(&self, other: &Device) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Device({})", self.0.info)
    }
}
