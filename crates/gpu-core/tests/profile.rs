//! Profiling a graph: launches by kernel and shape, first runs left out.

use std::sync::Arc;
use std::time::Duration;

use gpu_core::kernels::{Binary, Instr, Map, MatMul, Program};
use gpu_core::{Arg, CommandGraph, DType, Device, Launch, Layout, Role, Slot, testing};

/// `y = x x^T`, then `x = y + y`, over one external buffer.
fn graph(device: &Device) -> CommandGraph {
    let n = 16;
    let bytes = n * n * 4;
    let square = Layout::contiguous(&[n, n]);
    let product = MatMul::new(square.clone(), square.permute(&[1, 0]));
    let double = Program::new(&[DType::F32], &[Instr::Binary(Binary::Add, 0, 0)]);
    let double = Map::new(double, std::slice::from_ref(&square), square.clone());
    let arg = |slot| Arg { slot, offset: 0, bytes };
    let slots = vec![
        Slot::External { bytes },
        Slot::Temp { bytes, role: Role::Activation },
        Slot::External { bytes },
    ];
    let launches = vec![
        Launch::new(Arc::new(product), vec![arg(0), arg(2), arg(1)]),
        Launch::new(Arc::new(double), vec![arg(1), arg(0)]),
    ];
    CommandGraph::new(device.target(), slots, launches)
}

#[test]
fn launches_are_timed_while_profiling_is_on() {
    for device in testing::devices() {
        let graph = graph(&device);
        let data = [1f32; 16 * 16];
        let x = [0, 1].map(|_| device.upload(bytemuck::cast_slice(&data), Role::Input).unwrap());
        let run = || {
            graph.run(&device, &x).unwrap();
            device.synchronize().unwrap();
        };
        device.set_profiling(true);
        run();
        assert!(device.profile().launches.is_empty(), "the first run is not part of the table");
        run();
        run();
        device.set_profiling(false);
        run();
        let profile = device.profile();
        let mut rows: Vec<_> =
            profile.launches.iter().map(|r| (r.kernel, r.shape.as_str(), r.runs, r.cost.flops)).collect();
        rows.sort();
        assert_eq!(
            rows,
            [("map", "[256] add", 2, 256), ("matmul", "[16, 16] [16, 16]^T", 2, 2 * 16 * 16 * 16)]
        );
        assert!(profile.launches.iter().all(|r| r.time > Duration::ZERO && r.gflops() > 0.0), "{profile}");
        let submits = profile.host.iter().find(|h| h.0 == "submit").expect("runs are submitted");
        assert_eq!(submits.1, 3, "host work of the first run counts");
        assert!(submits.2 > Duration::ZERO && profile.to_string().contains("[16, 16] [16, 16]^T"));
    }
}
