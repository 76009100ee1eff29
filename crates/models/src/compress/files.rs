//! Files of compressed weights, in the safetensors format.

use std::path::Path;

use autograd::Tensor;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::quantize::{QuantSpec, Quantizer};
use crate::snapshot::{Stored, write_tensors};
use crate::{Error, Param, Params, Result, WeightsFile};

const CODES: &str = ".int8";
const SCALE: &str = ".scale";
const ZERO_POINT: &str = ".zero_point";
const MASK: &str = ".mask";
const VALUES: &str = ".values";

/// Writes parameters of two or more dimensions as int8 codes with the scales of `spec`, and all others (biases, buffers) as they are:
/// about a quarter of the bytes of [`Params::save`].
///
/// ```
/// use models::{Linear, Params, compress::{QuantSpec, load_quantized, save_quantized}};
/// let params = Params::new(&autograd::Device::named("cpu")?, 0);
/// Linear::new(&params, 64, 32);
/// let weight = params.get("weight").unwrap();
/// let before = weight.value().to_vec::<f32>()?;
/// let directory = tempfile::tempdir()?;
/// let path = directory.path().join("int8.safetensors");
/// save_quantized(&params, &path, QuantSpec::INT8_WEIGHTS)?;
/// assert!(std::fs::metadata(&path)?.len() < 64 * 32 + 1024);
/// load_quantized(&params, &path)?;
/// let after = weight.value().to_vec::<f32>()?;
/// // Values are within 1/8, so that a code is at most 1/8/127 wide.
/// assert!(before.iter().zip(&after).all(|(a, b)| (a - b).abs() <= 0.5 / 8.0 / 127.0 + 1e-7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Io`] when the file can't be written, [`Error::Device`] when values can't be read.
pub fn save_quantized(params: &Params, path: impl AsRef<Path>, spec: QuantSpec) -> Result<()> {
    let mut tensors: Vec<Stored> = vec![];
    for param in params.all() {
        let value = param.value().detach();
        if value.rank() < 2 {
            tensors.push(float(param.name(), &value)?);
            continue;
        }
        let quantizer = spec.fit(&value);
        let bytes = |codes: &Tensor| -> Result<Vec<u8>> {
            Ok(codes.to_vec::<f32>()?.iter().map(|&code| (code as i8).cast_unsigned()).collect())
        };
        let named = |end: &str| format!("{}{end}", param.name());
        let codes = bytes(&quantizer.quantize(&value))?;
        tensors.push((named(CODES), value.shape().to_vec(), Dtype::I8, codes));
        tensors.push(float(&named(SCALE), &quantizer.scale)?);
        let zero = &quantizer.zero_point;
        tensors.push((named(ZERO_POINT), zero.shape().to_vec(), Dtype::I8, bytes(zero)?));
    }
    write_tensors(path.as_ref(), &tensors, "int8")
}

/// Sets parameters to the dequantised values of a file written by [`save_quantized`]. On an error nothing is changed.
///
/// # Errors
/// As [`Params::load`].
pub fn load_quantized(params: &Params, path: impl AsRef<Path>) -> Result<()> {
    load(params, path.as_ref(), |file, param| {
        let shape = param.value().shape().to_vec();
        if shape.len() < 2 {
            return file.float(param.name(), &shape);
        }
        let named = |end: &str| format!("{}{end}", param.name());
        let scale = file.view(&named(SCALE), Dtype::F32, None)?.shape().to_vec();
        let fits = scale.len() == shape.len() && scale.iter().zip(&shape).all(|(s, n)| *s == 1 || s == n);
        if !fits {
            return Err(file.mismatch(&named(SCALE), &scale, &shape));
        }
        let ints = |name: String, shape: &[usize]| -> Result<Tensor> {
            let view = file.view(&name, Dtype::I8, Some(shape))?;
            let values: Vec<f32> = view.data().iter().map(|&b| f32::from(b.cast_signed())).collect();
            Ok(Tensor::from_slice(params.device(), &values, shape)?)
        };
        let (zero_point, codes) = (ints(named(ZERO_POINT), &scale)?, ints(named(CODES), &shape)?);
        Ok(Quantizer::dequantizer(file.float(&named(SCALE), &scale)?, zero_point).dequantize(&codes))
    })
}

/// Writes parameters of two or more dimensions as a bitmap of their non-zero elements and the values of these, and all others as they
/// are.
///
/// # Errors
/// As [`save_quantized`].
pub fn save_sparse(params: &Params, path: impl AsRef<Path>) -> Result<()> {
    let mut tensors: Vec<Stored> = vec![];
    for param in params.all() {
        let value = param.value().detach();
        if value.rank() < 2 {
            tensors.push(float(param.name(), &value)?);
            continue;
        }
        let values = value.to_vec::<f32>()?;
        let bits = |chunk: &[f32]| chunk.iter().rev().fold(0, |bits, &v| bits << 1 | u8::from(v != 0.0));
        let mask: Vec<u8> = values.chunks(8).map(bits).collect();
        let kept: Vec<f32> = values.into_iter().filter(|&v| v != 0.0).collect();
        let named = |end: &str| format!("{}{end}", param.name());
        tensors.push((named(MASK), vec![mask.len()], Dtype::U8, mask));
        tensors.push((named(VALUES), vec![kept.len()], Dtype::F32, bytemuck::cast_slice(&kept).to_vec()));
    }
    write_tensors(path.as_ref(), &tensors, "sparse")
}

/// Sets parameters to the values of a file written by [`save_sparse`]. On an error nothing is changed.
///
/// # Errors
/// As [`Params::load`].
pub fn load_sparse(params: &Params, path: impl AsRef<Path>) -> Result<()> {
    load(params, path.as_ref(), |file, param| {
        let shape = param.value().shape().to_vec();
        if shape.len() < 2 {
            return file.float(param.name(), &shape);
        }
        let count: usize = shape.iter().product();
        let named = |end: &str| format!("{}{end}", param.name());
        let mask = file.view(&named(MASK), Dtype::U8, Some(&[count.div_ceil(8)]))?.data().to_vec();
        let kept: Vec<f32> = (0..count).map(|i| f32::from(mask[i / 8] >> (i % 8) & 1)).collect();
        let ones = kept.iter().filter(|&&k| k == 1.0).count();
        let values = file.view(&named(VALUES), Dtype::F32, Some(&[ones]))?;
        let mut values = bytemuck::pod_collect_to_vec::<u8, f32>(values.data()).into_iter();
        let dense = kept.iter().map(|&k| if k == 1.0 { values.next().unwrap_or(0.0) } else { 0.0 });
        Ok(Tensor::from_slice(params.device(), &dense.collect::<Vec<_>>(), &shape)?)
    })
}

pub(super) fn float(name: &str, value: &Tensor) -> Result<Stored> {
    let bytes = bytemuck::cast_slice(&value.to_vec::<f32>()?).to_vec();
    Ok((name.to_owned(), value.shape().to_vec(), Dtype::F32, bytes))
}

/// Reads every parameter before any is changed.
fn load(params: &Params, path: &Path, read: impl Fn(&Reader, &Param) -> Result<Tensor>) -> Result<()> {
    let file = WeightsFile::open(path, params)?;
    let reader = Reader { path, tensors: file.tensors(), params };
    let found: Vec<(Param, Tensor)> =
        params.all().into_iter().map(|p| Ok((p.clone(), read(&reader, &p)?))).collect::<Result<_>>()?;
    found.iter().for_each(|(param, value)| param.set(value));
    Ok(())
}

pub(super) struct Reader<'a> {
    pub path: &'a Path,
    pub tensors: SafeTensors<'a>,
    pub params: &'a Params,
}

impl Reader<'_> {
    /// The tensor `name`, if it is of this type and, if given, this shape.
    pub fn view(&self, name: &str, dtype: Dtype, shape: Option<&[usize]>) -> Result<TensorView<'_>> {
        let missing = |_| Error::Missing {
            path: self.path.into(),
            name: name.into(),
            shape: shape.unwrap_or_default().to_vec(),
        };
        let view = self.tensors.tensor(name).map_err(missing)?;
        match shape.is_none_or(|shape| shape == view.shape()) && view.dtype() == dtype {
            true => Ok(view),
            false => Err(self.mismatch(name, view.shape(), shape.unwrap_or_default())),
        }
    }

    fn mismatch(&self, name: &str, got: &[usize], want: &[usize]) -> Error {
        let (got, want) = (format!("{got:?}"), format!("{want:?}"));
        Error::Mismatch { path: self.path.into(), name: name.into(), got, want }
    }

    pub fn float(&self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let values =
            bytemuck::pod_collect_to_vec::<u8, f32>(self.view(name, Dtype::F32, Some(shape))?.data());
        Ok(Tensor::from_slice(self.params.device(), &values, shape)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Linear;
    use crate::compress::{Masks, QuantScheme};
    use autograd::Device;

    fn model(seed: u64) -> Params {
        let params = Params::new(&Device::named("cpu").unwrap(), seed);
        Linear::new(&params, 7, 9);
        params
    }

    fn values(params: &Params) -> Vec<Vec<f32>> {
        params.all().iter().map(|p| p.value().to_vec::<f32>().unwrap()).collect()
    }

    #[test]
    fn sparse_files_give_every_bit_back() {
        let (params, other) = (model(1), model(2));
        Masks::magnitude(&params.matching("weight"), 0.8).unwrap().apply();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sparse.safetensors");
        save_sparse(&params, &path).unwrap();
        load_sparse(&other, &path).unwrap();
        assert_eq!(values(&params), values(&other));
    }

    #[test]
    fn quantised_files_give_what_fake_quantisation_gives() {
        for axis in [None, Some(0)] {
            for scheme in [QuantScheme::Symmetric, QuantScheme::Affine] {
                let (params, other) = (model(1), model(2));
                let spec = QuantSpec { bits: 8, scheme, axis };
                let directory = tempfile::tempdir().unwrap();
                let path = directory.path().join("int8.safetensors");
                save_quantized(&params, &path, spec).unwrap();
                load_quantized(&other, &path).unwrap();
                let weight = params.get("weight").unwrap();
                weight.set(&spec.fit(&weight.value()).fake_quantize(&weight.value()));
                assert_eq!(values(&params), values(&other));
            }
        }
    }

    #[test]
    fn files_of_another_model_change_nothing() {
        let params = model(1);
        let before = values(&params);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("weights.safetensors");
        let other = Params::new(params.device(), 1);
        Linear::new(&other, 5, 9);
        save_sparse(&other, &path).unwrap();
        assert!(matches!(load_sparse(&params, &path), Err(Error::Mismatch { .. })));
        assert!(matches!(load_quantized(&params, &path), Err(Error::Missing { .. })));
        params.save(&path).unwrap();
        assert!(load_quantized(&params, &path).is_err() && values(&params) == before);
    }
}
