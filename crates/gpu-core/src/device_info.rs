//! What is known about a device.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::tune::Cooperative;

/// What sort of processor a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    /// wgrad's own CPU kernels.
    Cpu,
    /// A GPU with its own memory.
    DiscreteGpu,
    /// A GPU that shares the processor's memory.
    IntegratedGpu,
    /// A GPU of a virtual machine.
    VirtualGpu,
    /// A GPU interface emulated on the CPU (lavapipe, SwiftShader, WARP); only used when selected.
    Software,
    /// The driver reports no kind.
    Other,
}

/// Name and limits of an opened device.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceInfo {
    /// The adapter's name, as in `"AMD Radeon 890M (RADV GFX1150)"`.
    #[serde(serialize_with = "plain_text")]
    pub name: Arc<str>,
    /// CPU, or the sort of GPU that the driver reports.
    pub kind: DeviceKind,
    /// `cpu`, `vulkan`, `metal` or `dx12`.
    pub backend: &'static str,
    /// Largest range one kernel argument may cover, in bytes.
    pub max_binding_bytes: usize,
    /// The cooperative matrices that the adapter offers; see [`Device::cooperative`](crate::Device::cooperative).
    pub cooperative: Option<Cooperative>,
}

fn plain_text<S: serde::Serializer>(text: &Arc<str>, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

impl fmt::Display for DeviceInfo {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} [{}, {:?}]", self.name, self.backend, self.kind)
    }
}
