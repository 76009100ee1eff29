//! A kernel's CPU twin against its shaders.

use std::sync::Arc;

use super::{gpu, run_kernel, validate};
use crate::{Access, Device, Kernel};

/// Validates the kernel's shaders, runs it on the CPU and the GPU over the same arguments, and compares what it wrote:
/// floats (`float` by argument) within `tolerance` relative to the largest value of the argument, other words exactly.
///
/// # Panics
/// When a shader is invalid or the devices disagree.
pub fn check_twin(kernel: Arc<dyn Kernel>, args: &[Vec<u32>], float: &[bool], tolerance: f32) {
    for shader in kernel.shaders() {
        validate(&shader.source);
    }
    let cpu = run_kernel(&Device::named("cpu").expect("the CPU is always there"), kernel.clone(), args);
    let Some(gpu) = gpu() else { return };
    let gpu = run_kernel(&gpu, kernel.clone(), args);
    for (i, access) in kernel.access().into_iter().enumerate().filter(|(_, a)| *a != Access::Read) {
        if !float[i] {
            assert_eq!(cpu[i], gpu[i], "{kernel:?}: argument {i} ({access:?})");
            continue;
        }
        let (cpu, gpu): (&[f32], &[f32]) = (bytemuck::cast_slice(&cpu[i]), bytemuck::cast_slice(&gpu[i]));
        let scale = cpu.iter().fold(1e-6f32, |m, x| m.max(x.abs()));
        for (j, (a, b)) in cpu.iter().zip(gpu).enumerate() {
            let close = (a - b).abs() <= tolerance * scale || (a.is_nan() && b.is_nan()) || a == b;
            assert!(close, "{kernel:?}: argument {i}, element {j}: {a} on the CPU, {b} on the GPU");
        }
    }
}
