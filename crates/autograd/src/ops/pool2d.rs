//! Max and average pooling over windows of `[N, C, H, W]`.

use gpu_core::DType;
use gpu_core::kernels::{self, Pool2dShape};

use super::gather::position;
use super::pool::Pool2d;
use crate::Tensor;
use crate::compile::Lower;
use crate::op::{KernelOp, Meta};

impl Pool2d {
    #[track_caller]
    fn shape(&self, op: &str, x: &Tensor) -> Pool2dShape {
        let output = self.output(op, x);
        Pool2dShape {
            planes: x.shape()[0] * x.shape()[1],
            input: [x.shape()[2], x.shape()[3]],
            output,
            kernel: self.kernel,
            stride: self.stride,
            padding: self.padding,
            dilation: self.dilation,
        }
    }
}

fn output_meta(x: &Tensor, shape: &Pool2dShape, dtype: DType) -> Meta {
    Meta::new(&[x.shape()[0], x.shape()[1], shape.output[0], shape.output[1]], dtype)
}

impl Tensor {
    /// The largest element of every window, and its position (i32) in the plane `H * W`.
    ///
    /// # Panics
    /// When the input is not `[N, C, H, W]` or `[C, H, W]`, or the windows do not fit.
    #[track_caller]
    pub fn max_pool2d(&self, pool: Pool2d) -> (Tensor, Tensor) {
        if self.rank() == 3 {
            let (y, index) = self.unsqueeze(0).max_pool2d(pool);
            return (y.squeeze(&[0]), index.squeeze(&[0]));
        }
        let shape = pool.shape("max_pool2d", self);
        position("max_pool2d", self.size(-2) * self.size(-1));
        let outputs = vec![output_meta(self, &shape, DType::F32), output_meta(self, &shape, DType::I32)];
        let [y, index] =
            <[Tensor; 2]>::try_from(Tensor::record(MaxPool2d(shape), &[self], outputs)).expect("two outputs");
        (y, index)
    }

    /// The mean of every window. With `count_include_pad`, padding counts as zeros; `divisor` replaces the window's size.
    ///
    /// # Panics
    /// As [`max_pool2d`](Tensor::max_pool2d), or when a dilation is given or the divisor is 0.
    #[track_caller]
    pub fn avg_pool2d(&self, pool: Pool2d, count_include_pad: bool, divisor: Option<usize>) -> Tensor {
        assert!(pool.dilation == [1, 1], "avg_pool2d: dilation is not supported");
        if self.rank() == 3 {
            return self.unsqueeze(0).avg_pool2d(pool, count_include_pad, divisor).squeeze(&[0]);
        }
        assert!(divisor != Some(0), "avg_pool2d: divisor 0");
        let shape = pool.shape("avg_pool2d", self);
        let out = output_meta(self, &shape, DType::F32);
        Tensor::record(AvgPool2d { shape, count_include_pad, divisor }, &[self], vec![out]).remove(0)
    }
}

#[derive(Debug, Hash)]
pub(super) struct MaxPool2d(pub(super) Pool2dShape);

impl KernelOp for MaxPool2d {
    fn name(&self) -> &'static str {
        "max_pool2d"
    }

    fn lower(&self, cx: &mut Lower) {
        let args = [cx.dense(0), cx.output(0), cx.output(1)];
        cx.launch(kernels::MaxPool2d { shape: self.0 }, &args);
    }

    fn gradient(
        &self,
        inputs: &[Tensor],
        outputs: &[Tensor],
        grads: &[Option<Tensor>],
    ) -> Vec<Option<Tensor>> {
        let dx = grads[0].as_ref().map(|dy| {
            let meta = Meta::new(inputs[0].shape(), DType::F32);
            Tensor::record(MaxPool2dGrad(self.0), &[dy, &outputs[1]], vec![meta]).remove(0)
        });
        vec![dx]
    }
}

#[derive(Debug, Hash)]
struct MaxPool2dGrad(Pool2dShape);

impl KernelOp for MaxPool2dGrad {
    fn name(&self) -> &'static str {
        "max_pool2d_grad"
    }

    fn lower(&self, cx: &mut Lower) {
        let args = [cx.dense(0), cx.dense(1), cx.output(0)];
        cx.launch(kernels::MaxPool2dGrad { shape: self.0 }, &args);
    }

    /// The transpose of scattering: reads the gradient at the positions of the maxima.
    fn gradient(&self, inputs: &[Tensor], _: &[Tensor], grads: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
        let (dy, index, g) = (&inputs[0], &inputs[1], grads[0].as_ref().expect("one output"));
        let plane = |t: &Tensor| t.reshape(&[self.0.planes, t.size(-2) * t.size(-1)]);
        vec![Some(plane(g).gather(1, &plane(index)).reshape(dy.shape())), None]
    }
}

#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct AvgPool2d {
    pub(super) shape: Pool2dShape,
    pub(super) count_include_pad: bool,
    pub(super) divisor: Option<usize>,
}

impl KernelOp for AvgPool2d {
    fn name(&self) -> &'static str {
        "avg_pool2d"
    }

    fn lower(&self, cx: &mut Lower) {
        let AvgPool2d { shape, count_include_pad, divisor } = *self;
        let args = [cx.dense(0), cx.output(0)];
        cx.launch(kernels::AvgPool2d { shape, count_include_pad, divisor }, &args);
    }

    fn gradient(&self, inputs: &[Tensor], _: &[Tensor], grads: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
        let dy = grads[0].as_ref().expect("one output");
        let meta = Meta::new(inputs[0].shape(), DType::F32);
        vec![Some(Tensor::record(AvgPool2dGrad(*self), &[dy], vec![meta]).remove(0))]
    }
}

#[derive(Debug, Hash)]
struct AvgPool2dGrad(AvgPool2d);

impl KernelOp for AvgPool2dGrad {
    fn name(&self) -> &'static str {
        "avg_pool2d_grad"
    }

    fn lower(&self, cx: &mut Lower) {
        let AvgPool2d { shape, count_include_pad, divisor } = self.0;
        let args = [cx.dense(0), cx.output(0)];
        cx.launch(kernels::AvgPool2dGrad { shape, count_include_pad, divisor }, &args);
    }

    fn gradient(&self, inputs: &[Tensor], _: &[Tensor], grads: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
        let g = grads[0].as_ref().expect("one output");
        vec![Some(Tensor::record(self.0, &[g], vec![Meta::new(inputs[0].shape(), DType::F32)]).remove(0))]
    }
}
