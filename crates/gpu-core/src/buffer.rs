//! Device memory, handed out by role.

use std::sync::Arc;

use crate::cpu::HostMemory;
use crate::pool::Pool;

/// What a buffer is for. Memory is accounted and reused by role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Values of trainable parameters.
    Parameter,
    /// Gradients of parameters.
    Gradient,
    /// Optimizer state and running statistics.
    State,
    /// Values of evaluated tensors.
    Activation,
    /// Data that comes from the host.
    Input,
}

/// Kinds of memory that are pooled separately.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    Values(Role),
    /// A block of the arena.
    Temporary,
    /// Staging memory for readbacks; GPU kernels can't use it.
    Staging,
}

impl Class {
    pub const COUNT: usize = 7;

    pub fn index(self) -> usize {
        match self {
            Class::Values(role) => role as usize,
            Class::Temporary => 5,
            Class::Staging => 6,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Class::Values(Role::Parameter) => "parameters",
            Class::Values(Role::Gradient) => "gradients",
            Class::Values(Role::State) => "optimizer state",
            Class::Values(Role::Activation) => "activations",
            Class::Values(Role::Input) => "input data",
            Class::Temporary => "temporaries",
            Class::Staging => "reading values back",
        }
    }
}

pub(crate) enum Memory {
    /// No memory: of a dry run.
    None,
    Host(HostMemory),
    Gpu(wgpu::Buffer),
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Memory::Gpu(buffer) = self {
            // Bind groups refer to the buffer, too, and would keep its memory alive. Submitted work can still use it.
            buffer.destroy();
        }
    }
}

/// Memory with a unique number, which it keeps while it is pooled, so that bind groups made for it stay valid.
pub(crate) struct Block {
    pub id: u64,
    pub capacity: usize,
    pub class: Class,
    pub memory: Memory,
}

/// A range of device memory. Clones share it; when the last one is dropped, the memory returns to the device's pool.
#[derive(Clone)]
pub struct Buffer(Arc<Inner>);

struct Inner {
    /// `None` only during the drop.
    block: Option<Block>,
    bytes: usize,
    pool: Arc<Pool>,
}

impl Buffer {
    pub(crate) fn new(block: Block, bytes: usize, pool: Arc<Pool>) -> Buffer {
        Buffer(Arc::new(Inner { block: Some(block), bytes, pool }))
    }

    /// Bytes requested.
    pub fn bytes(&self) -> usize {
        self.0.bytes
    }

    /// Identifies the memory. A later buffer that reuses the memory has the same number.
    pub fn id(&self) -> u64 {
        self.block().id
    }

    /// Whether both are the same buffer.
    pub fn same(&self, other: &Buffer) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether the buffer belongs to the device with that pool.
    pub(crate) fn is_of(&self, pool: &Arc<Pool>) -> bool {
        Arc::ptr_eq(&self.0.pool, pool)
    }

    /// Number of clones of this buffer, itself included. If it is 1, the caller may write in place: no other handle can appear meanwhile.
    pub fn owners(&self) -> usize {
        Arc::strong_count(&self.0)
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
        write!(f, "Buffer({} bytes, {})", self.bytes(), self.block().class.name())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(block) = self.block.take() {
            self.pool.give(block);
        }
    }
}
