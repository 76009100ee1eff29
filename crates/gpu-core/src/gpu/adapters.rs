//! The adapters of this machine, and finding one by name.

use std::sync::{Arc, Mutex};

use super::lock;
use crate::device_info::{DeviceInfo, DeviceKind};
use crate::{Error, Result, tune};

static ADAPTERS: Mutex<Option<Arc<[wgpu::Adapter]>>> = Mutex::new(None);

/// The adapters of this machine, in the order of their indices.
pub(crate) async fn adapters() -> Arc<[wgpu::Adapter]> {
    if let Some(known) = &*lock(&ADAPTERS) {
        return known.clone();
    }
    let found = enumerate().await;
    lock(&ADAPTERS).get_or_insert(found).clone()
}

/// Makes the next call of [`adapters`] enumerate again: after a loss, an adapter may be gone, or unable to open
/// devices.
pub(crate) fn forget_adapters() {
    *lock(&ADAPTERS) = None;
}

/// Of the machine, or the browser's.
const BACKENDS: wgpu::Backends = wgpu::Backends::VULKAN
    .union(wgpu::Backends::METAL)
    .union(wgpu::Backends::DX12)
    .union(wgpu::Backends::BROWSER_WEBGPU);

async fn enumerate() -> Arc<[wgpu::Adapter]> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends: BACKENDS,
        // No driver debugging: it switches shader optimisation off on some drivers.
        flags: wgpu::InstanceFlags::empty(),
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    instance.enumerate_adapters(wgpu::Backends::all()).await.into()
}

fn kind(adapter: &wgpu::Adapter) -> DeviceKind {
    match adapter.get_info().device_type {
        wgpu::DeviceType::DiscreteGpu => DeviceKind::DiscreteGpu,
        wgpu::DeviceType::IntegratedGpu => DeviceKind::IntegratedGpu,
        wgpu::DeviceType::VirtualGpu => DeviceKind::VirtualGpu,
        wgpu::DeviceType::Cpu => DeviceKind::Software,
        wgpu::DeviceType::Other => DeviceKind::Other,
    }
}

fn backend(adapter: &wgpu::Adapter) -> &'static str {
    adapter.get_info().backend.to_str()
}

pub(crate) fn info(adapter: &wgpu::Adapter) -> DeviceInfo {
    DeviceInfo {
        name: called(&adapter.get_info()).into(),
        kind: kind(adapter),
        backend: backend(adapter),
        max_binding_bytes: max_binding_bytes(&adapter.limits()),
        cooperative: tune::profile(adapter).cooperative,
    }
}

/// The name of an adapter, which browsers do not give.
fn called(info: &wgpu::AdapterInfo) -> &str {
    if info.name.is_empty() { "WebGPU adapter" } else { &info.name }
}

/// Largest argument of a kernel. Shaders index it in 32 bits, even if the device can bind more.
pub(super) fn max_binding_bytes(limits: &wgpu::Limits) -> usize {
    (limits.max_storage_buffer_binding_size as usize).min(u32::MAX as usize)
}

/// The real GPUs of the most capable kind.
pub(crate) async fn best_adapters() -> Vec<wgpu::Adapter> {
    let kinds =
        [DeviceKind::DiscreteGpu, DeviceKind::IntegratedGpu, DeviceKind::VirtualGpu, DeviceKind::Other];
    let all = adapters().await;
    let of = |wanted: DeviceKind| all.iter().filter(move |a| kind(a) == wanted).cloned().collect();
    kinds.into_iter().map(of).find(|found: &Vec<wgpu::Adapter>| !found.is_empty()).unwrap_or_default()
}

pub(crate) async fn find_adapter(name: &str) -> Result<wgpu::Adapter> {
    let all = adapters().await;
    let found = match name {
        "vulkan" | "metal" | "dx12" => {
            all.iter().find(|a| backend(a) == name && kind(a) != DeviceKind::Software)
        }
        "software" => all.iter().find(|a| kind(a) == DeviceKind::Software),
        _ => {
            let unknown = || Error::UnknownDevice { name: name.into(), adapters: all.len() };
            all.get(name.parse::<usize>().map_err(|_| unknown())?)
        }
    };
    found.cloned().ok_or_else(|| {
        let names: Vec<String> = all.iter().map(|a| info(a).to_string()).collect();
        let found = if names.is_empty() { "none".into() } else { names.join(", ") };
        Error::NoAdapter { wanted: name.into(), found }
    })
}
