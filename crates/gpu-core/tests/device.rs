//! Choosing devices, and what happens when they have no memory left.

use std::sync::{Mutex, MutexGuard};

use gpu_core::{Device, DeviceKind, Error, Role, testing};

/// Tests that count allocations run one at a time.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(|e| e.into_inner())
}

#[test]
fn unknown_names() {
    for name in ["cuda", "", "CPU", "-1", "0x1", "99999999999999999999", "vulkan "] {
        let error = Device::named(name).unwrap_err();
        assert!(matches!(&error, Error::UnknownDevice { name: n, .. } if n == name), "{name}: {error}");
        let message = error.to_string();
        for known in ["auto", "cpu", "vulkan", "metal", "dx12", "software", name] {
            assert!(message.contains(known), "{message}");
        }
    }
}

#[test]
fn no_such_adapter() {
    let foreign = if cfg!(target_os = "macos") { "dx12" } else { "metal" };
    let beyond = Device::list().len().to_string();
    for name in [foreign, beyond.as_str()] {
        let error = Device::named(name).unwrap_err();
        assert!(matches!(&error, Error::NoAdapter { wanted, .. } if wanted == name), "{error}");
        let message = error.to_string();
        assert!(message.contains(name) && message.contains("WGRAD_DEVICE=cpu"), "{message}");
        for adapter in Device::list() {
            assert!(message.contains(&*adapter.info.name), "{message}");
        }
    }
}

#[test]
fn one_device_an_adapter() {
    let cpu = Device::named("cpu").unwrap();
    assert_eq!(cpu, Device::named("cpu").unwrap());
    assert_eq!((cpu.info().backend, cpu.info().kind), ("cpu", DeviceKind::Cpu));
    assert_eq!(Device::best().unwrap(), Device::best().unwrap());
    for adapter in Device::list() {
        let name = adapter.selector;
        let Ok(device) = Device::named(&name) else { continue };
        assert_eq!(device, Device::named(&name).unwrap());
        assert_eq!(device.id(), Device::named(&name).unwrap().id());
        assert_eq!(device.info().to_string(), adapter.info.to_string());
        assert_ne!(device, cpu);
    }
    // From many threads at once, too.
    let Some(gpu) = testing::gpu() else { return };
    let same = || testing::gpu().unwrap() == gpu;
    std::thread::scope(|s| {
        let started: Vec<_> = (0..4).map(|_| s.spawn(same)).collect();
        assert!(started.into_iter().all(|t| t.join().unwrap()));
    });
}

/// A software adapter is used only if selected.
#[test]
fn the_best_device_is_no_software_adapter() {
    if std::env::var_os("WGRAD_DEVICE").is_none() {
        assert_ne!(Device::best().unwrap().info().kind, DeviceKind::Software);
    }
}

#[test]
fn absurd_allocations() {
    let _alone = alone();
    for device in testing::devices() {
        let before = device.stats();
        for bytes in [1 << 50, 1 << 61, usize::MAX / 4, usize::MAX / 2, usize::MAX - 4, usize::MAX] {
            let error = device.alloc(bytes, Role::Activation).unwrap_err();
            let wanted =
                matches!(error, Error::OutOfMemory { bytes: b, role: "activations", .. } if b == bytes);
            assert!(wanted, "{bytes} bytes on {}: {error}", device.info());
            assert!(error.to_string().contains(&*device.info().name), "{error}");
        }
        assert!(device.stats().bytes <= before.bytes, "a failure gives back what was kept for reuse");
        // The device still works.
        let buffer = device.upload(&[1, 2, 3, 4], Role::Input).unwrap();
        assert_eq!(device.read(&buffer, 0, 4).wait::<u32>().unwrap(), [0x0403_0201]);
        device.synchronize().unwrap();
    }
}

#[test]
fn memory_comes_back() {
    let _alone = alone();
    for device in testing::devices() {
        let size = 123_457;
        drop(device.alloc(size, Role::State).unwrap());
        let before = device.stats().allocations;
        let (first, id) = (device.alloc(size, Role::State).unwrap(), |b: &gpu_core::Buffer| b.id());
        let second = device.alloc(size, Role::State).unwrap();
        assert_eq!(device.stats().allocations, before + 1, "the first is the old one");
        // Whichever buffer is returned last, the next ones are the same.
        let ids = (id(&first), id(&second));
        drop(first);
        drop(second);
        let again = (device.alloc(size, Role::State).unwrap(), device.alloc(size, Role::State).unwrap());
        assert_eq!((id(&again.0), id(&again.1)), ids);
        assert_ne!(id(&device.alloc(size, Role::Gradient).unwrap()), id(&again.0), "roles keep apart");
    }
}

#[test]
fn nothing_is_a_buffer_too() {
    let _alone = alone();
    for device in testing::devices() {
        let buffer = device.upload(&[], Role::Input).unwrap();
        assert_eq!(buffer.bytes(), 0);
        assert_eq!(device.read(&buffer, 0, 0).wait::<u32>().unwrap(), [0u32; 0]);
    }
}
