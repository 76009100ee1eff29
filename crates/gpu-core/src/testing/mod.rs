//! Help for tests: devices to test on, running one kernel, comparing its twins, and validating shaders.

pub mod faults;
#[cfg(feature = "validation")]
mod twin;
#[cfg(feature = "validation")]
mod validate;

#[cfg(feature = "validation")]
pub use twin::check_twin;
#[cfg(feature = "validation")]
pub use validate::validate;

use std::sync::Arc;

use crate::{Device, GpuProfile, Kernel, selftest};

/// The GPU to test on: a real one or a software adapter. `None` when there is none, which `WGRAD_REQUIRE_GPU=1` turns
/// into a panic.
pub fn gpu() -> Option<Device> {
    let found = ["vulkan", "metal", "dx12", "software"].iter().find_map(|name| Device::named(name).ok());
    let required = std::env::var("WGRAD_REQUIRE_GPU").is_ok_and(|v| v == "1");
    assert!(found.is_some() || !required, "WGRAD_REQUIRE_GPU=1, but there is no GPU adapter");
    if found.is_none() {
        eprintln!("no GPU adapter: skipped on the GPU");
    }
    found
}

/// The CPU, and the GPU to test on where there is one.
pub fn devices() -> Vec<Device> {
    [Device::named("cpu").ok(), gpu()].into_iter().flatten().collect()
}

/// A separate CPU device with that many threads.
///
/// # Panics
/// When the operating system refuses the threads.
pub fn cpu(threads: usize) -> Device {
    Device::cpu(Some(threads)).unwrap_or_else(|error| panic!("{error}"))
}

/// Simulates the loss of a GPU by a driver reset; no effect on the CPU.
pub fn lose(device: &Device) {
    device.lose();
}

/// Takes a GPU for one of another profile: plans that are made from now on are for such a GPU, and cooperative matrices are tested again.
pub fn assume(device: &Device, profile: GpuProfile) {
    device.assume(profile);
}

/// Runs `kernel` on `device`. `args` are the initial words of every argument (for written ones, too); the result is the
/// words of every argument afterwards.
///
/// # Panics
/// When the device fails.
pub fn run_kernel(device: &Device, kernel: Arc<dyn Kernel>, args: &[Vec<u32>]) -> Vec<Vec<u32>> {
    selftest::run_kernel(device, kernel, args).unwrap_or_else(|error| panic!("{error}"))
}
