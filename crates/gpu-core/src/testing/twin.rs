//! A kernel's CPU twin against its shaders.

use std::sync::Arc;

use super::{gpu, run_kernel, validate};
use crate::selftest::{Case, Words};
use crate::{Device, Kernel};

/// Validates the kernel's shaders, runs it on the CPU and the GPU over the same arguments, and compares the outputs:
/// floats (`float` by argument) within `tolerance` relative to the largest value of the argument, other words exactly.
///
/// # Panics
/// When a shader is invalid or the devices disagree.
pub fn check_twin(kernel: Arc<dyn Kernel>, args: &[Vec<u32>], float: &[bool], tolerance: f32) {
    for shader in kernel.shaders() {
        validate(&shader.module());
    }
    let Some(gpu) = gpu() else {
        run_kernel(&Device::named("cpu").expect("the CPU is always there"), kernel, args);
        return;
    };
    let types = float.iter().map(|float| if *float { Words::Floats } else { Words::Numbers }).collect();
    let case = Case { kernel: kernel.clone(), args: args.to_vec(), types, tolerance };
    let agreement = case.check(&gpu, kernel).unwrap_or_else(|error| panic!("{error}"));
    assert!(agreement.wrong.is_none(), "{}", agreement.wrong.unwrap_or_default());
}
