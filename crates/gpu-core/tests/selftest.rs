//! The self-test and reports of devices, as shown to users.

use gpu_core::selftest::{self, DeviceReport, Machine, SelfTest, Severity};
use gpu_core::{DeviceKind, testing};

#[test]
fn every_kernel_passes_on_every_device() {
    for device in testing::devices() {
        let mut heard = vec![];
        let test = selftest::run(&device, |kernel| heard.push(kernel.clone()));
        let seconds = heard.iter().map(|k| k.milliseconds).sum::<f64>() / 1e3;
        println!("{}: {} kernels in {seconds:.1} s", test.device, heard.len());
        for kernel in &test.kernels {
            println!("  {kernel:?}");
            assert!(kernel.passed && kernel.error.is_none(), "{kernel:?}");
            assert!(kernel.cases > 0 && kernel.difference <= kernel.allowed);
        }
        assert_eq!(heard, test.kernels);
        assert!(test.passed() && test.kernels.len() > 30);
        if device.info().kind == DeviceKind::Cpu {
            assert!(
                test.kernels.iter().all(|k| k.difference == 0.0),
                "results depend on the number of threads"
            );
        } else {
            assert!(test.kernels.iter().any(|k| k.difference > 0.0), "nothing was rounded differently");
        }
        let failed = SelfTest {
            kernels: test
                .kernels
                .into_iter()
                .map(|k| selftest::KernelReport { passed: k.name != "map", ..k })
                .collect(),
            ..test
        };
        assert!(!failed.passed());
        let json = serde_json::to_value(&failed).unwrap();
        assert_eq!(json["kernels"][0]["name"], failed.kernels[0].name);
    }
}

#[test]
fn devices_are_described() {
    for device in testing::devices() {
        let report = DeviceReport::of(&device);
        assert_eq!(report.info.to_string(), device.info().to_string());
        assert_eq!(gpu_core::Device::named(&report.selector).unwrap(), device);
        assert!(report.limits.iter().all(|limit| limit.enough()), "{report:?}");
        assert!(report.memory_bytes.is_none_or(|bytes| bytes > 1 << 28));
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(
            (json["name"].as_str(), json["backend"].as_str()),
            (Some(&*report.info.name), Some(report.info.backend))
        );
        match report.info.kind {
            DeviceKind::Software => {
                assert!(!report.driver.is_empty() && report.verdict.severity == Severity::Warning);
            }
            _ => assert_eq!(report.verdict.severity, Severity::Good),
        }
    }
}

#[test]
fn the_machine_has_a_verdict() {
    let machine = Machine::look();
    assert_eq!(machine.devices.last().unwrap().info.kind, DeviceKind::Cpu);
    let json = serde_json::to_value(&machine).unwrap();
    assert_eq!(json["devices"].as_array().unwrap().len(), machine.devices.len());
    match &machine.best {
        Some(best) => assert!(machine.devices.iter().any(|d| d.selector == *best)),
        None => assert_eq!(machine.verdict.severity, Severity::Bad),
    }
}
