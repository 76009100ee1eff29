//! The memory of a device: allocation, and copies from and to the host.

use std::sync::Arc;

use super::{Device, Processor};
use crate::buffer::{Buffer, Class, Memory, Role};
use crate::cpu;
use crate::faults::Point;
use crate::memory::MemoryUse;
use crate::readback::{Readback, Source};
use crate::{Error, Result};

impl Device {
    /// The memory of the device: what is in use, by role, and what is kept for reuse. Free memory is kept as long as
    /// memory in use and free memory together exceed [`peak`](MemoryUse::peak) by at most an eighth of it, or 8 MiB if
    /// that is more.
    #[doc(alias("memory_allocated", "max_memory_allocated", "memory_stats"))]
    pub fn memory(&self) -> MemoryUse {
        self.0.pool.balance().into()
    }

    /// Limits the memory of this device to `bytes`, free memory included; `None` lifts the limit. Memory already in use is kept. The
    /// initial limit is `WGRAD_MEMORY_LIMIT`: a number of bytes, or a size such as `500MB` or `4GiB`.
    #[doc(alias = "set_per_process_memory_fraction")]
    pub fn set_memory_limit(&self, bytes: Option<u64>) {
        self.0.pool.set_limit(bytes.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX)));
    }

    /// Waits for queued work, returns all memory that is not in use to the system, temporaries included, and resets
    /// [`peak`](MemoryUse::peak). Later runs allocate again what they need.
    ///
    /// # Errors
    /// As [`synchronize`](Device::synchronize); the memory is returned even then.
    #[doc(alias("empty_cache", "reset_peak_memory_stats"))]
    pub fn trim(&self) -> Result<()> {
        let done = self.reclaim();
        self.0.pool.reset_peak();
        done
    }

    fn reclaim(&self) -> Result<()> {
        self.0.arena.release();
        self.0.pool.clear();
        // A GPU frees memory that queued work uses once that work is done.
        self.synchronize()
    }

    /// A buffer of at least `bytes` with undefined contents.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`], when there is not enough memory even after all unused memory has been returned;
    /// [`Error::DeviceLost`], or an error of earlier work.
    pub fn alloc(&self, bytes: usize, role: Role) -> Result<Buffer> {
        self.alloc_class(bytes, Class::Values(role))
    }

    pub(super) fn alloc_class(&self, bytes: usize, class: Class) -> Result<Buffer> {
        let point = if class == Class::Staging { Point::Readback } else { Point::Allocation };
        if self.passes(point)? || bytes > isize::MAX as usize / 2 {
            return Err(self.out_of_memory(bytes, class));
        }
        let allocate = |capacity| match &self.0.processor {
            Processor::Gpu(gpu) => gpu.alloc(capacity, class).map(Memory::Gpu),
            Processor::Cpu(_) => cpu::HostMemory::new(capacity).map(Memory::Host),
            Processor::Dry(_) => Some(Memory::None),
        };
        if let Some(buffer) = self.0.pool.take(bytes, class, allocate) {
            return Ok(buffer);
        }
        self.reclaim()?;
        self.0.pool.take(bytes, class, allocate).ok_or_else(|| self.out_of_memory(bytes, class))
    }

    fn out_of_memory(&self, bytes: usize, class: Class) -> Error {
        let MemoryUse { in_use, limit, .. } = self.memory();
        Error::OutOfMemory { device: self.info().to_string(), bytes, role: class.name(), in_use, limit }
    }

    /// Memory for the temporaries of a run, as [`Arena::reserve`].
    pub(crate) fn temporaries(&self, sizes: &[usize]) -> Result<Arc<[Buffer]>> {
        self.0.arena.reserve(sizes, |bytes| self.alloc_class(bytes, Class::Temporary))
    }

    /// Releases the memory for temporaries, after runs that needed more of it than later ones will.
    pub(crate) fn release_temporaries(&self) {
        self.0.arena.release();
    }

    /// A new buffer with the given contents.
    ///
    /// # Errors
    /// As [`alloc`](Device::alloc) and [`write`](Device::write).
    pub fn upload(&self, data: &[u8], role: Role) -> Result<Buffer> {
        let buffer = self.alloc(data.len(), role)?;
        self.write(&buffer, data)?;
        Ok(buffer)
    }

    /// Overwrites the start of `buffer`, after all work queued so far.
    ///
    /// # Errors
    /// [`Error::Buffer`] when the buffer is shorter than `data` or of another device, [`Error::DeviceLost`], or an error of
    /// earlier work.
    pub fn write(&self, buffer: &Buffer, data: &[u8]) -> Result<()> {
        let _span = self.span("upload");
        self.check_range(buffer, 0, data.len())?;
        match &self.0.processor {
            Processor::Gpu(gpu) => gpu.write(buffer, data),
            Processor::Cpu(cpu) => cpu.write(buffer, data),
            Processor::Dry(_) => Ok(()),
        }
    }

    /// Starts copying `bytes` bytes from `offset` to the host, after all work queued so far. A range outside of the buffer, a buffer of
    /// another device and a lost device are reported by [`Readback::wait`].
    pub fn read(&self, buffer: &Buffer, offset: usize, bytes: usize) -> Readback {
        let source = self.check_range(buffer, offset, bytes).and_then(|()| match &self.0.processor {
            Processor::Gpu(gpu) => {
                let staging = self.alloc_class(bytes, Class::Staging)?;
                gpu.read(buffer, offset, bytes, staging).map(Source::Gpu)
            }
            Processor::Cpu(_) if self.passes(Point::Readback)? => {
                Err(self.out_of_memory(bytes, Class::Staging))
            }
            Processor::Cpu(cpu) => cpu.read(buffer, offset, bytes).map(Source::Ready),
            Processor::Dry(_) => Ok(Source::Ready(vec![0; bytes])),
        });
        Readback { device: self.clone(), source: source.unwrap_or_else(Source::Failed) }
    }

    fn check_range(&self, buffer: &Buffer, offset: usize, bytes: usize) -> Result<()> {
        let refused = |reason| {
            Err(Error::Buffer { buffer: format!("{buffer:?}"), device: self.info().to_string(), reason })
        };
        if !self.owns(buffer) {
            return refused("it belongs to another device".into());
        }
        match offset.checked_add(bytes) {
            Some(end) if end <= buffer.bytes() => Ok(()),
            _ => refused(format!("{bytes} bytes from {offset} are not in it")),
        }
    }

    /// Whether the buffer was made by this device.
    pub(crate) fn owns(&self, buffer: &Buffer) -> bool {
        buffer.is_of(&self.0.pool)
    }
}
