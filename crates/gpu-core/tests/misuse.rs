//! Mistakes of safe code with graphs, buffers and kernels: typed errors, after which the device still works.

mod common;

use std::sync::Arc;

use common::{Increment, increments, read, words};
use gpu_core::{
    Access, Arg, Args, Buffer, CommandGraph, Cost, Device, Error, Kernel, Launch, Role, Shader, Slot, Target,
    testing,
};

fn refused(result: gpu_core::Result<()>, with: &str) {
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Buffer { .. }) && error.to_string().contains(with), "{error}");
}

/// `to = from` of a word, and what a run of it gives.
#[derive(Debug)]
struct Copy;

impl Kernel for Copy {
    fn name(&self) -> &'static str {
        "copy"
    }

    fn access(&self) -> Vec<Access> {
        vec![Access::Read, Access::Read, Access::Write]
    }

    fn shaders(&self) -> Vec<Shader> {
        let source = "@group(0) @binding(0) var<storage, read> x: array<u32>;
            @group(0) @binding(1) var<storage, read> y: array<u32>;
            @group(0) @binding(2) var<storage, read_write> z: array<u32>;
            @compute @workgroup_size(1) fn main() { z[0] = x[0] + y[0]; }";
        vec![Shader::new(source.into(), [1, 1, 1])]
    }

    fn run(&self, args: &Args) {
        args.write::<u32>(2)[0] = args.read::<u32>(0)[0] + args.read::<u32>(1)[0];
    }

    fn cost(&self) -> Cost {
        Cost::default()
    }
}

fn copy(target: Target) -> CommandGraph {
    let args = (0..3).map(|slot| Arg { slot, offset: 0, bytes: 4 }).collect();
    CommandGraph::new(target, vec![Slot::External { bytes: 4 }; 3], vec![Launch::new(Arc::new(Copy), args)])
}

#[test]
fn one_memory_in_two_slots() {
    for device in testing::devices() {
        let graph = copy(device.target());
        let [x, y, z] = [1, 2, 3].map(|x| words(&device, &[x]));
        for (buffers, pair) in [
            ([&x, &y, &x], "external buffer 2 can't be used"),
            ([&x, &y, &y], "it is the memory of external buffer 1"),
            ([&x, &x, &x], "one is written"),
        ] {
            refused(graph.run(&device, &buffers.map(Clone::clone)), pair);
        }
        assert_eq!(read(&device, &x).unwrap(), [1], "nothing was done");
        // Reading it twice is fine.
        graph.run(&device, &[x.clone(), x.clone(), z.clone()]).unwrap();
        assert_eq!(read(&device, &z).unwrap(), [2]);
    }
}

#[test]
fn buffers_that_do_not_fit() {
    let devices = testing::devices();
    let other = testing::cpu(1);
    for device in &devices {
        let graph = copy(device.target());
        let [x, y, z] = [1, 2, 3].map(|x| words(device, &[x]));
        let foreign = words(&other, &[7]);
        let short = device.alloc(2, Role::Activation).unwrap();
        refused(graph.run(device, &[x.clone(), foreign.clone(), z.clone()]), "another device");
        refused(graph.run(device, &[x.clone(), short.clone(), z.clone()]), "it has 2 bytes, 4 are needed");
        refused(graph.run(device, &[x.clone(), y.clone()]), "there are 2 for 3 slots");
        refused(graph.run(device, &[x.clone(), y.clone(), z.clone(), y.clone()]), "there are 4 for 3 slots");
        refused(device.write(&foreign, &[0; 4]), "another device");
        refused(device.write(&short, &[0; 3]), "3 bytes from 0 are not in it");
        refused(device.read(&foreign, 0, 4).wait::<u32>().map(drop), "another device");
        refused(device.read(&x, 4, 4).wait::<u32>().map(drop), "4 bytes from 4");
        refused(device.read(&x, usize::MAX, 4).wait::<u32>().map(drop), "are not in it");
        graph.run(device, &[x, y, z.clone()]).unwrap();
        assert_eq!(read(device, &z).unwrap(), [3]);
        // A graph is for one device.
        let [x, y, z] = [1, 2, 3].map(|x| words(&other, &[x]));
        assert!(matches!(graph.run(&other, &[x, y, z]), Err(Error::Command { .. })));
    }
}

type Twin = fn(&Args);

/// A kernel whose behaviour a test defines.
#[derive(Clone, Debug)]
struct Rogue {
    source: &'static str,
    run: Twin,
}

impl Kernel for Rogue {
    fn name(&self) -> &'static str {
        "rogue"
    }

    fn access(&self) -> Vec<Access> {
        vec![Access::ReadWrite]
    }

    fn shaders(&self) -> Vec<Shader> {
        assert!(!self.source.is_empty(), "no source");
        vec![Shader::new(self.source.into(), [1, 1, 1])]
    }

    fn run(&self, args: &Args) {
        (self.run)(args);
    }

    fn cost(&self) -> Cost {
        Cost::default()
    }
}

fn run_rogue(device: &Device, source: &'static str, run: Twin, buffer: &Buffer) -> gpu_core::Result<()> {
    let arg = Arg { slot: 0, offset: 0, bytes: buffer.bytes() };
    let increment = Launch::new(Arc::new(Increment { count: 1, flops: 0 }), vec![arg]);
    let rogue = Launch::new(Arc::new(Rogue { source, run }), vec![arg]);
    let slots = vec![Slot::External { bytes: buffer.bytes() }];
    CommandGraph::new(device.target(), slots, vec![increment.clone(), rogue, increment])
        .run(device, std::slice::from_ref(buffer))
}

#[test]
fn kernels_that_panic() {
    let cpu = Device::named("cpu").unwrap();
    let buffer = words(&cpu, &[5; 64]);
    let panics: [(Twin, &str); 5] = [
        (|_| panic!("on purpose"), "on purpose"),
        (|args| args.write::<u32>(0)[64] = 1, "index out of bounds"),
        (|args| drop(args.read::<u32>(0).to_vec()), "argument 0 is not read-only"),
        (|args| args.write::<u32>(0)[0] = args.write::<u32>(0)[1], "already taken"),
        (|_| rayon::join(|| (), || panic!("in a parallel task")).0, "in a parallel task"),
    ];
    for (run, reason) in panics {
        let error = run_rogue(&cpu, "", run, &buffer).unwrap_err();
        assert!(matches!(&error, Error::Kernel { kernel, .. } if kernel == "rogue"), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    }
    // The launch before the panic ran, the one after it did not; and the device still works.
    assert_eq!(read(&cpu, &buffer).unwrap()[0], 10);
    increments(Target::Cpu, 64, 1, 0).run(&cpu, std::slice::from_ref(&buffer)).unwrap();
    assert_eq!(read(&cpu, &buffer).unwrap()[1..], [6; 63]);
}

/// A kernel's CPU twin that uses its own device would wait for itself.
#[test]
fn kernels_that_submit() {
    let cpu = Device::named("cpu").unwrap();
    let buffer = words(&cpu, &[5; 64]);
    let nested: Twin = |args| {
        let cpu = Device::named("cpu").unwrap();
        let error = cpu.upload(&[1], Role::Input).unwrap_err();
        assert!(error.to_string().contains("uses the device that runs it"), "{error}");
        args.write::<u32>(0)[1] = 99;
    };
    run_rogue(&cpu, "", nested, &buffer).unwrap();
    assert_eq!(read(&cpu, &buffer).unwrap()[..3], [7, 99, 5]);
}

/// Shaders from outside of this crate can't access memory outside of their bindings, and always end.
#[test]
fn shaders_that_reach_too_far() {
    let Some(gpu) = testing::gpu() else { return };
    let buffer = words(&gpu, &[5; 64]);
    let far = "@group(0) @binding(0) var<storage, read_write> x: array<u32>;
        @compute @workgroup_size(1) fn main() { x[x[1] * 100000000u] = 9u; x[0] = x[x[2] * 90000000u]; }";
    run_rogue(&gpu, far, |_| {}, &buffer).unwrap();
    assert_eq!(read(&gpu, &buffer).unwrap()[1..4], [5, 5, 5]);
    for (source, wanted) in [
        ("fn main() {", "rogue"),
        ("", "no source"),
        ("@compute @workgroup_size(1) fn other() {}", "rogue"),
        (
            "@group(0) @binding(3) var<storage, read_write> x: array<u32>;
            @compute @workgroup_size(1) fn main() { x[0] = 1u; }",
            "rogue",
        ),
    ] {
        let error = run_rogue(&gpu, source, |_| {}, &buffer).unwrap_err();
        assert!(error.to_string().contains(wanted), "{error}");
        let typed = matches!(error, Error::Shader { .. })
            || source.is_empty() && matches!(error, Error::Kernel { .. });
        assert!(typed, "{error}");
    }
    increments(Target::Gpu, 64, 1, 0).run(&gpu, std::slice::from_ref(&buffer)).unwrap();
    gpu.synchronize().unwrap();
}
