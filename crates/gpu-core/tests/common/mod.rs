//! User-defined kernels, and graphs over them.
#![allow(dead_code)] // not every test uses all of it

pub mod attention;
pub mod cooperative;

use std::sync::Arc;

use gpu_core::{
    Access, Arg, Args, Buffer, CommandGraph, Cost, Device, Kernel, Launch, Role, Shader, Slot, Target,
};
use rayon::prelude::*;

/// Adds 1 to `count` words; as many floating-point operations as are claimed.
#[derive(Clone, Debug)]
pub struct Increment {
    pub count: usize,
    pub flops: u64,
}

impl Kernel for Increment {
    fn name(&self) -> &'static str {
        "increment"
    }

    fn access(&self) -> Vec<Access> {
        vec![Access::ReadWrite]
    }

    fn shaders(&self) -> Vec<Shader> {
        let source = format!(
            "@group(0) @binding(0) var<storage, read_write> x: array<u32>;
            @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) gid: vec3<u32>) {{
                if gid.x < {}u {{ x[gid.x] += 1u; }}
            }}",
            self.count
        );
        vec![Shader::new(source, Shader::workgroups_for(self.count, 64))]
    }

    fn run(&self, args: &Args) {
        args.write::<u32>(0)[..self.count].par_iter_mut().for_each(|x| *x += 1);
    }

    fn cost(&self) -> Cost {
        Cost { flops: self.flops, bytes: 0 }
    }
}

/// `launches` increments of an external slot of `count` words.
pub fn increments(target: Target, count: usize, launches: usize, flops: u64) -> CommandGraph {
    let arg = Arg { slot: 0, offset: 0, bytes: 4 * count };
    let launch = Launch::new(Arc::new(Increment { count, flops }), vec![arg]);
    CommandGraph::new(target, vec![Slot::External { bytes: 4 * count }], vec![launch; launches])
}

pub fn words(device: &Device, words: &[u32]) -> Buffer {
    device.upload(bytemuck::cast_slice(words), Role::Activation).unwrap()
}

pub fn read(device: &Device, buffer: &Buffer) -> gpu_core::Result<Vec<u32>> {
    device.read(buffer, 0, buffer.bytes()).wait()
}

/// `n` numbers in -1..1, by a fixed generator.
pub fn noise(n: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..n).map(next).collect()
}
