//! The CPU device: the same command graph, run by the kernels' CPU twins.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::sync::Arc;
use std::time::Instant;

use crate::buffer::{Buffer, Memory};
use crate::graph::{Bindings, CommandGraph, Launch};
use crate::kernel::{Args, RawArg};
use crate::profile::{LaunchTime, Profiler};

/// Zeroed host memory, aligned to a cache line.
pub(crate) struct HostMemory {
    pointer: *mut u8,
    layout: Layout,
}

// SAFETY: plain owned memory; the execution lock of the device orders all accesses.
unsafe impl Send for HostMemory {}
unsafe impl Sync for HostMemory {}

impl HostMemory {
    /// `None` when the system has no such amount of memory.
    pub fn new(bytes: usize) -> Option<HostMemory> {
        let layout = Layout::from_size_align(bytes, 64).ok()?;
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
        Memory::Gpu(_) => unreachable!("a GPU buffer on the CPU device"),
    }
}

/// Runs every launch. The caller holds the device's execution lock. `warm` as in [`Profiler::launch`].
pub(crate) fn run(graph: &CommandGraph, bindings: &Bindings, profiler: Option<&Profiler>, warm: bool) {
    // Within the thread pool: from outside, every parallel loop would have to wake it first.
    rayon::scope(|_| {
        for launch in graph.launches() {
            let start = profiler.map(|_| Instant::now());
            run_launch(launch, bindings);
            if let (Some(profiler), Some(start)) = (profiler, start) {
                profiler.launch(launch.kernel(), LaunchTime { start, time: start.elapsed() }, warm);
            }
        }
    });
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
    // buffers were bound), and the execution lock keeps every other user out.
    let args = unsafe { Args::new(raw) };
    launch.kernel().run(&args);
}

/// Copies `data` to the start of `buffer`.
pub(crate) fn upload(buffer: &Buffer, data: &[u8]) {
    assert!(data.len() <= buffer.bytes());
    // SAFETY: in range; the execution lock keeps every other user out.
    unsafe { std::ptr::copy_nonoverlapping(data.as_ptr(), host(buffer), data.len()) }
}

/// A copy of `bytes` bytes from `offset`.
pub(crate) fn download(buffer: &Buffer, offset: usize, bytes: usize) -> Vec<u8> {
    assert!(offset + bytes <= buffer.bytes());
    // SAFETY: in range; the execution lock keeps every writer out.
    unsafe { std::slice::from_raw_parts(host(buffer).add(offset), bytes).to_vec() }
}

/// The name to show.
pub(crate) fn name() -> Arc<str> {
    format!("CPU ({} threads)", rayon::current_num_threads()).into()
}
