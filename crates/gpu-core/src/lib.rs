//! Devices, buffers and kernels, and the [`CommandGraph`] that runs them.
//!
//! Every kernel exists twice: as WGSL for any GPU that WebGPU reaches, and as a CPU twin that is both the fallback
//! device and the reference that the WGSL is tested against. Automatic differentiation is not part of this crate.

#![warn(missing_docs)]

mod arena;
mod atomic;
mod buffer;
mod cache;
mod cpu;
mod device;
mod device_info;
mod dry;
mod dtype;
mod error;
mod faults;
mod gpu;
mod graph;
mod halves;
mod host_call;
mod kernel;
pub mod kernels;
mod layout;
mod memory;
pub mod philox;
mod pool;
mod profile;
mod readback;
pub mod selftest;
mod simd;
mod stats;
#[cfg(feature = "testing")]
pub mod testing;
mod tune;
mod vecmath;
mod wait;
mod wgsl;

pub use atomic::{AtomicFile, write_atomically};
pub use buffer::{Buffer, Role};
pub use cache::cache_directory;
pub use device::Device;
pub use device_info::{DeviceInfo, DeviceKind};
pub use dtype::{DType, Element, Value};
pub use error::{Error, Result};
pub use graph::{Arg, CommandGraph, Launch, Slot};
pub use halves::Half;
pub use host_call::{HostCall, HostLaunch, HostPlace, HostResult};
pub use kernel::{Access, Args, Cost, Kernel, Shader, Target};
pub use layout::Layout;
pub use memory::MemoryUse;
pub use profile::{HostSpan, Profile, ProfileRow};
pub use readback::Readback;
pub use stats::Stats;
pub use tune::{Cooperative, CooperativeState, GpuFamily, GpuProfile, Variants};

/// Portable limits (WebGPU defaults) inside which every kernel stays.
pub mod limits {
    /// Storage buffers one shader stage may bind.
    pub const STORAGE_BUFFERS: usize = 8;
    /// Arguments of one kernel on the CPU.
    pub const CPU_ARGUMENTS: usize = 32;
    /// Invocations of one workgroup.
    pub const INVOCATIONS: u32 = 256;
    /// Bytes of workgroup memory.
    pub const WORKGROUP_BYTES: u32 = 16 * 1024;
    /// Workgroups along one dimension of a dispatch.
    pub const WORKGROUPS: u32 = 65_535;
    /// Elements that a shader counts: their numbers and positions are 32-bit integers, with room for rounding up.
    pub const ELEMENTS: usize = 1 << 31;
    /// Byte alignment of a buffer range that is bound by itself.
    pub const BINDING_ALIGN: usize = 256;
}
