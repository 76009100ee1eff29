//! NumPy's arrays in files: `.npy` and, several in an archive, `.npz`.
//!
//! Versions 1 to 3 of the [format](https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html), of either byte order
//! and either order of dimensions. Floats (`f2`, `f4`, `f8`) become f32, rounded to the nearest; whole numbers (`i1` to `i8`, `u1` to
//! `u8`) and truth values (`b1`) become i32. Anything else, and numbers beyond f32 or i32, are errors. Nothing is ever executed:
//! pickled objects are not read.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::{Error, Result};
use crate::images::MAX_PIXEL_BYTES;
use crate::npy_header::{Header, Kind, MAX_DIMS};

#[cfg(feature = "npz")]
pub use crate::npz::read_npz;

/// The values of an [`Array`].
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Of floats.
    F32(Vec<f32>),
    /// Of whole numbers and truth values.
    I32(Vec<i32>),
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Values::F32(values) => values.len(),
            Values::I32(values) => values.len(),
        }
    }
}

/// An array of numbers.
///
/// ```
/// use data::npy::{Array, Values, read, write};
/// let directory = tempfile::tempdir()?;
/// let path = directory.path().join("counts.npy");
/// let array = Array { shape: vec![2, 3], values: Values::I32(vec![1, 2, 3, 4, 5, 6]) };
/// write(&path, &array)?;
/// assert_eq!(read(&path)?, array);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Its extents; none for a single number.
    pub shape: Vec<usize>,
    /// As many as the product of the extents, in C order: contiguous along the last dimension.
    pub values: Values,
}

/// Reads a `.npy` file of at most 16 GiB.
///
/// # Errors
/// [`Error::Read`], [`Error::TooLarge`], and [`Error::Npy`] if the file is cut, too long, or no array of numbers in range.
pub fn read(path: impl AsRef<Path>) -> Result<Array> {
    let path = path.as_ref();
    let fault = |source| Error::Read { path: path.into(), source };
    let (file, mut bytes) = (File::open(path).map_err(fault)?, vec![]);
    file.take(MAX_PIXEL_BYTES + 1).read_to_end(&mut bytes).map_err(fault)?;
    if bytes.len() as u64 > MAX_PIXEL_BYTES {
        return Err(Error::TooLarge { what: path.display().to_string(), limit: MAX_PIXEL_BYTES });
    }
    parse(&bytes).map_err(|problem| Error::Npy { file: path.display().to_string(), problem })
}

/// Writes a `.npy` file, version 1.0, of little-endian `f4` or `i4` in C order.
///
/// # Errors
/// [`Error::Write`], and [`Error::Npy`] if the values are not as many as the shape says or there are more than 64 dimensions.
pub fn write(path: impl AsRef<Path>, array: &Array) -> Result<()> {
    let path = path.as_ref();
    let Array { shape, values } = array;
    let count = shape.iter().try_fold(1usize, |n, &extent| n.checked_mul(extent));
    if count != Some(values.len()) || shape.len() > MAX_DIMS {
        let problem = format!("{} values are no array of shape {shape:?}", values.len());
        return Err(Error::Npy { file: path.display().to_string(), problem });
    }
    let mut bytes = Header::write(if matches!(values, Values::F32(_)) { "<f4" } else { "<i4" }, shape);
    match values {
        Values::F32(values) => values.iter().for_each(|value| bytes.extend(value.to_le_bytes())),
        Values::I32(values) => values.iter().for_each(|value| bytes.extend(value.to_le_bytes())),
    }
    gpu_core::write_atomically(path, &bytes).map_err(|source| Error::Write { path: path.into(), source })
}

/// The array in the bytes of a `.npy` file, or what is wrong with them.
pub(crate) fn parse(bytes: &[u8]) -> Result<Array, String> {
    let (header, data) = Header::read(bytes)?;
    let count = header.shape.iter().try_fold(1usize, |n, &extent| n.checked_mul(extent));
    if count.and_then(|count| count.checked_mul(header.size)) != Some(data.len()) {
        return Err(format!(
            "its shape {:?} of {} bytes each does not need the {} bytes it has",
            header.shape,
            header.size,
            data.len()
        ));
    }
    let values = match header.kind {
        Kind::Float => Values::F32(numbers(data, &header, float)?),
        Kind::Signed | Kind::Unsigned => Values::I32(numbers(data, &header, whole)?),
    };
    let values = match values {
        Values::F32(values) if header.fortran => Values::F32(reorder(&values, &header.shape)),
        Values::I32(values) if header.fortran => Values::I32(reorder(&values, &header.shape)),
        values => values,
    };
    Ok(Array { shape: header.shape, values })
}

/// Values in the order of the file, each widened to 8 little-endian bytes for `convert`.
fn numbers<T>(
    data: &[u8],
    header: &Header,
    convert: impl Fn([u8; 8], &Header) -> Option<T>,
) -> Result<Vec<T>, String> {
    let number = |(place, bytes): (usize, &[u8])| {
        let mut little = [0; 8];
        little[..bytes.len()].copy_from_slice(bytes);
        if header.big_endian {
            little[..bytes.len()].reverse();
        }
        convert(little, header).ok_or_else(|| format!("value {place} is out of the range of 32 bits"))
    };
    data.chunks_exact(header.size).enumerate().map(number).collect()
}

fn float(bytes: [u8; 8], header: &Header) -> Option<f32> {
    match header.size {
        2 => Some(half(u16::from_le_bytes([bytes[0], bytes[1]]))),
        4 => Some(f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])),
        _ => {
            let wide = f64::from_le_bytes(bytes);
            let value = wide as f32;
            (value.is_infinite() == wide.is_infinite()).then_some(value)
        }
    }
}

fn whole(bytes: [u8; 8], header: &Header) -> Option<i32> {
    let unused = 64 - 8 * header.size as u32;
    let value = u64::from_le_bytes(bytes);
    match header.kind {
        Kind::Signed => i32::try_from(((value << unused) as i64) >> unused).ok(),
        _ => i32::try_from(value).ok(),
    }
}

/// IEEE 754's half precision: sign, 5 bits of exponent, 10 of fraction.
pub(crate) fn half(bits: u16) -> f32 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    let magnitude = match exponent {
        0 => fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1024.0 + fraction) * 2f32.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

/// From Fortran order (contiguous along the first dimension) to C order.
fn reorder<T: Copy>(values: &[T], shape: &[usize]) -> Vec<T> {
    let strides: Vec<usize> = shape
        .iter()
        .scan(1, |stride, &extent| {
            let this = *stride;
            *stride *= extent;
            Some(this)
        })
        .collect();
    let (mut index, mut place) = (vec![0; shape.len()], 0);
    let mut ordered = Vec::with_capacity(values.len());
    while ordered.len() < values.len() {
        ordered.push(values[place]);
        for dim in (0..shape.len()).rev() {
            index[dim] += 1;
            place += strides[dim];
            if index[dim] < shape[dim] {
                break;
            }
            place -= index[dim] * strides[dim];
            index[dim] = 0;
        }
    }
    ordered
}
