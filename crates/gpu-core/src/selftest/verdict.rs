//! Verdicts on devices, with advice for users.

use std::path::PathBuf;

use serde::Serialize;

use super::{DeviceReport, LimitReport};
use crate::{Device, DeviceKind, cache_directory};

/// The severity of a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nothing to do.
    Good,
    /// It works, but not as well as it could.
    Warning,
    /// It does not work.
    Bad,
}

/// What was found, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// How well it works.
    pub severity: Severity,
    /// What was found.
    pub text: String,
    /// Empty when there is nothing to do.
    pub advice: String,
}

impl Verdict {
    pub(super) fn good(text: &str) -> Verdict {
        Verdict { severity: Severity::Good, text: text.into(), advice: String::new() }
    }

    fn new(severity: Severity, text: impl Into<String>, advice: &str) -> Verdict {
        Verdict { severity, text: text.into(), advice: advice.into() }
    }
}

/// The verdict on an adapter by its kind and limits.
pub(super) fn of_adapter(kind: DeviceKind, limits: &[LimitReport]) -> Verdict {
    let short: Vec<String> = limits
        .iter()
        .filter(|limit| !limit.enough())
        .map(|limit| format!("{} {} of {}", limit.name, limit.value, limit.needed))
        .collect();
    if !short.is_empty() {
        let text = format!("too small for wgrad: {}", short.join("; "));
        return Verdict::new(Severity::Bad, text, "update the driver, or train with the device cpu");
    }
    match kind {
        DeviceKind::Software => Verdict::new(
            Severity::Warning,
            "a GPU emulated on the CPU: right, but slow",
            "train with the device cpu, whose kernels are made for it",
        ),
        _ => Verdict::good("ready for training"),
    }
}

/// Where wgrad keeps compiled shaders and choices of variants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CacheReport {
    /// `None` when neither `WGRAD_CACHE` nor a home directory is set.
    pub directory: Option<PathBuf>,
    /// Whether a file could be created there.
    pub writable: bool,
    /// What the directory's state means for training.
    pub verdict: Verdict,
}

impl CacheReport {
    /// Inspects the cache directory, and tries to write there.
    pub fn new() -> CacheReport {
        CacheReport::of(cache_directory())
    }

    fn of(directory: Option<PathBuf>) -> CacheReport {
        let advice = "set WGRAD_CACHE to a directory that can be written, so that starts are faster";
        let Some(path) = &directory else {
            let verdict = Verdict::new(Severity::Warning, "there is no cache directory", advice);
            return CacheReport { directory, writable: false, verdict };
        };
        let write = || {
            std::fs::create_dir_all(path)?;
            crate::AtomicFile::create(path.join("probe")).map(drop)
        };
        let written = write();
        let verdict = match &written {
            Ok(()) => Verdict::good("compiled shaders and tuning are kept there"),
            Err(e) => Verdict::new(Severity::Warning, format!("cannot write there: {e}"), advice),
        };
        CacheReport { writable: written.is_ok(), directory, verdict }
    }
}

impl Default for CacheReport {
    fn default() -> CacheReport {
        CacheReport::new()
    }
}

/// The devices of this machine, and which of them wgrad takes.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// The selector of the default device; `None` when it cannot be opened.
    pub best: Option<String>,
    /// GPUs first, by index; the CPU last.
    pub devices: Vec<DeviceReport>,
    /// The directory of compiled shaders and tuning.
    pub cache: CacheReport,
    /// Whether a default device can be used.
    pub verdict: Verdict,
}

impl Machine {
    /// Inspects this machine; the best device is opened.
    pub fn look() -> Machine {
        let mut devices = Device::list();
        let kinds: Vec<DeviceKind> = devices.iter().map(|device| device.info.kind).collect();
        devices.push(DeviceReport::cpu());
        let (best, verdict) = match Device::best() {
            Ok(device) => {
                let best = DeviceReport::of(&device);
                let verdict = of_machine(&best, &kinds);
                (Some(best.selector), verdict)
            }
            Err(e) => (
                None,
                Verdict::new(Severity::Bad, e.to_string(), "name a device of the list in WGRAD_DEVICE"),
            ),
        };
        Machine { best, devices, cache: CacheReport::new(), verdict }
    }
}

/// The verdict on a machine by the device that is taken and the kinds of all adapters.
fn of_machine(best: &DeviceReport, adapters: &[DeviceKind]) -> Verdict {
    let gpus = adapters.iter().filter(|&&kind| kind != DeviceKind::Software).count();
    match best.info.kind {
        DeviceKind::Cpu if gpus > 0 => Verdict::new(
            Severity::Warning,
            "training runs on the CPU, as WGRAD_DEVICE says, though there is a GPU",
            "unset WGRAD_DEVICE",
        ),
        DeviceKind::Cpu => {
            let found = if adapters.is_empty() {
                "there is no GPU adapter"
            } else {
                "there is no GPU but an emulated one"
            };
            Verdict::new(Severity::Warning, format!("{found}: training runs on the CPU"), DRIVER)
        }
        _ => best.verdict.clone(),
    }
}

/// What to do if a GPU is not found.
const DRIVER: &str = if cfg!(target_os = "linux") {
    "if this machine has a GPU, install its Vulkan driver: mesa-vulkan-drivers for AMD and Intel, NVIDIA's own for NVIDIA; in a container, pass the GPU on"
} else if cfg!(target_os = "windows") {
    "if this machine has a GPU, install its maker's driver"
} else {
    "if this machine has a GPU, update the system"
};

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(value: u64) -> LimitReport {
        LimitReport { name: "storage buffers a stage", value, needed: 8 }
    }

    #[test]
    fn adapters_are_judged_by_kind_and_limits() {
        let of = |kind, value| of_adapter(kind, &[limit(8), limit(value)]);
        assert_eq!(of(DeviceKind::DiscreteGpu, 8).severity, Severity::Good);
        let software = of(DeviceKind::Software, 8);
        assert_eq!(software.severity, Severity::Warning);
        assert!(software.text.contains("right, but slow") && software.advice.contains("cpu"));
        let short = of(DeviceKind::DiscreteGpu, 4);
        assert_eq!(short.severity, Severity::Bad);
        assert!(short.text.contains("storage buffers a stage 4 of 8"), "{}", short.text);
    }

    #[test]
    fn machines_are_judged_by_what_is_taken() {
        let cpu = DeviceReport::cpu();
        let none = of_machine(&cpu, &[]);
        assert!(none.text.contains("no GPU adapter") && none.advice == DRIVER);
        assert!(of_machine(&cpu, &[DeviceKind::Software]).text.contains("emulated"));
        assert!(of_machine(&cpu, &[DeviceKind::DiscreteGpu]).advice.contains("WGRAD_DEVICE"));
        let mut gpu = cpu.clone();
        gpu.info.kind = DeviceKind::DiscreteGpu;
        assert_eq!(of_machine(&gpu, &[DeviceKind::DiscreteGpu]).severity, Severity::Good);
    }

    #[test]
    fn cache_directories_are_tried() {
        let folder = tempfile::tempdir().unwrap();
        let good = CacheReport::of(Some(folder.path().join("new")));
        assert!(good.writable && good.verdict.severity == Severity::Good);
        assert_eq!(std::fs::read_dir(folder.path().join("new")).unwrap().count(), 0, "nothing is left there");
        let file = tempfile::NamedTempFile::new().unwrap();
        let bad = CacheReport::of(Some(file.path().join("below")));
        assert!(!bad.writable && bad.verdict.advice.contains("WGRAD_CACHE"));
        assert!(!CacheReport::of(None).writable);
    }
}
