//! The bind groups of launches, cached by the memory that they bind.

use super::prepare::PreparedLaunch;
use super::{Gpu, lock, memory};
use crate::graph::{Bindings, Launch};
use crate::stats::Counters;

/// Bind groups cached per launch; replays alternate between very few sets of buffers.
const BIND_GROUPS: usize = 16;

impl Gpu {
    pub(super) fn bind_group(
        &self,
        launch: &Launch,
        prepared: &PreparedLaunch,
        bindings: &Bindings,
        counters: &Counters,
    ) -> wgpu::BindGroup {
        let ids: Vec<u64> = launch.args().iter().map(|arg| bindings.buffer(arg.slot).id()).collect();
        let mut known = lock(&prepared.bind_groups);
        if let Some(i) = known.iter().position(|(key, _)| *key == ids) {
            // The least recently used one is the last.
            known[..=i].rotate_right(1);
            return known[0].1.clone();
        }
        let entry = |(binding, arg): (usize, &crate::Arg)| wgpu::BindGroupEntry {
            binding: binding as u32,
            resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                buffer: memory(bindings.buffer(arg.slot)),
                offset: arg.offset as u64,
                size: std::num::NonZeroU64::new(arg.bytes.max(4) as u64),
            }),
        };
        let entries: Vec<_> = launch.args().iter().enumerate().map(entry).collect();
        let group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &prepared.stages[0].0.layout,
            entries: &entries,
        });
        Counters::add(&counters.bind_groups, 1);
        known.truncate(BIND_GROUPS - 1);
        known.insert(0, (ids, group.clone()));
        group
    }
}
