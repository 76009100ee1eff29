//! A GPU that is lost, at any point, and opened again.

mod common;

use common::{increments, read, words};
use gpu_core::testing::{self, faults};
use gpu_core::{CommandGraph, Device, Error, Role};

fn software() -> Option<Device> {
    testing::gpu()
}

fn lost<T>(result: gpu_core::Result<T>) {
    match result {
        Err(Error::DeviceLost { .. }) => {}
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("done on a lost device"),
    }
}

fn works(device: &Device, graph: &CommandGraph) -> gpu_core::Result<Vec<u32>> {
    let buffer = device.upload(&[0; 64], Role::Input)?;
    graph.run(device, std::slice::from_ref(&buffer))?;
    read(device, &buffer)
}

#[test]
fn lost_and_opened_again() {
    let Some(old) = software() else { return };
    let graph = increments(old.target(), 16, 3, 0);
    assert_eq!(works(&old, &graph).unwrap(), [3; 16]);
    let buffer = words(&old, &[1; 16]);
    let pending = old.read(&buffer, 0, 64);
    testing::lose(&old);
    assert!(old.is_lost());
    // Every operation on the old device reports the loss, repeatedly.
    for _ in 0..2 {
        lost(works(&old, &graph));
        lost(graph.run(&old, std::slice::from_ref(&buffer)));
        lost(old.alloc(64, Role::Input));
        lost(old.write(&buffer, &[0; 4]));
        let read = old.read(&buffer, 0, 4);
        assert!(read.is_ready());
        lost(read.wait::<u32>());
        lost(old.synchronize());
    }
    assert!(pending.is_ready());
    lost(pending.wait::<u32>());
    // A new device, under the same name, and only one.
    let new = software().unwrap();
    assert_ne!(new, old);
    assert_eq!(new, software().unwrap());
    assert_eq!(new.info().to_string(), old.info().to_string());
    assert!(!new.is_lost() && old.is_lost());
    assert_eq!(works(&new, &increments(new.target(), 16, 3, 0)).unwrap(), [3; 16]);
    // Buffers and graphs of the old device can't be used on it.
    let both = increments(new.target(), 16, 1, 0);
    assert!(matches!(both.run(&new, &[buffer]), Err(Error::Buffer { .. })));
    assert!(matches!(works(&new, &graph), Err(Error::Command { .. })));

    // Lost at each point of a run.
    let device = new;
    let (values, points) = faults::count(&device, || works(&device, &increments(device.target(), 16, 2, 0)));
    assert_eq!((values.unwrap(), points.len()), (vec![2; 16], 5));
    for n in 0..points.len() {
        let device = software().unwrap();
        let graph = increments(device.target(), 16, 2, 0);
        lost(faults::lose(&device, n, || works(&device, &graph)));
        assert!(device.is_lost(), "point {n}");
    }
    // The CPU is not lost.
    let cpu = Device::named("cpu").unwrap();
    testing::lose(&cpu);
    assert!(!cpu.is_lost() && cpu == Device::named("cpu").unwrap());
}
