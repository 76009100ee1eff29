//! Device memory, handed out by role and reused through a pool.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use crate::cpu::HostMemory;
use crate::stats::Counters;

/// What a buffer is for. Roles keep memory apart, so that a buffer is never bound for reading and writing at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    Parameter,
    Gradient,
    /// Optimizer state and running statistics.
    State,
    Activation,
    /// Data that comes from the host.
    Input,
}

impl Role {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Role::Parameter => "parameters",
            Role::Gradient => "gradients",
            Role::State => "optimizer state",
            Role::Activation => "activations",
            Role::Input => "input data",
        }
    }
}

pub(crate) enum Memory {
    Host(HostMemory),
    Gpu(wgpu::Buffer),
}

struct Block {
    /// Stays with the memory while it is pooled, so that bind groups made for it stay valid.
    id: u64,
    memory: Memory,
}

/// A range of device memory. Clones share it; when the last one goes, the memory returns to the device's pool.
#[derive(Clone)]
pub struct Buffer(Arc<Inner>);

struct Inner {
    block: Option<Block>,
    bytes: usize,
    capacity: usize,
    role: Role,
    pool: Arc<Pool>,
}

impl Buffer {
    /// Bytes that were asked for.
    pub fn bytes(&self) -> usize {
        self.0.bytes
    }

    pub fn role(&self) -> Role {
        self.0.role
    }

    /// Identifies the memory. A later buffer that reuses the memory has the same number.
    pub fn id(&self) -> u64 {
        self.block().id
    }

    /// Number of handles on the buffer.
    pub fn owners(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    /// Whether both are the same buffer.
    pub fn same(&self, other: &Buffer) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether the buffer is of the device with that pool.
    pub(crate) fn is_of(&self, pool: &Arc<Pool>) -> bool {
        Arc::ptr_eq(&self.0.pool, pool)
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.block().memory
    }

    fn block(&self) -> &Block {
        self.0.block.as_ref().expect("a live buffer has memory")
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "Buffer({} bytes, {})", self.bytes(), self.role().name())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(block) = self.block.take() {
            self.pool.give((self.role, self.capacity), block);
        }
    }
}

/// Free memory by role and size.
type Free = BTreeMap<(Role, usize), BTreeMap<u64, Memory>>;

/// Memory for reuse. The block with the smallest number goes first: which one a buffer gets depends on which are free,
/// not on the order in which they came back, so that the steps of a training loop soon use the same blocks again and
/// need no new bind groups.
#[derive(Default)]
pub(crate) struct Pool {
    free: Mutex<Free>,
    pub counters: Counters,
}

impl Pool {
    /// A buffer of at least `bytes`, from the pool or by `allocate(capacity)`.
    pub fn take<E>(
        self: &Arc<Pool>,
        bytes: usize,
        role: Role,
        allocate: impl Fn(usize) -> Result<Memory, E>,
    ) -> Result<Buffer, E> {
        let capacity = round_up(bytes);
        let pooled = self.lock().get_mut(&(role, capacity)).and_then(BTreeMap::pop_first);
        let block = match pooled {
            Some((id, memory)) => Block { id, memory },
            None => {
                let memory = allocate(capacity).or_else(|_| {
                    self.clear();
                    allocate(capacity)
                })?;
                Counters::add(&self.counters.bytes, capacity);
                Block { id: self.counters.allocations.fetch_add(1, Relaxed), memory }
            }
        };
        Ok(Buffer(Arc::new(Inner { block: Some(block), bytes, capacity, role, pool: self.clone() })))
    }

    fn give(&self, key: (Role, usize), block: Block) {
        self.lock().entry(key).or_default().insert(block.id, block.memory);
    }

    /// Frees all pooled memory.
    pub fn clear(&self) {
        let free = std::mem::take(&mut *self.lock());
        let bytes: usize = free.iter().map(|((_, size), blocks)| size * blocks.len()).sum();
        self.counters.bytes.fetch_sub(bytes as u64, Relaxed);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Free> {
        self.free.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Sizes are rounded so that nearly equal buffers share pool entries: to 256 bytes, then to 1/8 of the power of two.
fn round_up(bytes: usize) -> usize {
    let step = (bytes.next_power_of_two() / 16).max(256);
    bytes.max(1).div_ceil(step) * step
}
