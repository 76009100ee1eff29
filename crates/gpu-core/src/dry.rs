//! Devices that compute nothing: plans are made as for a GPU of some profile, so that their kernels can be inspected without that GPU.

use crate::device_info::{DeviceInfo, DeviceKind};
use crate::faults::Faults;
use crate::tune::{Cooperative, GpuFamily, GpuProfile};

/// A device of that profile. Memory is counted but not allocated, kernels are not compiled, and every value that is read is 0.
pub(crate) struct Dry {
    pub profile: GpuProfile,
    pub faults: Faults,
}

impl Dry {
    pub fn new(profile: GpuProfile) -> Dry {
        Dry { profile, faults: Faults::default() }
    }

    pub fn info(&self) -> DeviceInfo {
        DeviceInfo {
            name: format!("a dry run for {}", self.profile.family).into(),
            kind: DeviceKind::Other,
            backend: "dry",
            max_binding_bytes: u32::MAX as usize,
            cooperative: self.profile.cooperative,
        }
    }
}

impl GpuProfile {
    /// What adapters of a family have in common: `nvidia`, `amd`, `intel`, `apple`, `software`, or `other` for one without subgroups.
    pub fn of(family: GpuFamily) -> GpuProfile {
        let subgroup = match family {
            GpuFamily::Nvidia | GpuFamily::Apple => Some(32),
            GpuFamily::Software => Some(8),
            // The driver chooses for each shader.
            GpuFamily::Amd | GpuFamily::Intel | GpuFamily::Other => None,
        };
        GpuProfile { family, subgroup, cooperative: Cooperative::of_family(family) }
    }
}
