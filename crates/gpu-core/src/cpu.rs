//! The CPU device: the same command graph, run by the kernels' CPU twins.

#[cfg_attr(target_arch = "wasm32", path = "cpu/one_thread.rs")]
mod executor;

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::any::Any;
use web_time::Instant;

use crate::buffer::{Buffer, Memory};
use crate::faults::{Faults, Point, Strike};
use crate::graph::{Bindings, CommandGraph, Launch};
use crate::host_call::HostFailure;
use crate::kernel::{Args, Kernel, RawArg};
use crate::profile::{LaunchTime, Profiler};
use crate::{Error, Result};
use executor::{Executor, Turn};

/// Bytes that host memory is aligned to: a cache line.
pub(crate) const HOST_ALIGN: usize = 64;

/// Zeroed host memory, aligned to [`HOST_ALIGN`].
pub(crate) struct HostMemory {
    pointer: *mut u8,
    layout: Layout,
}

// SAFETY: plain owned memory; the turns of the device's executor order all accesses.
unsafe impl Send for HostMemory {}
unsafe impl Sync for HostMemory {}

impl HostMemory {
    /// `None` when the system has no such amount of memory.
    pub fn new(bytes: usize) -> Option<HostMemory> {
        let layout = Layout::from_size_align(bytes, HOST_ALIGN).ok()?;
        // SAFETY: the layout's size is not 0 (the pool rounds up).
        let pointer = unsafe { alloc_zeroed(layout) };
        (!pointer.is_null()).then_some(HostMemory { pointer, layout })
    }

    pub fn pointer(&self) -> *mut u8 {
        self.pointer
    }
}

impl Drop for HostMemory {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout.
        unsafe { dealloc(self.pointer, self.layout) }
    }
}

fn host(buffer: &Buffer) -> *mut u8 {
    match buffer.memory() {
        Memory::Host(memory) => memory.pointer(),
        Memory::Gpu(_) | Memory::None => unreachable!("another device's buffer on the CPU"),
    }
}

/// An opened CPU device.
pub(crate) struct Cpu {
    name: String,
    executor: Executor,
    pub faults: Faults,
}

impl Cpu {
    /// Opens the device with `threads` threads, by default as many as rayon's own pool would have.
    ///
    /// # Errors
    /// [`Error::OpenDevice`] when the operating system refuses the threads.
    pub fn open(threads: Option<usize>) -> Result<Cpu> {
        let refused = |reason: rayon::ThreadPoolBuildError| Error::OpenDevice {
            adapter: "cpu".into(),
            reason: reason.to_string(),
        };
        let executor = Executor::new(threads).map_err(refused)?;
        let name = match executor.threads() {
            1 => "CPU (1 thread)".to_owned(),
            threads => format!("CPU ({threads} threads)"),
        };
        Ok(Cpu { name, executor, faults: Faults::default() })
    }

    /// The name to show.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs every launch; returns when all are done. `warm` as in [`Profiler::launch`].
    pub fn run(
        &self,
        graph: &CommandGraph,
        bindings: &Bindings,
        profiler: Option<&Profiler>,
        warm: bool,
    ) -> Result<()> {
        let (mut under_way, mut done) = (None, 0);
        let outcome = self.turn()?.run(|| {
            for launch in graph.launches() {
                under_way = Some(launch);
                let start = profiler.map(|_| Instant::now());
                assert!(self.faults.pass(Point::Launch) != Some(Strike::Fail), "a fault on purpose");
                run_launch(launch, bindings);
                done += 1;
                if let (Some(profiler), Some(start)) = (profiler, start) {
                    profiler.launch(launch.kernel(), LaunchTime { start, time: start.elapsed() }, warm);
                }
            }
        });
        outcome.map_err(|panic| {
            let of = |f: fn(&dyn Kernel) -> String| under_way.map_or_else(String::new, |l| f(&**l.kernel()));
            match panic.downcast::<HostFailure>() {
                Ok(failure) => {
                    Error::HostCall { call: of(|kernel| kernel.shape()), reason: failure.0, launches: done }
                }
                Err(panic) => Error::Kernel {
                    kernel: of(|kernel| kernel.name().into()),
                    device: self.name.clone(),
                    reason: message(&*panic),
                    launches: done,
                },
            }
        })
    }

    /// Copies `data` to the start of `buffer`, which has room for it.
    pub fn write(&self, buffer: &Buffer, data: &[u8]) -> Result<()> {
        assert!(data.len() <= buffer.bytes());
        let _turn = self.turn()?;
        // SAFETY: in range; the turn excludes all other users.
        unsafe { std::ptr::copy_nonoverlapping(data.as_ptr(), host(buffer), data.len()) };
        Ok(())
    }

    /// A copy of `bytes` bytes from `offset`, which lie in `buffer`.
    pub fn read(&self, buffer: &Buffer, offset: usize, bytes: usize) -> Result<Vec<u8>> {
        assert!(offset + bytes <= buffer.bytes());
        let _turn = self.turn()?;
        // SAFETY: in range; the turn excludes all writers.
        Ok(unsafe { std::slice::from_raw_parts(host(buffer).add(offset), bytes) }.to_vec())
    }

    fn turn(&self) -> Result<Turn<'_>> {
        self.executor.turn().map_err(|executor::Nested| Error::Command {
            device: self.name.clone(),
            reason: "a kernel's CPU twin uses the device that runs it".into(),
        })
    }
}

fn run_launch(launch: &Launch, bindings: &Bindings) {
    let access = launch.access().iter().copied();
    let raw = launch.args().iter().zip(access).map(|(arg, access)| {
        let buffer = bindings.buffer(arg.slot);
        assert!(arg.offset + arg.bytes <= buffer.bytes(), "argument outside of its buffer");
        // SAFETY: inside the allocation by the line above.
        let pointer = unsafe { host(buffer).add(arg.offset) };
        RawArg { pointer, bytes: arg.bytes, access }
    });
    // SAFETY: offsets are aligned and written ranges disjoint (checked when the graph was made and when its external
    // buffers were bound), and the turn of the executor excludes all other users.
    let args = unsafe { Args::new(raw) };
    launch.kernel().run(&args);
}

/// The message of a panic.
pub(crate) fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panicked".into())
}
