//! Choosing and using a device.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};
use std::time::Instant;

use serde::Serialize;

use crate::buffer::{Buffer, Memory, Pool, Role};
use crate::graph::{Bindings, CommandGraph};
use crate::kernel::{Kernel, Target};
use crate::profile::{self, HostSpan, Profile, Profiler};
use crate::readback::{Readback, Source};
use crate::selftest::DeviceReport;
use crate::stats::{Counters, Stats};
use crate::tune::GpuProfile;
use crate::{Error, Result, cpu, gpu};

/// What sort of processor a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    /// wgrad's own CPU kernels.
    Cpu,
    DiscreteGpu,
    IntegratedGpu,
    VirtualGpu,
    /// A GPU interface emulated on the CPU (lavapipe, SwiftShader, WARP); only used when asked for.
    Software,
    Other,
}

/// Name and limits of an opened device.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceInfo {
    /// The adapter's name, as in `"AMD Radeon 890M (RADV GFX1150)"`.
    #[serde(serialize_with = "plain_text")]
    pub name: Arc<str>,
    pub kind: DeviceKind,
    /// `cpu`, `vulkan`, `metal` or `dx12`.
    pub backend: &'static str,
    /// Largest range one kernel argument may cover, in bytes.
    pub max_binding_bytes: usize,
}

fn plain_text<S: serde::Serializer>(text: &Arc<str>, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

impl fmt::Display for DeviceInfo {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} [{}, {:?}]", self.name, self.backend, self.kind)
    }
}

/// A place to compute: a GPU through Vulkan, Metal or DX12, or the CPU. Clones are the same device, and there is one
/// device an adapter in a process.
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
    /// `None` on the CPU.
    gpu: Option<Arc<gpu::Gpu>>,
    pool: Arc<Pool>,
    profiler: Arc<Profiler>,
    /// Held while memory is read or written on the CPU and while a submit is encoded on a GPU.
    execution: Mutex<()>,
}

static OPEN: LazyLock<Mutex<HashMap<String, Device>>> = LazyLock::new(Mutex::default);

impl Device {
    /// The device that `WGRAD_DEVICE` names; otherwise the best real GPU, or the CPU where there is none.
    ///
    /// # Errors
    /// As [`Device::named`], when `WGRAD_DEVICE` is set.
    pub fn best() -> Result<Device> {
        match std::env::var("WGRAD_DEVICE") {
            Ok(name) if !name.is_empty() && name != "auto" => Device::named(&name),
            _ => match gpu::best_adapter() {
                Some(adapter) => Device::open(&adapter),
                None => Device::named("cpu"),
            },
        }
    }

    /// The device called `auto`, `cpu`, `vulkan`, `metal`, `dx12`, `software`, or by an index, which is the place in [`Device::list`].
    ///
    /// # Errors
    /// [`Error::UnknownDevice`], [`Error::NoAdapter`], or [`Error::OpenDevice`].
    pub fn named(name: &str) -> Result<Device> {
        match name {
            "auto" => Device::best(),
            "cpu" => Ok(opened().entry("cpu".into()).or_insert_with(Device::new_cpu).clone()),
            _ => Device::open(&gpu::find_adapter(name)?),
        }
    }

    /// All GPU adapters of this machine, software adapters included.
    pub fn list() -> Vec<DeviceReport> {
        let report = |(index, adapter)| DeviceReport::new(index, gpu::info(adapter), adapter);
        gpu::adapters().iter().enumerate().map(report).collect()
    }

    fn new_cpu() -> Device {
        let info = DeviceInfo {
            name: cpu::name(),
            kind: DeviceKind::Cpu,
            backend: "cpu",
            max_binding_bytes: usize::MAX,
        };
        Device::new(info, None)
    }

    fn open(adapter: &wgpu::Adapter) -> Result<Device> {
        let info = gpu::info(adapter);
        let mut open = opened();
        let key = info.to_string();
        if let Some(device) = open.get(&key) {
            return Ok(device.clone());
        }
        let gpu = gpu::Gpu::open(adapter)?;
        let device = Device::new(info, Some(gpu));
        open.insert(key, device.clone());
        Ok(device)
    }

    fn new(info: DeviceInfo, gpu: Option<Arc<gpu::Gpu>>) -> Device {
        let profiler = profile::open(&info);
        Device(Arc::new(Inner { info, gpu, pool: Arc::default(), profiler, execution: Mutex::default() }))
    }

    pub fn info(&self) -> &DeviceInfo {
        &self.0.info
    }

    /// Identifies the device within the process.
    pub fn id(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }

    /// Whether kernels run as CPU twins or as shaders here.
    pub fn target(&self) -> Target {
        if self.0.gpu.is_some() { Target::Gpu } else { Target::Cpu }
    }

    /// Counters since the device was opened.
    pub fn stats(&self) -> Stats {
        self.0.pool.counters.snapshot()
    }

    /// Switches profiling on or off. It is on from the start where `WGRAD_PROFILE` is `table` or a path that ends in
    /// `.json`; see [`Profile`].
    pub fn set_profiling(&self, on: bool) {
        self.0.profiler.set(on);
    }

    /// Whether the device is being profiled.
    pub fn profiling(&self) -> bool {
        self.0.profiler.get().is_some()
    }

    /// What was profiled so far.
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
    /// [`Error::OutOfMemory`].
    pub fn alloc(&self, bytes: usize, role: Role) -> Result<Buffer> {
        let failed = || Error::OutOfMemory { device: self.info().to_string(), bytes, role: role.name() };
        if bytes > isize::MAX as usize / 2 {
            return Err(failed());
        }
        self.0.pool.take(bytes, role, |capacity| match &self.0.gpu {
            Some(gpu) => gpu.alloc(capacity).map(Memory::Gpu).ok_or_else(failed),
            None => cpu::HostMemory::new(capacity).map(Memory::Host).ok_or_else(failed),
        })
    }

    /// A new buffer with the given contents.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn upload(&self, data: &[u8], role: Role) -> Result<Buffer> {
        let buffer = self.alloc(data.len(), role)?;
        self.write(&buffer, data);
        Ok(buffer)
    }

    /// Overwrites the start of `buffer`, after all work queued so far.
    pub fn write(&self, buffer: &Buffer, data: &[u8]) {
        let _span = self.span("upload");
        match &self.0.gpu {
            Some(gpu) => gpu.write(buffer, data),
            None => {
                let _lock = self.lock();
                cpu::upload(buffer, data);
            }
        }
    }

    /// Starts copying `bytes` bytes from `offset` to the host, behind all work queued so far.
    pub fn read(&self, buffer: &Buffer, offset: usize, bytes: usize) -> Readback {
        let _lock = self.lock();
        Readback {
            device: self.clone(),
            source: match &self.0.gpu {
                Some(gpu) => Source::Gpu(gpu.read(buffer, offset, bytes, &self.0.pool.counters)),
                None => Source::Ready(cpu::download(buffer, offset, bytes)),
            },
        }
    }

    /// Waits until all queued work is done.
    ///
    /// # Errors
    /// Whatever went wrong on the device since the last wait.
    pub fn synchronize(&self) -> Result<()> {
        let _span = self.span("wait");
        self.0.gpu.as_ref().map_or(Ok(()), |gpu| gpu.synchronize())
    }

    /// The variant of `kernel` that is fastest here, for arguments of `args` bytes (without scratch memory). Variants of
    /// shapes not met before are raced, unless `WGRAD_TUNE=off`; on the CPU the kernel is returned as it is.
    pub fn tuned(&self, kernel: Arc<dyn Kernel>, args: &[usize]) -> Arc<dyn Kernel> {
        match &self.0.gpu {
            Some(gpu) => gpu.tuner().choose(self, kernel, args),
            None => kernel,
        }
    }

    /// What variants of kernels depend on; `None` on the CPU.
    pub(crate) fn gpu_profile(&self) -> Option<GpuProfile> {
        self.0.gpu.as_ref().map(|gpu| gpu.tuner().profile())
    }

    /// Does work whose errors are its own affair, when all queued work is done.
    pub(crate) fn undisturbed<T>(&self, work: impl FnOnce() -> T) -> T {
        match &self.0.gpu {
            Some(gpu) => gpu.undisturbed(work),
            None => work(),
        }
    }

    pub(crate) fn prepare(&self, graph: &CommandGraph) -> Result<()> {
        match &self.0.gpu {
            Some(gpu) => graph.prepared(|| gpu.prepare(graph, &self.0.pool.counters)).map(drop),
            None => Ok(()),
        }
    }

    /// `warm`: the graph ran before.
    pub(crate) fn execute(&self, graph: &CommandGraph, bindings: &Bindings, warm: bool) -> Result<()> {
        let (counters, profiler) = (&self.0.pool.counters, self.0.profiler.get());
        if let Some(gpu) = &self.0.gpu {
            let prepared = graph.prepared(|| {
                let _span = self.span("compile");
                gpu.prepare(graph, counters)
            })?;
            let _lock = self.lock();
            let _span = self.span("submit");
            gpu.run(graph, prepared, bindings, counters, profiler.map(|p| (p, warm)))?;
        } else {
            let _lock = self.lock();
            let _span = self.span("submit");
            cpu::run(graph, bindings, profiler, warm);
        }
        Counters::add(&counters.submits, 1);
        Counters::add(&counters.compiles, usize::from(!warm));
        Counters::add(&counters.launches, graph.launches().len());
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.0.execution.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn opened() -> MutexGuard<'static, HashMap<String, Device>> {
    OPEN.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
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
