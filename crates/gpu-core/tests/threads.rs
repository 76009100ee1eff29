//! Devices that are used from many threads, above all from rayon workers, which run other tasks while they wait.

mod common;

use std::sync::Arc;
use std::thread;

use common::{increments, read, words};
use gpu_core::kernels::MatMul;
use gpu_core::{Arg, CommandGraph, Device, Launch, Layout, Slot, testing};
use rayon::prelude::*;

/// Uploads, runs graphs and reads; the sum of what it read.
fn task(device: &Device, graph: &CommandGraph, task: u32) -> u32 {
    let buffer = words(device, &[task; 300]);
    (0..3).for_each(|_| graph.run(device, std::slice::from_ref(&buffer)).unwrap());
    let values = read(device, &buffer).unwrap();
    assert!(values.iter().all(|&x| x == values[0]), "{values:?}");
    values[0]
}

#[test]
fn tasks_of_rayon_pools() {
    for device in testing::devices() {
        let graph = increments(device.target(), 300, 5, 0);
        for threads in [1, 3, 4, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let outer = |i: u32| -> u32 {
                let inner = (0..6).into_par_iter().map(|j| task(&device, &graph, 100 * i + j));
                inner.sum::<u32>() + task(&device, &graph, i)
            };
            let sum: u32 = pool.install(|| (0..8).into_par_iter().map(outer).sum());
            // Each of the 56 tasks adds 3 * 5.
            let want = (0..8).map(|i| (0..6).map(|j| 100 * i + j + 15).sum::<u32>() + i + 15).sum::<u32>();
            assert_eq!(sum, want, "{threads} threads on {}", device.info());
        }
    }
}

/// In a kernel's own parallel loops, too, waiting threads run other tasks, but only those of the device's pool.
#[test]
fn parallel_kernels_from_the_global_pool_and_from_threads() {
    let device = Device::named("cpu").unwrap();
    let n = 96;
    let square = || Layout::contiguous(&[n, n]);
    let bytes = 4 * n * n;
    let arg = |slot| Arg { slot, offset: 0, bytes };
    let launch = Launch::new(Arc::new(MatMul::new(square(), square())), [0, 1, 2].map(arg).to_vec());
    let graph = CommandGraph::new(device.target(), vec![Slot::External { bytes }; 3], vec![launch; 4]);
    let run = |i: u32| {
        let [a, b] = [i as f32, 0.5].map(|x| words(&device, &vec![x.to_bits(); n * n]));
        let c = words(&device, &vec![0; n * n]);
        graph.run(&device, &[a, b, c.clone()]).unwrap();
        let want = (i as f32 * 0.5 * n as f32).to_bits();
        assert!(read(&device, &c).unwrap().iter().all(|&x| x == want), "{i}");
    };
    thread::scope(|scope| {
        (0..3).for_each(|t| drop(scope.spawn(move || (0..20).for_each(|i| run(10 * t + i)))));
        scope.spawn(|| (0..60u32).into_par_iter().for_each(run));
    });
}

/// The first run of a graph compiles. From many threads at once, and from rayon workers.
#[test]
fn first_runs_at_once() {
    for device in testing::devices() {
        for round in 0..2 {
            let graph = increments(device.target(), 1000 + round, 3, 0);
            let first = |i: u32| {
                let buffer = words(&device, &vec![i; 1000 + round]);
                graph.run(&device, std::slice::from_ref(&buffer)).unwrap();
                assert_eq!(read(&device, &buffer).unwrap(), vec![i + 3; 1000 + round]);
            };
            (0..8u32).into_par_iter().for_each(first);
        }
    }
}

/// A graph with much work is submitted in parts, which are not interleaved with submits of other threads.
#[test]
fn graphs_in_parts() {
    for device in testing::devices() {
        // A claim of 200 s on a slow GPU.
        let graph = increments(device.target(), 64, 50, 40_000_000_000);
        let buffer = words(&device, &[0; 64]);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    (0..3).for_each(|_| graph.run(&device, std::slice::from_ref(&buffer)).unwrap())
                });
            }
        });
        assert_eq!(read(&device, &buffer).unwrap(), [600; 64], "{}", device.info());
    }
}
