//! What a device is, and whether wgrad can train on it.

use serde::Serialize;

use super::limits::{FeatureReport, LimitReport};
use super::verdict::{self, Verdict};
use crate::device_info::DeviceInfo;
use crate::{Device, DeviceKind};

/// A device of this machine, opened or not.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceReport {
    /// The name for [`Device::named`] or `WGRAD_DEVICE`.
    pub selector: String,
    /// Name, kind and limits.
    #[serde(flatten)]
    pub info: DeviceInfo,
    /// The manufacturer, or `unknown`.
    pub vendor: &'static str,
    /// The driver's name and its version; empty where there is none.
    pub driver: String,
    /// Version of the driver; empty where it is unknown.
    pub driver_version: String,
    /// Memory in bytes, where it is known: WebGPU does not report the memory of discrete GPUs; other devices share the machine's.
    pub memory_bytes: Option<u64>,
    /// Limits that matter for training; none for the CPU.
    pub limits: Vec<LimitReport>,
    /// Optional features that wgrad makes use of.
    pub features: Vec<FeatureReport>,
    /// Whether wgrad can train on it.
    pub verdict: Verdict,
}

impl DeviceReport {
    /// The report of an opened device.
    pub fn of(device: &Device) -> DeviceReport {
        let same = |report: &DeviceReport| report.info.to_string() == device.info().to_string();
        Device::list().into_iter().find(same).unwrap_or_else(DeviceReport::cpu)
    }

    /// The report of the CPU device.
    pub fn cpu() -> DeviceReport {
        let cpu = Device::named("cpu").expect("the CPU needs no driver");
        DeviceReport {
            selector: "cpu".into(),
            info: cpu.info().clone(),
            vendor: std::env::consts::ARCH,
            driver: String::new(),
            driver_version: String::new(),
            memory_bytes: memory(),
            limits: vec![],
            features: simd(),
            verdict: Verdict::good("always there; the reference for all others"),
        }
    }

    /// The report of an adapter.
    pub(crate) fn new(index: usize, info: DeviceInfo, adapter: &wgpu::Adapter) -> DeviceReport {
        let about = adapter.get_info();
        let shared = matches!(info.kind, DeviceKind::IntegratedGpu | DeviceKind::Software);
        let limits = super::limits::of(&adapter.limits());
        let verdict = verdict::of_adapter(info.kind, &limits);
        DeviceReport {
            selector: index.to_string(),
            features: super::limits::features(adapter.features(), info.cooperative.is_some()),
            info,
            vendor: vendor(&about),
            driver: about.driver,
            driver_version: about.driver_info,
            memory_bytes: memory().filter(|_| shared),
            limits,
            verdict,
        }
    }
}

fn vendor(about: &wgpu::AdapterInfo) -> &'static str {
    match about.vendor {
        0x1002 | 0x1022 => "AMD",
        0x10de => "NVIDIA",
        0x8086 => "Intel",
        0x106b => "Apple",
        0x13b5 => "Arm",
        0x5143 => "Qualcomm",
        0x1010 => "Imagination",
        0x1414 => "Microsoft",
        0x10005 => "Mesa",
        _ if about.backend == wgpu::Backend::Metal => "Apple",
        _ => "unknown",
    }
}

/// Instruction sets that CPU twins are compiled for.
fn simd() -> Vec<FeatureReport> {
    #[cfg(target_arch = "x86_64")]
    let found = [
        ("AVX2 and FMA", is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")),
        ("AVX-512", is_x86_feature_detected!("avx512f")),
    ];
    #[cfg(target_arch = "aarch64")]
    let found = [("NEON", true)];
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let found: [(&'static str, bool); 0] = [];
    found.map(|(name, present)| FeatureReport { name, present, used_for: "vectors of numbers" }).to_vec()
}

/// Memory of the machine, in bytes, where it is known.
fn memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}
