//! Compute pipelines by their WGSL, and the driver's compiled code kept on disk.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use wgpu::Features;

use super::{Gpu, lock};
use crate::cache::CacheFile;
use crate::faults::Point;
use crate::graph::Launch;
use crate::kernel::{Access, Shader};
use crate::stats::Counters;
use crate::{Error, Result};

pub(super) struct Pipeline {
    pub pipeline: wgpu::ComputePipeline,
    pub layout: wgpu::BindGroupLayout,
}

/// The key of a pipeline.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Key {
    source: String,
    access: Vec<Access>,
    /// Whether bounds and loops are checked.
    checked: bool,
}

/// Pipelines by key.
#[derive(Default)]
pub(super) struct Known {
    pipelines: HashMap<Key, Used>,
    /// Look-ups so far.
    clock: u64,
}

struct Used {
    pipeline: Arc<Pipeline>,
    /// When the pipeline was last looked up.
    last: u64,
}

/// Pipelines cached. Beyond that, those that no graph refers to are evicted, the least recently looked up first.
const PIPELINES: usize = 512;

impl Known {
    fn get(&mut self, key: &Key) -> Option<Arc<Pipeline>> {
        self.clock += 1;
        let used = self.pipelines.get_mut(key)?;
        used.last = self.clock;
        Some(used.pipeline.clone())
    }

    #[cfg(target_arch = "wasm32")]
    pub fn contains(&self, key: &Key) -> bool {
        self.pipelines.contains_key(key)
    }

    /// Inserts `pipeline`, unless another thread was faster; returns the one that is kept.
    fn insert(&mut self, key: Key, pipeline: Pipeline) -> Arc<Pipeline> {
        self.make_room();
        let new = Used { pipeline: Arc::new(pipeline), last: self.clock };
        self.pipelines.entry(key).or_insert(new).pipeline.clone()
    }

    fn make_room(&mut self) {
        let excess = (self.pipelines.len() + 1).saturating_sub(PIPELINES);
        if excess == 0 {
            return;
        }
        let unused = |used: &Used| Arc::strong_count(&used.pipeline) == 1;
        let mut times: Vec<u64> = self.pipelines.values().filter(|u| unused(u)).map(|u| u.last).collect();
        times.sort_unstable();
        let Some(&newest) = times.get(..excess.min(times.len())).and_then(<[u64]>::last) else { return };
        self.pipelines.retain(|_, used| !unused(used) || used.last > newest);
    }
}

/// The pipelines of a device.
pub(super) struct Pipelines {
    device: wgpu::Device,
    device_name: String,
    pub(super) known: Mutex<Known>,
    /// `None` if the driver can't export its compiled code.
    kept: Option<(wgpu::PipelineCache, CacheFile)>,
    /// Whether the shaders of this crate are checked, too.
    checked: bool,
}

impl Pipelines {
    pub fn new(adapter: &wgpu::Adapter, device: &wgpu::Device, device_name: &str) -> Pipelines {
        // Debug builds (tests) check bounds and loops, release builds trust the kernels.
        let checked = cfg!(debug_assertions) || std::env::var("WGRAD_CHECKED").is_ok_and(|v| v == "1");
        let (device, device_name) = (device.clone(), device_name.to_owned());
        Pipelines { kept: kept(adapter, &device), device, device_name, known: Mutex::default(), checked }
    }

    /// The pipeline of one of the launch's shaders.
    pub fn get(
        &self,
        gpu: &Gpu,
        launch: &Launch,
        shader: &Shader,
        counters: &Counters,
    ) -> Result<Arc<Pipeline>> {
        let name = launch.kernel().name();
        let refused =
            |reason| Err(Error::Shader { kernel: name.into(), device: self.device_name.clone(), reason });
        if gpu.passes(Point::Pipeline)? {
            return refused("a fault on purpose".into());
        }
        let key = self.key(launch, shader);
        if let Some(known) = lock(&self.known).get(&key) {
            return Ok(known);
        }
        match gpu.caught(|| self.compile(name, &key)) {
            Ok(pipeline) => {
                Counters::add(&counters.pipelines, 1);
                Ok(lock(&self.known).insert(key, pipeline))
            }
            Err(Error::Command { reason, .. }) => refused(format!("{reason}\n{}", key.source)),
            Err(other) => Err(other),
        }
    }

    pub(super) fn key(&self, launch: &Launch, shader: &Shader) -> Key {
        let checked = self.checked || !shader.trusted();
        Key { source: shader.module(), access: launch.access().into(), checked }
    }

    pub(super) fn compile(&self, name: &str, Key { source, access, checked }: &Key) -> Pipeline {
        let desc = wgpu::ShaderModuleDescriptor {
            label: Some(name),
            source: wgpu::ShaderSource::Wgsl(source.into()),
        };
        let module = if *checked {
            self.device.create_shader_module(desc)
        } else {
            // SAFETY: the shader is one of this crate's, whose kernels keep their indices inside of their bindings and their
            // loops finite; the tests run checked.
            unsafe { self.device.create_shader_module_trusted(desc, wgpu::ShaderRuntimeChecks::unchecked()) }
        };
        let entry = |(binding, &access): (usize, &Access)| wgpu::BindGroupLayoutEntry {
            binding: binding as u32,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Storage { read_only: access == Access::Read },
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        };
        let entries: Vec<_> = access.iter().enumerate().map(entry).collect();
        let layout = self.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some(name),
            entries: &entries,
        });
        let pipeline_layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(name),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(name),
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: self.kept.as_ref().map(|(cache, _)| cache),
        });
        Pipeline { pipeline, layout }
    }

    /// Writes the driver's compiled code to disk.
    pub fn keep(&self) {
        let Some((cache, file)) = &self.kept else { return };
        if let Some(data) = cache.get_data() {
            let sum = checksum(&data).to_le_bytes();
            file.write(&[&sum[..], &data].concat());
        }
    }
}

/// The driver's cache, filled with what an earlier process stored.
fn kept(adapter: &wgpu::Adapter, device: &wgpu::Device) -> Option<(wgpu::PipelineCache, CacheFile)> {
    if !device.features().contains(Features::PIPELINE_CACHE) {
        return None;
    }
    let file = CacheFile::new("pipelines", &wgpu::util::pipeline_cache_key(&adapter.get_info())?, "bin");
    let bytes = file.read();
    let data = bytes.as_deref().and_then(|bytes| {
        let (sum, data) = bytes.split_first_chunk::<8>()?;
        (u64::from_le_bytes(*sum) == checksum(data)).then_some(data)
    });
    let desc = wgpu::PipelineCacheDescriptor { label: Some("wgrad"), data, fallback: true };
    // SAFETY: the data came from `get_data`, as its checksum shows; wgpu checks that it is for this adapter and driver.
    let cache = unsafe { device.create_pipeline_cache(&desc) };
    Some((cache, file))
}

/// FNV-1a of 64 bits.
fn checksum(data: &[u8]) -> u64 {
    data.iter().fold(0xcbf2_9ce4_8422_2325, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}
