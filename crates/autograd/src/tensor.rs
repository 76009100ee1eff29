//! The tensor: a handle on one output of a recorded node.

use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use gpu_core::{Buffer, DType, Device, Element, Half, Readback, Role, Value};

use crate::node::{Node, Stored};
use crate::op::{KernelOp, Meta, Op, View};
use crate::{Result, autocast, record, transaction};

/// An n-dimensional array on a device whose values may not be computed yet. Clones are the same tensor.
///
/// Operations record and return at once. They check shapes and types, and a mistake panics at the caller's line. Only reading values
/// ([`to_vec`](Tensor::to_vec), [`item`](Tensor::item)) waits for the device.
#[derive(Clone)]
pub struct Tensor {
    pub(crate) node: Arc<Node>,
    pub(crate) output: usize,
}

impl Tensor {
    /// A tensor of `shape` with the given values in row-major order. Integers of other widths than 32 bits become `i32`.
    ///
    /// # Errors
    /// Out of memory; [`Error::TooLargeInteger`](crate::Error::TooLargeInteger) for an integer that does not fit into 32 bits.
    ///
    /// # Panics
    /// When the number of values is not the product of `shape`.
    #[doc(alias("as_tensor", "from_numpy"))]
    #[track_caller]
    pub fn from_slice<T: Value>(device: &Device, values: &[T], shape: &[usize]) -> Result<Tensor> {
        assert!(
            values.len() == shape.iter().product::<usize>(),
            "from_slice: {} values for shape {shape:?}",
            values.len()
        );
        let values = T::elements(values)?;
        let words = bytemuck::cast_slice(&values);
        let tensor = Tensor::from_buffer(
            device,
            device.upload(words, Role::Input)?,
            Meta::new(shape, T::Element::DTYPE),
        );
        tensor.note_range(bytemuck::cast_slice(&values));
        Ok(tensor)
    }

    #[track_caller]
    pub(crate) fn from_buffer(device: &Device, buffer: Buffer, meta: Meta) -> Tensor {
        Tensor::from_stored(device, buffer.into(), &meta.shape, meta.dtype, false)
    }

    /// A tensor with values in memory, as a variable or without a gradient.
    #[track_caller]
    pub(crate) fn from_stored(
        device: &Device,
        stored: Stored,
        shape: &[usize],
        dtype: DType,
        variable: bool,
    ) -> Tensor {
        let meta = Meta::new(shape, dtype);
        let mut node = Node::new(device, Op::Data, vec![], vec![meta], Location::caller());
        (node.variable, node.requires_grad) = (variable, variable);
        node.state().values[0] = Some(stored);
        Tensor { node: Arc::new(node), output: 0 }
    }

    /// The base of a chain of aliases and reshapes, or the tensor itself.
    pub(crate) fn in_order(&self) -> Tensor {
        let mut tensor = self.clone();
        while let Op::View(View::Alias | View::Reshape) = tensor.node.op
            && let Some(base) = tensor.node.viewed()
        {
            tensor = base;
        }
        tensor
    }

    /// Where the values are in memory, if they are computed: those of the tensor or of the tensor that it reshapes.
    pub(crate) fn memory(&self) -> Option<Stored> {
        let base = self.in_order();
        match base.node.op {
            // Running out of memory is reported when the tensor is evaluated.
            Op::Constant(_) => base.node.stored(base.output).ok(),
            _ => base.node.value(base.output),
        }
    }

    /// A scalar (shape `[]`). Its value may change from step to step without a new plan.
    #[track_caller]
    pub fn scalar(device: &Device, value: f32) -> Tensor {
        Tensor::scalars(device, &[value]).reshape(&[])
    }

    /// Step-varying numbers, shape `[values.len()]`; at most 64.
    ///
    /// # Panics
    /// When there are more than 64.
    #[track_caller]
    pub fn scalars<T: Element>(device: &Device, values: &[T]) -> Tensor {
        let most = gpu_core::limits::BINDING_ALIGN / DType::BYTES;
        assert!(values.len() <= most, "scalars: {} step-varying numbers, at most {most}", values.len());
        let meta = Meta::new(&[values.len()], T::DTYPE);
        Tensor::record_op(device, Op::Scalars(bytemuck::cast_slice(values).to_vec()), vec![], vec![meta])
            .remove(0)
    }

    /// Values known when recorded. Unlike [`from_slice`](Tensor::from_slice), it uploads them at the first use, and so cannot fail.
    ///
    /// # Panics
    /// When the number of values is not the product of `shape`.
    #[track_caller]
    pub fn constant<T: Element>(device: &Device, values: &[T], shape: &[usize]) -> Tensor {
        assert!(
            values.len() == shape.iter().product::<usize>(),
            "constant: {} values for shape {shape:?}",
            values.len()
        );
        let op = Op::Constant(bytemuck::cast_slice(values).into());
        Tensor::record_op(device, op, vec![], vec![Meta::new(shape, T::DTYPE)]).remove(0)
    }

    /// A tensor of `shape` whose elements are all `value`.
    #[track_caller]
    pub fn full(device: &Device, value: f32, shape: &[usize]) -> Tensor {
        Tensor::scalar(device, value).expand(shape)
    }

    /// A tensor of f32 zeros. It takes no memory until it is used.
    #[track_caller]
    pub fn zeros(device: &Device, shape: &[usize]) -> Tensor {
        Tensor::literal(device, 0.0).expand(shape)
    }

    /// A tensor of f32 ones. It takes no memory until it is used.
    #[track_caller]
    pub fn ones(device: &Device, shape: &[usize]) -> Tensor {
        Tensor::literal(device, 1.0).expand(shape)
    }

    /// A scalar (shape `[]`) that is part of the plan: the compiler simplifies with it, but each value needs a plan of its own.
    #[track_caller]
    pub(crate) fn literal(device: &Device, value: f32) -> Tensor {
        let meta = Meta::new(&[], DType::F32);
        Tensor::record_op(device, Op::Literal(value.to_bits()), vec![], vec![meta]).remove(0)
    }

    /// Records an op with kernels of its own, which may be defined in another crate.
    #[track_caller]
    pub fn record(op: impl KernelOp + 'static, inputs: &[&Tensor], outputs: Vec<Meta>) -> Vec<Tensor> {
        let (device, name) = (inputs[0].device().clone(), op.name());
        let operands = autocast::operands(name, inputs.iter().map(|&t| t.clone()).collect());
        let mut outputs = Tensor::record_op(&device, Op::Kernel(Arc::new(op)), operands, outputs);
        // The others are statistics and positions.
        outputs[0] = autocast::result(name, inputs, outputs[0].clone());
        outputs
    }

    #[track_caller]
    pub(crate) fn record_op(device: &Device, op: Op, inputs: Vec<Tensor>, outputs: Vec<Meta>) -> Vec<Tensor> {
        Tensor::record_as(device, op, inputs, outputs, None)
    }

    /// A tensor that keeps the values of this output of a captured pass's call.
    pub(crate) fn returned(&self) -> Tensor {
        let returned = Op::Returned(self.output);
        Tensor::record_op(self.device(), returned, vec![self.clone()], vec![self.meta().clone()]).remove(0)
    }

    /// As [`record_op`](Tensor::record_op); `half` is the type of halves that the only output is known to be.
    #[track_caller]
    pub(crate) fn record_as(
        device: &Device,
        op: Op,
        inputs: Vec<Tensor>,
        outputs: Vec<Meta>,
        half: Option<Half>,
    ) -> Vec<Tensor> {
        if let Some(other) = inputs.iter().find(|t| t.device() != device) {
            panic!(
                "{}: tensors on different devices, {} and {}",
                op.name(),
                device.info(),
                other.device().info()
            );
        }
        for Meta { shape, .. } in &outputs {
            let bytes = shape.iter().try_fold(DType::BYTES, |bytes, &n| bytes.checked_mul(n));
            assert!(bytes.is_some(), "{}: shape {shape:?} has too many elements", op.name());
        }
        let count = outputs.len();
        let mut node = Node::new(device, op, inputs, outputs, Location::caller());
        node.half = half.or(node.half);
        record::note(&node.device);
        let node = Arc::new(node);
        (0..count).map(|output| Tensor { node: node.clone(), output }).collect()
    }

    /// The same values as a variable: [`Tensor::backward`] computes its gradient, and stops there.
    #[doc(alias = "requires_grad_")]
    #[track_caller]
    pub fn variable(&self) -> Tensor {
        assert!(self.dtype().is_float(), "variable: only f32 tensors have gradients, not {}", self.dtype());
        self.alias(|node| (node.variable, node.requires_grad) = (true, true))
    }

    /// The same values without a gradient.
    #[doc(alias("no_grad", "stop_gradient"))]
    #[track_caller]
    pub fn detach(&self) -> Tensor {
        self.alias(|node| (node.detached, node.requires_grad) = (true, false))
    }

    #[track_caller]
    pub(crate) fn alias(&self, change: impl FnOnce(&mut Node)) -> Tensor {
        let op = Op::View(View::Alias);
        let mut node =
            Node::new(self.device(), op, vec![self.clone()], vec![self.meta().clone()], Location::caller());
        change(&mut node);
        record::note(&node.device);
        Tensor { node: Arc::new(node), output: 0 }
    }

    /// Names the tensor, as in `"layer1.0.conv1.weight"`, for messages. The first name given stays.
    pub fn named(self, name: &str) -> Tensor {
        let _ = self.node.name.set(name.into());
        self
    }

    /// The name given by [`named`](Tensor::named).
    pub fn name(&self) -> Option<&str> {
        self.node.name.get().map(|n| &**n)
    }

    pub(crate) fn meta(&self) -> &Meta {
        &self.node.outputs[self.output]
    }

    /// Size of every dimension; empty for scalars.
    pub fn shape(&self) -> &[usize] {
        &self.meta().shape
    }

    /// Type of the elements.
    pub fn dtype(&self) -> DType {
        self.meta().dtype
    }

    /// The device that computes and holds the values.
    pub fn device(&self) -> &Device {
        &self.node.device
    }

    /// Number of dimensions.
    #[doc(alias = "ndim")]
    pub fn rank(&self) -> usize {
        self.shape().len()
    }

    /// Number of elements.
    pub fn numel(&self) -> usize {
        self.meta().numel()
    }

    /// Size of one dimension; a negative one counts from the end.
    #[track_caller]
    pub fn size(&self, dim: isize) -> usize {
        self.shape()[self.dim("size", dim)]
    }

    /// Whether the tensor depends on a variable through which gradients flow.
    pub fn requires_grad(&self) -> bool {
        self.node.requires_grad
    }

    /// Resolves a dimension that may count from the end.
    #[track_caller]
    pub(crate) fn dim(&self, op: &str, dim: isize) -> usize {
        let rank = self.rank() as isize;
        assert!(
            (-rank..rank).contains(&dim),
            "{op}: dimension {dim} of a tensor of shape {:?}",
            self.shape()
        );
        dim.rem_euclid(rank) as usize
    }

    #[track_caller]
    pub(crate) fn dims(&self, op: &str, dims: &[isize]) -> Vec<usize> {
        // A loop: a closure would hide the caller's line.
        let mut resolved = Vec::with_capacity(dims.len());
        for &dim in dims {
            resolved.push(self.dim(op, dim));
        }
        resolved
    }

    /// Panics unless the tensor is of type f32, for ops whose kernels support no other type.
    #[track_caller]
    pub(crate) fn expect_float(&self, op: &str) {
        assert!(self.dtype().is_float(), "{op}: of a tensor of type {}", self.dtype());
    }

    /// Whether both handles are the same tensor.
    pub fn same(&self, other: &Tensor) -> bool {
        Arc::ptr_eq(&self.node, &other.node) && self.output == other.output
    }

    /// Starts computing and fetching the values; later work on the device does not delay them.
    ///
    /// # Errors
    /// Whatever goes wrong on the device: out of memory, device lost, a shader that does not compile.
    #[doc(alias = "non_blocking")]
    pub fn fetch(&self) -> Result<Pending> {
        let Stored { buffer, offset, .. } = transaction::materialize(self)?;
        let readback = self.device().read(&buffer, offset * DType::BYTES, self.numel() * DType::BYTES);
        Ok(Pending { readback: Some(readback), dtype: self.dtype() })
    }

    /// The values in row-major order. Bool tensors are read as `u32`.
    ///
    /// # Errors
    /// As [`fetch`](Tensor::fetch).
    ///
    /// # Panics
    /// When `T` is not the tensor's type.
    #[doc(alias("tolist", "numpy", "cpu"))]
    #[track_caller]
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        check_element::<T>(self.dtype());
        self.fetch()?.to_vec()
    }

    /// The value of a tensor with one element.
    ///
    /// # Errors
    /// As [`fetch`](Tensor::fetch).
    ///
    /// # Panics
    /// When the tensor has more or fewer elements, or is not of type f32.
    #[track_caller]
    pub fn item(&self) -> Result<f32> {
        assert!(self.numel() == 1, "item: a tensor of shape {:?}", self.shape());
        Ok(self.to_vec::<f32>()?[0])
    }
}

#[track_caller]
fn check_element<T: Element>(dtype: DType) {
    let fits = T::DTYPE == dtype || (dtype == DType::Bool && T::DTYPE == DType::U32);
    assert!(fits, "to_vec: reading {} from a tensor of type {dtype}", T::DTYPE);
}

/// Values on their way to the host. As a future it resolves to itself, when reading no longer waits.
///
/// ```
/// use autograd::{Device, Tensor};
/// # pollster::block_on(async {
/// let device = Device::request("cpu").await?;
/// let x = Tensor::from_slice(&device, &[1.0f32, 2.0], &[2])?;
/// assert_eq!(x.sum_all().fetch()?.await.item()?, 3.0);
/// # Ok::<(), autograd::Error>(()) }).unwrap();
/// ```
pub struct Pending {
    /// `None` once the future has resolved.
    readback: Option<Readback>,
    dtype: DType,
}

impl Pending {
    /// Whether the values can be read without waiting.
    pub fn is_ready(&self) -> bool {
        self.readback.as_ref().is_none_or(Readback::is_ready)
    }

    /// Waits for the values.
    ///
    /// # Errors
    /// As [`Tensor::fetch`].
    #[track_caller]
    pub fn to_vec<T: Element>(self) -> Result<Vec<T>> {
        check_element::<T>(self.dtype);
        self.readback.expect("not resolved").wait()
    }

    /// Waits for a single value.
    ///
    /// # Errors
    /// As [`Tensor::fetch`].
    #[track_caller]
    pub fn item(self) -> Result<f32> {
        Ok(self.to_vec::<f32>()?[0])
    }
}

impl Future for Pending {
    type Output = Pending;

    /// # Panics
    /// When it has resolved before.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<Pending> {
        let dtype = self.dtype;
        ready!(self.readback.as_mut().expect("polled after it has resolved").poll_ready(context));
        Poll::Ready(Pending { readback: self.readback.take(), dtype })
    }
}

impl std::fmt::Debug for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let name = self.name().map(|n| format!(" \"{n}\"")).unwrap_or_default();
        write!(f, "Tensor{name}({:?}, {}, {})", self.shape(), self.dtype(), self.node.op.name())
    }
}
