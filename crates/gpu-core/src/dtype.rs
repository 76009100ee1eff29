//! Element types.

use std::fmt;

/// Element type of a tensor. Every element takes 4 bytes on every device; a bool is a `u32` that is 0 or 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DType {
    F32,
    I32,
    U32,
    Bool,
}

impl DType {
    /// Bytes of one element.
    pub const BYTES: usize = 4;

    /// The WGSL type that holds an element.
    pub fn wgsl(self) -> &'static str {
        match self {
            DType::F32 => "f32",
            DType::I32 => "i32",
            DType::U32 | DType::Bool => "u32",
        }
    }

    /// Whether gradients flow through values of this type.
    pub fn is_float(self) -> bool {
        self == DType::F32
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            DType::F32 => "f32",
            DType::I32 => "i32",
            DType::U32 => "u32",
            DType::Bool => "bool",
        })
    }
}

/// A Rust type that can be uploaded to and read back from a tensor.
pub trait Element: bytemuck::Pod + Send + Sync {
    const DTYPE: DType;
}

impl Element for f32 {
    const DTYPE: DType = DType::F32;
}
impl Element for i32 {
    const DTYPE: DType = DType::I32;
}
impl Element for u32 {
    const DTYPE: DType = DType::U32;
}
