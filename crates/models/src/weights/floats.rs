//! Floating-point tensors of a file as f32.

use std::path::Path;

use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};
use half::{bf16, f16};
use safetensors::tensor::{Dtype, TensorView};

use super::short;
use crate::{Error, Result};

/// Whether [`floats`] reads tensors of this type.
pub(crate) fn is_float(dtype: Dtype) -> bool {
    matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16 | Dtype::F64)
}

/// The values of an f32, f16, bf16 or f64 tensor as f32: halves exactly, f64 rounded to the nearest; [`Error::Mismatch`] for other types,
/// [`Error::Range`] if a finite f64 would become infinite.
pub(crate) fn floats(path: &Path, name: &str, view: &TensorView) -> Result<Vec<f32>> {
    let data = view.data();
    let bits = || bytemuck::pod_collect_to_vec::<u8, u16>(data);
    Ok(match view.dtype() {
        Dtype::F32 => bytemuck::pod_collect_to_vec(data),
        Dtype::F16 => bits().reinterpret_cast::<f16>().to_f32_vec(),
        Dtype::BF16 => bits().reinterpret_cast::<bf16>().to_f32_vec(),
        Dtype::F64 => {
            let wide: Vec<f64> = bytemuck::pod_collect_to_vec(data);
            if wide.iter().any(|x| x.is_finite() && (*x as f32).is_infinite()) {
                return Err(Error::Range { path: path.into(), name: short(name) });
            }
            wide.iter().map(|&x| x as f32).collect()
        }
        other => {
            let (got, want) = (format!("{other:?}"), format!("{:?}", Dtype::F32));
            return Err(Error::Mismatch { path: path.into(), name: short(name), got, want });
        }
    })
}
