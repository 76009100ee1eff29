//! Values while a model runs: tensors on the device, and small arrays on the host, with which shapes are computed.

use autograd::{DType, Device, Tensor};

use crate::proto::{TensorProto, tensor_proto::DataType};

/// The most elements of an array on the host, and of all that a run computes there.
pub const MOST: usize = 1 << 24;
pub const MOST_OF_ALL: usize = 1 << 26;

/// What a node computes; errors are reasons.
pub type Outcome<T> = Result<T, String>;

/// An array on the host. Integers are exact below 2^53; ONNX uses larger ones only for "to the end".
#[derive(Clone, Debug)]
pub struct Host {
    pub shape: Vec<usize>,
    pub values: Vec<f64>,
    /// F32, I32 (of all integer types) or Bool.
    pub dtype: DType,
}

#[derive(Clone)]
pub enum Value {
    Host(Host),
    Device(Tensor),
}

impl Value {
    /// Elements on the host.
    pub fn on_host(&self) -> usize {
        match self {
            Value::Host(host) => host.values.len(),
            Value::Device(_) => 0,
        }
    }
}

impl Host {
    pub fn ints(values: impl IntoIterator<Item = i64>) -> Host {
        let values: Vec<f64> = values.into_iter().map(|v| v as f64).collect();
        Host { shape: vec![values.len()], values, dtype: DType::I32 }
    }

    /// The array whose element at `coordinates` is the one that `from` names.
    pub fn picked(&self, shape: &[usize], from: impl Fn(&[usize]) -> usize) -> Outcome<Host> {
        let count = elements(shape)?;
        let mut at = vec![0; shape.len()];
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            values.push(*self.values.get(from(&at)).ok_or("an index outside of its tensor")?);
            for d in (0..shape.len()).rev() {
                at[d] += 1;
                if at[d] < shape[d] {
                    break;
                }
                at[d] = 0;
            }
        }
        Ok(Host { shape: shape.to_vec(), values, dtype: self.dtype })
    }

    pub fn expanded(&self, shape: &[usize]) -> Outcome<Host> {
        let front = shape.len().checked_sub(self.shape.len());
        let fits = |front: usize| self.shape.iter().zip(&shape[front..]).all(|(a, b)| a == b || *a == 1);
        let front = front.filter(|&f| fits(f));
        let front = front.ok_or_else(|| format!("shape {:?} cannot become {shape:?}", self.shape))?;
        let strides = strides(&self.shape);
        self.picked(shape, |at| {
            (0..strides.len()).map(|d| if self.shape[d] == 1 { 0 } else { at[front + d] * strides[d] }).sum()
        })
    }

    pub fn tensor(&self, device: &Device) -> Tensor {
        let ints = || self.values.iter().map(|&v| v as i32).collect::<Vec<i32>>();
        match self.dtype {
            DType::F32 => {
                let values: Vec<f32> = self.values.iter().map(|&v| v as f32).collect();
                Tensor::constant(device, &values, &self.shape)
            }
            DType::Bool => Tensor::constant(device, &ints(), &self.shape).ne(0),
            _ => Tensor::constant(device, &ints(), &self.shape),
        }
    }

    pub fn longs(&self) -> Vec<i64> {
        self.values.iter().map(|&v| v as i64).collect()
    }

    /// The values of a tensor in a file, whose bytes are `outside` if they are in another one.
    pub fn read(tensor: &TensorProto, outside: Option<&[u8]>) -> Outcome<Host> {
        let shape =
            tensor.dims.iter().map(|&d| usize::try_from(d).map_err(|_| format!("a dimension of {d}")));
        let shape = shape.collect::<Outcome<Vec<usize>>>()?;
        let count = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).ok_or("too many elements")?;
        let raw = outside.or(tensor.raw_data.as_deref());
        let kind = DataType::try_from(tensor.data_type()).unwrap_or_default();
        fn numbers<const N: usize>(raw: &[u8], of: impl Fn([u8; N]) -> f64) -> Vec<f64> {
            raw.as_chunks::<N>().0.iter().map(|b| of(*b)).collect()
        }
        let from = |raw: &[u8]| match kind {
            DataType::Float => Some(numbers(raw, |b| f32::from_le_bytes(b).into())),
            DataType::Double => Some(numbers(raw, f64::from_le_bytes)),
            DataType::Float16 => Some(numbers(raw, |b| half::f16::from_le_bytes(b).into())),
            DataType::Bfloat16 => Some(numbers(raw, |b| half::bf16::from_le_bytes(b).into())),
            DataType::Int64 => Some(numbers(raw, |b| i64::from_le_bytes(b) as f64)),
            DataType::Int32 => Some(numbers(raw, |b| i32::from_le_bytes(b).into())),
            DataType::Uint8 | DataType::Bool => Some(numbers(raw, |[b]| b.into())),
            DataType::Int8 => Some(numbers(raw, |[b]| (b as i8).into())),
            _ => None,
        };
        let values = match raw {
            Some(raw) => from(raw).ok_or_else(|| format!("elements of type {kind:?}"))?,
            None => match kind {
                DataType::Float => tensor.float_data.iter().map(|&v| v.into()).collect(),
                DataType::Double => tensor.double_data.clone(),
                DataType::Int64 => tensor.int64_data.iter().map(|&v| v as f64).collect(),
                DataType::Int32 | DataType::Bool | DataType::Uint8 | DataType::Int8 => {
                    tensor.int32_data.iter().map(|&v| v.into()).collect()
                }
                _ => return Err(format!("elements of type {kind:?}")),
            },
        };
        if values.len() != count {
            return Err(format!("{} elements for shape {shape:?}", values.len()));
        }
        let dtype = dtype(tensor.data_type())?;
        Ok(Host { shape, values, dtype })
    }
}

/// The type that elements of an ONNX type have here.
pub fn dtype(kind: i32) -> Outcome<DType> {
    use DataType::*;
    match DataType::try_from(kind).unwrap_or_default() {
        Float | Double | Float16 | Bfloat16 => Ok(DType::F32),
        Int64 | Int32 | Uint8 | Int8 => Ok(DType::I32),
        Bool => Ok(DType::Bool),
        other => Err(format!("elements of type {other:?}")),
    }
}

/// Number of elements of an array on the host, if it may have so many.
pub fn elements(shape: &[usize]) -> Outcome<usize> {
    let count = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).filter(|&n| n <= MOST);
    count.ok_or_else(|| format!("{shape:?} has more than {MOST} elements"))
}

pub fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for d in (1..shape.len()).rev() {
        strides[d - 1] = strides[d] * shape[d];
    }
    strides
}

/// The common shape of operands that broadcast.
pub fn broadcast(shapes: &[&[usize]]) -> Outcome<Vec<usize>> {
    let rank = shapes.iter().map(|s| s.len()).max().unwrap_or(0);
    let mut common = vec![1; rank];
    for shape in shapes {
        for (have, &n) in common[rank - shape.len()..].iter_mut().zip(*shape) {
            match (*have, n) {
                (1, n) => *have = n,
                (m, n) if m == n || n == 1 => {}
                _ => return Err(format!("shapes {shapes:?} do not broadcast")),
            }
        }
    }
    Ok(common)
}
