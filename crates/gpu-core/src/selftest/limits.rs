//! Limits and features of adapters, compared with what wgrad needs.

use serde::Serialize;
use wgpu::Features;

use crate::limits;

/// A limit of an adapter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LimitReport {
    /// What is limited and its unit, as in `buffer size, bytes`.
    pub name: &'static str,
    /// The adapter's limit.
    pub value: u64,
    /// The least that wgrad's kernels need.
    pub needed: u64,
}

impl LimitReport {
    /// Whether the limit suffices.
    pub fn enough(&self) -> bool {
        self.value >= self.needed
    }
}

/// An optional feature of a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FeatureReport {
    /// As in `subgroups` or `AVX-512`.
    pub name: &'static str,
    /// Whether the device has it.
    pub present: bool,
    /// What wgrad does with it.
    pub used_for: &'static str,
}

/// A tensor of a small model, in bytes: what one argument of a kernel must be able to cover.
const BINDING_BYTES: u64 = 128 << 20;

/// The limits that matter for training.
pub(super) fn of(found: &wgpu::Limits) -> Vec<LimitReport> {
    let limit = |name, value, needed| LimitReport { name, value, needed };
    vec![
        limit("storage buffer binding, bytes", found.max_storage_buffer_binding_size, BINDING_BYTES),
        limit("buffer size, bytes", found.max_buffer_size, BINDING_BYTES),
        limit(
            "storage buffers a stage",
            found.max_storage_buffers_per_shader_stage.into(),
            limits::STORAGE_BUFFERS as u64,
        ),
        limit(
            "invocations a workgroup",
            found.max_compute_invocations_per_workgroup.into(),
            limits::INVOCATIONS.into(),
        ),
        limit(
            "workgroup memory, bytes",
            found.max_compute_workgroup_storage_size.into(),
            limits::WORKGROUP_BYTES.into(),
        ),
        limit(
            "workgroups a dimension",
            found.max_compute_workgroups_per_dimension.into(),
            limits::WORKGROUPS.into(),
        ),
    ]
}

/// The features that wgrad makes use of, where they are.
pub(super) fn features(found: Features, cooperative: bool) -> Vec<FeatureReport> {
    let feature = |name, bit, used_for| FeatureReport { name, present: found.contains(bit), used_for };
    vec![
        feature("subgroups", Features::SUBGROUP, "faster matrix products and convolutions"),
        feature(
            "timestamps",
            Features::TIMESTAMP_QUERY,
            "profiling single kernels, and choosing between variants",
        ),
        feature("pipeline cache", Features::PIPELINE_CACHE, "starting without compiling shaders again"),
        FeatureReport {
            name: "cooperative matrices",
            present: cooperative,
            used_for: "products and convolutions of f16, on real GPUs",
        },
    ]
}
