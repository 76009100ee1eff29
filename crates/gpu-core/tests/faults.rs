//! Every fallible point of a run, made to fail: a typed error, unchanged buffers, and a device that still works.

mod common;

use std::sync::{Mutex, MutexGuard};

use common::{increments, read, words};
use gpu_core::testing::faults::Point;
use gpu_core::testing::{self, faults};
use gpu_core::{Device, Error, Role};

/// Points are counted for all users of a device, so tests run one at a time.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(|e| e.into_inner())
}

/// What a program does: it allocates, compiles, runs twice and reads.
fn program(device: &Device) -> gpu_core::Result<Vec<u32>> {
    let graph = increments(device.target(), 77, 2, 0);
    let buffer = device.upload(bytemuck::cast_slice(&[1u32; 77]), Role::Activation)?;
    graph.run(device, std::slice::from_ref(&buffer))?;
    graph.run(device, std::slice::from_ref(&buffer))?;
    read(device, &buffer)
}

#[test]
fn every_point_fails_once() {
    let _alone = alone();
    for device in testing::devices() {
        let (values, points) = faults::count(&device, || program(&device));
        assert_eq!(values.unwrap(), [5; 77]);
        use Point::{Allocation, Launch, Pipeline, Readback, Submit, Test};
        let want = match device.info().backend {
            "cpu" => vec![Allocation, Launch, Launch, Launch, Launch, Readback],
            _ => vec![Allocation, Pipeline, Pipeline, Submit, Submit, Readback],
        };
        assert_eq!(points, want, "{}", device.info());
        for (n, point) in points.into_iter().enumerate() {
            let error = faults::fail(&device, n, || program(&device)).unwrap_err();
            let typed = match point {
                Allocation | Readback => matches!(error, Error::OutOfMemory { .. }),
                Pipeline => matches!(error, Error::Shader { .. }),
                Launch => matches!(error, Error::Kernel { .. }),
                Submit => matches!(error, Error::Command { .. }),
                Test => unreachable!("no cooperative matrices are used"),
            };
            assert!(typed, "point {n}, {point:?}: {error}");
            assert!(error.to_string().contains(&*device.info().name), "{error}");
            assert_eq!(program(&device).unwrap(), [5; 77], "after point {n}, {point:?}");
        }
        assert_eq!(faults::fail(&device, 6, || program(&device)).unwrap(), [5; 77], "there is no such point");
    }
}

/// A graph that could not be submitted has no effect, even if it takes several submits.
#[test]
fn a_failed_submit_does_nothing() {
    let _alone = alone();
    let Some(gpu) = testing::gpu() else { return };
    let graph = increments(gpu.target(), 64, 20, 40_000_000_000);
    let buffer = words(&gpu, &[0; 64]);
    let run = || graph.run(&gpu, std::slice::from_ref(&buffer));
    run().unwrap();
    let (done, points) = faults::count(&gpu, run);
    done.unwrap();
    assert_eq!(points, [Point::Submit]);
    faults::fail(&gpu, 0, run).unwrap_err();
    assert_eq!(read(&gpu, &buffer).unwrap(), [40; 64]);
}
