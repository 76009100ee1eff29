//! Element types.

use std::borrow::Cow;

use crate::{Error, Result};

use std::fmt;

/// Element type of a tensor. Every element takes 4 bytes on every device; a bool is a `u32` that is 0 or 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DType {
    /// IEEE 754 single precision.
    #[doc(alias = "float32")]
    F32,
    /// Signed integers; class labels and indices.
    #[doc(alias("int32", "int64", "long"))]
    I32,
    /// Unsigned integers.
    U32,
    /// 0 or 1, as results of comparisons and masks.
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

/// A Rust type whose values a tensor can be made of: an [`Element`], or an integer type of another width, which becomes `i32`.
pub trait Value: Copy {
    /// The type of the tensor's elements.
    type Element: Element;

    /// The values as elements.
    ///
    /// # Errors
    /// [`Error::TooLargeInteger`](crate::Error::TooLargeInteger) for an integer that does not fit into 32 bits.
    fn elements(values: &[Self]) -> Result<Cow<'_, [Self::Element]>>;
}

impl<T: Element> Value for T {
    type Element = T;

    fn elements(values: &[T]) -> Result<Cow<'_, [T]>> {
        Ok(values.into())
    }
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl Value for $integer {
            type Element = i32;

            fn elements(values: &[Self]) -> Result<Cow<'_, [i32]>> {
                let narrow = |&value: &$integer| {
                    i32::try_from(value).map_err(|_| Error::TooLargeInteger { value: value.to_string() })
                };
                values.iter().map(narrow).collect()
            }
        }
    )*};
}

integers!(i8, u8, i16, u16, i64, u64, isize, usize);

/// A Rust type that can be read back from a tensor, and uploaded without a conversion.
pub trait Element: bytemuck::Pod + Send + Sync {
    /// The element type of tensors that hold values of this Rust type.
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
