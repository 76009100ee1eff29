//! The memory of a device: temporaries shared by graphs, bounds, limits. The tests count a device's memory, so they run one at a time.

use std::sync::{Arc, Mutex, MutexGuard};

use gpu_core::kernels::{Binary, Instr, Map, Program};
use gpu_core::{Arg, Buffer, CommandGraph, DType, Device, Error, Launch, Layout, Role, Slot, testing};

fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(|e| e.into_inner())
}

/// `out = 2 x + 4 x` for `n` floats, through one temporary of the size of `x` and one that is `spare` floats larger.
fn sixfold(device: &Device, n: usize, spare: usize) -> CommandGraph {
    let bytes = 4 * n;
    let temp = |bytes| Slot::Temp { bytes, role: Role::Activation };
    let slots =
        vec![Slot::External { bytes }, temp(bytes), temp(bytes + 4 * spare), Slot::External { bytes }];
    let dense = Layout::contiguous(&[n]);
    let add = Program::new(&[DType::F32; 2], &[Instr::Binary(Binary::Add, 0, 1)]);
    let double = Program::new(&[DType::F32], &[Instr::Binary(Binary::Add, 0, 0)]);
    let launch = |program: &Program, slots: &[usize]| {
        let inputs = vec![dense.clone(); slots.len() - 1];
        let args = slots.iter().map(|&slot| Arg { slot, offset: 0, bytes }).collect();
        Launch::new(Arc::new(Map::new(program.clone(), &inputs, dense.clone())), args)
    };
    let launches = vec![launch(&double, &[0, 1]), launch(&double, &[1, 2]), launch(&add, &[1, 2, 3])];
    CommandGraph::new(device.target(), slots, launches)
}

/// Buffers for [`sixfold`], the first filled with `value`.
fn buffers(device: &Device, n: usize, value: f32) -> [Buffer; 2] {
    let x = device.upload(bytemuck::cast_slice(&vec![value; n]), Role::Input).unwrap();
    [x, device.alloc(4 * n, Role::Activation).unwrap()]
}

fn run(device: &Device, graph: &CommandGraph, n: usize, value: f32) {
    let buffers = buffers(device, n, value);
    graph.run(device, &buffers).unwrap();
    assert_eq!(device.read(&buffers[1], 0, 4 * n).wait::<f32>().unwrap(), vec![6.0 * value; n]);
}

/// Capacity for a power of two of floats, which is not rounded.
fn bytes(floats: usize) -> u64 {
    4 * floats as u64
}

#[test]
fn graphs_share_their_temporaries() {
    let _alone = alone();
    for device in testing::devices() {
        device.trim().unwrap();
        assert_eq!(device.memory().temporaries, 0, "{}", device.info());
        let (small, large) = (sixfold(&device, 1024, 0), sixfold(&device, 4096, 4096));
        run(&device, &small, 1024, 1.0);
        assert_eq!(device.memory().temporaries, 2 * bytes(1024));
        run(&device, &large, 4096, 2.0);
        assert_eq!(device.memory().temporaries, bytes(8192) + bytes(4096));
        run(&device, &small, 1024, 3.0);
        let settled = device.stats();
        for value in 4..8 {
            run(&device, &small, 1024, value as f32);
            run(&device, &large, 4096, value as f32);
        }
        let after = device.stats();
        assert_eq!((after.bind_groups, after.bytes), (settled.bind_groups, settled.bytes));
        assert_eq!(device.memory().temporaries, bytes(8192) + bytes(4096));
        drop((small, large));
        device.trim().unwrap();
        assert_eq!(device.memory().temporaries, 0);
    }
}

#[test]
fn threads_grow_and_trim_the_arena() {
    let _alone = alone();
    for device in testing::devices() {
        device.trim().unwrap();
        std::thread::scope(|scope| {
            for t in 0..4 {
                let device = &device;
                scope.spawn(move || {
                    for i in 0..12 {
                        let n = 256 * (1 + (5 * t + 3 * i) % 12);
                        let graph = sixfold(device, n, 64 * t);
                        run(device, &graph, n, (t * 12 + i) as f32);
                        if i % 4 == t {
                            device.trim().unwrap();
                        }
                        run(device, &graph, n, (t + i) as f32);
                    }
                });
            }
        });
        device.trim().unwrap();
        assert_eq!(device.memory().temporaries, 0);
    }
}

#[test]
fn accounts_by_role() {
    let _alone = alone();
    for device in testing::devices() {
        device.trim().unwrap();
        let before = device.memory();
        let alloc = |kib: usize, role| device.alloc(kib << 10, role).unwrap();
        let held = [
            alloc(16, Role::Parameter),
            alloc(32, Role::Gradient),
            alloc(64, Role::State),
            alloc(128, Role::Activation),
            alloc(256, Role::Input),
        ];
        let during = device.memory();
        let grown = |f: fn(gpu_core::MemoryUse) -> u64| (f(during) - f(before)) >> 10;
        assert_eq!(grown(|m| m.parameters), 16);
        assert_eq!(grown(|m| m.gradients), 32);
        assert_eq!(grown(|m| m.state), 64);
        assert_eq!(grown(|m| m.activations), 128);
        assert_eq!(grown(|m| m.input), 256);
        assert_eq!(grown(|m| m.in_use), 496);
        assert_eq!(during.peak, during.in_use);
        assert_eq!(held[0].owners(), 1);
        let clone = held[0].clone();
        assert_eq!((held[0].owners(), clone.owners()), (2, 2));
        drop((clone, held));
        let after = device.memory();
        assert_eq!((after.in_use, after.cached >> 10), (before.in_use, 496));
        assert_eq!(after.peak, during.peak);
        device.trim().unwrap();
        assert_eq!((device.memory().cached, device.memory().peak), (0, before.in_use));
    }
}

/// Many sizes, of graphs, data and readbacks: no more memory than the largest alone needs, and what is kept for reuse.
#[test]
fn sixty_four_sizes() {
    let _alone = alone();
    for device in testing::devices() {
        device.trim().unwrap();
        let sizes = (1..=64).map(|i| 16_384 * i);
        let largest = 64 * 16_384;
        run(&device, &sixfold(&device, largest, 0), largest, 1.0);
        let total = || device.memory().in_use + device.memory().cached;
        let one = total();
        for (round, n) in sizes.clone().chain(sizes.rev()).enumerate() {
            run(&device, &sixfold(&device, n, 0), n, round as f32);
            let most = device.memory().peak + (device.memory().peak / 8).max(8 << 20);
            assert!(total() <= most, "{} of {most} bytes with {n} floats", total());
        }
        let peak = device.memory().peak;
        assert!(peak <= one, "{peak} bytes at once, {one} for the largest size on {}", device.info());
        device.trim().unwrap();
    }
}

#[test]
fn beyond_the_limit() {
    let _alone = alone();
    for device in testing::devices() {
        device.trim().unwrap();
        let base = device.memory().in_use;
        let limit = base + (1 << 20);
        device.set_memory_limit(Some(limit));
        let held = device.alloc(512 << 10, Role::State).unwrap();
        // Free memory is released first: temporaries, and buffers of other sizes.
        run(&device, &sixfold(&device, 16_384, 0), 16_384, 1.0);
        let half = device.alloc(512 << 10, Role::Activation).unwrap();
        assert_eq!(device.memory().in_use, limit);
        let error = device.alloc(1000, Role::Parameter).unwrap_err();
        let message = error.to_string();
        let Error::OutOfMemory { bytes, role, in_use, limit: told, .. } = error else { panic!("{message}") };
        assert_eq!((bytes, role, in_use, told), (1000, "parameters", limit, Some(limit)));
        for part in ["1000 bytes", &limit.to_string(), "smaller batch", "WGRAD_MEMORY_LIMIT"] {
            assert!(message.contains(part), "{message}");
        }
        // A graph without memory for its temporaries, and a GPU without staging memory, report it, too.
        let graph = sixfold(&device, 16, 0);
        let x = [&held, &half].map(Clone::clone);
        assert!(matches!(graph.run(&device, &x), Err(Error::OutOfMemory { role: "temporaries", .. })));
        let read = device.read(&held, 0, 64).wait::<u32>();
        assert_eq!(read.is_err(), device.target() == gpu_core::Target::Gpu);
        drop((x, half));
        device.alloc(1000, Role::Parameter).unwrap();
        device.set_memory_limit(None);
        assert!(device.alloc(2 << 20, Role::State).is_ok());
    }
}

/// A dropped readback returns its memory for the next one.
#[test]
fn abandoned_readbacks() {
    let _alone = alone();
    for device in testing::devices() {
        let buffer = device.upload(&[7; 4096], Role::Input).unwrap();
        device.read(&buffer, 0, 4096).wait::<u32>().unwrap();
        let before = device.stats();
        for _ in 0..20 {
            drop(device.read(&buffer, 0, 4096));
        }
        assert_eq!(device.read(&buffer, 0, 4096).wait::<u32>().unwrap(), [0x0707_0707; 1024]);
        device.synchronize().unwrap();
        assert_eq!((device.stats().allocations, device.memory().staging), (before.allocations, 0));
    }
}
