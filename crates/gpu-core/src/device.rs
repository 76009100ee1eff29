//! A device, and work on it.

mod open;
mod transfer;

use std::fmt;
use std::sync::Arc;
use web_time::Instant;

use crate::Result;
use crate::arena::Arena;
use crate::buffer::Class;
use crate::cpu::Cpu;
use crate::device_info::DeviceInfo;
use crate::dry::Dry;
use crate::faults::{Faults, Point, Strike};
use crate::gpu::Gpu;
use crate::graph::{Bindings, CommandGraph};
use crate::kernel::{Kernel, Target};
use crate::pool::Pool;
use crate::profile::{HostSpan, Profile, Profiler};
use crate::stats::{Counters, Stats};
use crate::tune::{CooperativeState, GpuProfile};

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

impl Device {
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

    /// Passes a fault-injection point; returns whether the work must fail there.
    pub(crate) fn passes(&self, point: Point) -> Result<bool> {
        match self.gpu() {
            Some(gpu) => gpu.passes(point),
            None => Ok(self.faults().pass(point) == Some(Strike::Fail)),
        }
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
