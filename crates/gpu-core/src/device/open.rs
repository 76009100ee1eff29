//! Choosing a device, and the open devices of the process.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};

use super::{Device, Inner, Processor};
use crate::arena::Arena;
use crate::cpu::Cpu;
use crate::device_info::{DeviceInfo, DeviceKind};
use crate::dry::Dry;
use crate::gpu::{self, Gpu};
use crate::pool::Pool;
use crate::selftest::DeviceReport;
use crate::tune::{GpuFamily, GpuProfile};
use crate::wait::block_on;
use crate::{Error, Result, memory, profile};

static OPEN: LazyLock<Mutex<HashMap<String, Device>>> = LazyLock::new(Mutex::default);

impl Device {
    /// The device that `WGRAD_DEVICE` names; otherwise the best real GPU, or the CPU where there is none.
    ///
    /// # Errors
    /// As [`Device::named`], when `WGRAD_DEVICE` is set.
    #[doc(alias = "is_available")]
    pub fn best() -> Result<Device> {
        Device::best_of_process(0)
    }

    /// As [`best`](Device::best) for one of several processes on this machine, by its number: where there are several GPUs of the best kind,
    /// the processes take them in turn.
    ///
    /// # Errors
    /// As [`Device::best`].
    pub fn best_of_process(number: usize) -> Result<Device> {
        block_on(Device::request_best(number))?
    }

    async fn request_best(number: usize) -> Result<Device> {
        forget_lost();
        match std::env::var("WGRAD_DEVICE") {
            Ok(name) if !name.is_empty() && name != "auto" => Device::find(&name).await,
            _ => match &gpu::best_adapters().await[..] {
                [] => Device::find("cpu").await,
                found => Device::open(&found[number % found.len()]).await,
            },
        }
    }

    /// The device called `auto`, `cpu`, `vulkan`, `metal`, `dx12`, `software`, or by an index, which is the place in [`Device::list`].
    /// `dry:nvidia`, `dry:amd`, `dry:intel`, `dry:apple` and `dry:other` are [dry runs](Device::dry).
    ///
    /// # Errors
    /// [`Error::UnknownDevice`], [`Error::NoAdapter`], [`Error::OpenDevice`], or [`Error::MemoryLimit`].
    ///
    /// After the loss of a device, its name opens a new one. Work on the old one keeps failing with [`Error::DeviceLost`].
    #[doc(alias = "cuda")]
    pub fn named(name: &str) -> Result<Device> {
        let name = name.to_owned();
        block_on(async move { Device::request(&name).await })?
    }

    /// As [`named`](Device::named), in an asynchronous program, such as a page of a browser that cannot suspend programs.
    ///
    /// # Errors
    /// As [`Device::named`].
    ///
    /// ```
    /// # pollster::block_on(async {
    /// let device = gpu_core::Device::request("cpu").await?;
    /// assert_eq!(device.info().backend, "cpu");
    /// # Ok::<(), gpu_core::Error>(()) }).unwrap();
    /// ```
    #[doc(alias("requestAdapter", "requestDevice"))]
    pub async fn request(name: &str) -> Result<Device> {
        match name {
            "auto" => Device::request_best(0).await,
            _ => Device::find(name).await,
        }
    }

    /// As [`request`](Device::request) for all names but `auto`.
    async fn find(name: &str) -> Result<Device> {
        forget_lost();
        match name {
            "cpu" => Device::open_as("cpu".into(), async { Device::cpu(None) }).await,
            _ if name.starts_with("dry:") => {
                let Some(family) = GpuFamily::named(&name["dry:".len()..]) else {
                    let adapters = gpu::adapters().await.len();
                    return Err(Error::UnknownDevice { name: name.into(), adapters });
                };
                Device::open_as(name.into(), async { Device::dry(GpuProfile::of(family)) }).await
            }
            _ => Device::open(&gpu::find_adapter(name).await?).await,
        }
    }

    /// All GPU adapters of this machine, software adapters included; none in a browser that cannot wait for them.
    #[doc(alias = "device_count")]
    pub fn list() -> Vec<DeviceReport> {
        forget_lost();
        let report = |(index, adapter)| DeviceReport::new(index, gpu::info(adapter), adapter);
        let adapters = block_on(gpu::adapters()).unwrap_or_default();
        adapters.iter().enumerate().map(report).collect()
    }

    /// A CPU device with `threads` threads, by default as many as rayon's own pool would have.
    pub(crate) fn cpu(threads: Option<usize>) -> Result<Device> {
        let cpu = Cpu::open(threads)?;
        let info = DeviceInfo {
            name: cpu.name().into(),
            kind: DeviceKind::Cpu,
            backend: "cpu",
            max_binding_bytes: usize::MAX,
            cooperative: None,
        };
        Device::new(info, Processor::Cpu(cpu))
    }

    /// A device that makes the plans of a GPU of that profile, with the same launches and shaders, but computes nothing: memory is counted
    /// but not allocated, and every value that is read is 0.
    ///
    /// # Errors
    /// [`Error::MemoryLimit`].
    pub fn dry(profile: GpuProfile) -> Result<Device> {
        let dry = Dry::new(profile);
        Device::new(dry.info(), Processor::Dry(dry))
    }

    async fn open(adapter: &wgpu::Adapter) -> Result<Device> {
        let info = gpu::info(adapter);
        let open = async { Device::new(info.clone(), Processor::Gpu(Gpu::open(adapter).await?)) };
        Device::open_as(info.to_string(), open).await
    }

    /// The open device of that key, or a new one. Of several that are opened at the same time, the first is kept.
    async fn open_as(key: String, open: impl Future<Output = Result<Device>>) -> Result<Device> {
        if let Some(known) = opened().get(&key) {
            return Ok(known.clone());
        }
        let new = open.await?;
        Ok(opened().entry(key).or_insert(new).clone())
    }

    fn new(info: DeviceInfo, processor: Processor) -> Result<Device> {
        let (pool, profiler) = (Arc::<Pool>::default(), profile::open(&info));
        pool.set_limit(memory::limit_from_environment()?);
        Ok(Device(Arc::new(Inner { info, processor, pool, arena: Arena::default(), profiler })))
    }
}

fn opened() -> MutexGuard<'static, HashMap<String, Device>> {
    OPEN.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Removes lost devices from the table of open ones.
fn forget_lost() {
    let mut open = opened();
    let before = open.len();
    open.retain(|_, device| !device.is_lost());
    if open.len() < before {
        gpu::forget_adapters();
    }
}
