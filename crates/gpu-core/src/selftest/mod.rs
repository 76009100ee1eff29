//! Whether a device computes what it should, and what it has to offer: for people whose training fails or is slow.
//!
//! ```
//! use gpu_core::{Device, selftest};
//! let device = Device::named("cpu")?;
//! let test = selftest::run(&device, |_| {});
//! assert!(test.passed());
//! let report = selftest::DeviceReport::of(&device);
//! assert_eq!(report.info.kind, gpu_core::DeviceKind::Cpu);
//! # Ok::<(), gpu_core::Error>(())
//! ```

mod cases;
mod device;
mod limits;
mod twin;
mod verdict;

pub use device::DeviceReport;
pub use limits::{FeatureReport, LimitReport};
pub use verdict::{CacheReport, Machine, Severity, Verdict};

pub(crate) use twin::run_kernel;
#[cfg(feature = "validation")]
pub(crate) use twin::{Case, Words};

use web_time::Instant;

use serde::Serialize;

use crate::{CooperativeState, Device};

/// The result of a kernel's cases on a device.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KernelReport {
    /// The kernel family, as in `conv2d_weight_grad`.
    pub name: &'static str,
    /// Cases that were run, variants included.
    pub cases: usize,
    /// The largest difference of a float from the CPU twin's, relative to the largest value of its array; of halves, what is beyond
    /// their rounding.
    pub difference: f32,
    /// The largest difference that is allowed. Other types must be equal.
    pub allowed: f32,
    /// Whether no case failed.
    pub passed: bool,
    /// The first error.
    pub error: Option<String>,
    /// Wall-clock time of all cases, compilation included.
    pub milliseconds: f64,
}

/// The results of all kernels on a device.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SelfTest {
    /// Name, backend and kind of the device.
    pub device: String,
    /// Whether the device computes products and convolutions of f16 by cooperative matrices.
    pub cooperative: CooperativeState,
    /// By name.
    pub kernels: Vec<KernelReport>,
}

impl SelfTest {
    /// Whether every kernel passed.
    pub fn passed(&self) -> bool {
        self.kernels.iter().all(|kernel| kernel.passed)
    }
}

/// Runs small cases of every kernel family on `device`, in all the ways that the kernel has for such a GPU, and compares them
/// with its CPU twin, run by one thread. `each` is called with the report of every family when it is done.
///
/// On the CPU device, this checks that results are the same for every number of threads.
pub fn run(device: &Device, mut each: impl FnMut(&KernelReport)) -> SelfTest {
    // Before the cases, so that they are those of the ways that plans take.
    let cooperative = device.cooperative();
    let mut families: Vec<(&'static str, Vec<twin::Case>)> = vec![];
    for case in cases::all() {
        let name = case.kernel.name();
        match families.iter_mut().find(|(family, _)| *family == name) {
            Some((_, cases)) => cases.push(case),
            None => families.push((name, vec![case])),
        }
    }
    families.sort_by_key(|(name, _)| *name);
    let check = |(name, cases): &(&'static str, Vec<twin::Case>)| {
        let report = check(device, name, cases);
        each(&report);
        report
    };
    let kernels = families.iter().map(check).collect();
    SelfTest { device: device.info().to_string(), cooperative, kernels }
}

fn check(device: &Device, name: &'static str, cases: &[twin::Case]) -> KernelReport {
    let start = Instant::now();
    let mut report = KernelReport {
        name,
        cases: 0,
        difference: 0.0,
        allowed: cases.iter().map(|case| case.allowed(device)).fold(0.0, f32::max),
        passed: true,
        error: None,
        milliseconds: 0.0,
    };
    for case in cases {
        for (variant, kernel) in case.variants(device) {
            report.cases += 1;
            let wrong = match case.check(device, kernel) {
                Ok(agreement) => {
                    report.difference = report.difference.max(agreement.difference);
                    agreement.wrong
                }
                Err(error) => Some(error.to_string()),
            };
            if let Some(wrong) = wrong {
                report.passed = false;
                report.error.get_or_insert(format!("{variant}{wrong}"));
            }
        }
    }
    report.milliseconds = start.elapsed().as_secs_f64() * 1e3;
    report
}
