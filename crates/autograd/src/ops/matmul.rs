//! Matrix products.

use gpu_core::Layout;

use crate::compile::Lower;
use crate::op::{KernelOp, Meta, Op, View};
use crate::ops::map::broadcast;
use crate::{Tensor, autocast};

/// The product `[.., M, K] x [.., K, N]` with equal leading dimensions.
#[derive(Debug, Hash)]
pub(super) struct MatMul;

impl Tensor {
    /// Matrix product as `torch.matmul`: vectors act as rows or columns, leading dimensions broadcast.
    ///
    /// # Panics
    /// When the inner dimensions differ, the leading ones do not broadcast, or an operand is a scalar.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let device = Device::named("cpu")?;
    /// let a = Tensor::from_slice(&device, &[1.0f32, 2.0, 3.0, 4.0], &[2, 2])?;
    /// assert_eq!(a.matmul(&a).to_vec::<f32>()?, [7.0, 10.0, 15.0, 22.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[doc(alias("mm", "mv"))]
    #[track_caller]
    pub fn matmul(&self, other: &Tensor) -> Tensor {
        let shapes = format!("matmul: shapes {:?} and {:?}", self.shape(), other.shape());
        assert!(self.rank() > 0 && other.rank() > 0, "{shapes}");
        assert!(
            self.dtype().is_float() && other.dtype().is_float(),
            "matmul: types {} and {}",
            self.dtype(),
            other.dtype()
        );
        let a = if self.rank() == 1 { self.unsqueeze(0) } else { self.clone() };
        let b = if other.rank() == 1 { other.unsqueeze(1) } else { other.clone() };
        let (m, k) = (a.size(-2), a.size(-1));
        let (k2, n) = (b.size(-2), b.size(-1));
        assert!(k == k2, "{shapes}: inner dimensions differ");
        let y = if b.rank() == 2 && a.rank() > 2 {
            // One tall product instead of a batch of them.
            let rows = a.reshape(&[a.numel().checked_div(k).unwrap_or(0), k]);
            let shape = [&a.shape()[..a.rank() - 1], &[n]].concat();
            rows.product(&b).reshape(&shape)
        } else {
            let batch = broadcast("matmul", &[&a.shape()[..a.rank() - 2], &b.shape()[..b.rank() - 2]]);
            a.expand(&[&batch[..], &[m, k]].concat()).product(&b.expand(&[&batch[..], &[k, n]].concat()))
        };
        match (self.rank(), other.rank()) {
            (1, 1) => y.reshape(&[]),
            (1, _) => y.squeeze(&[-2]),
            (_, 1) => y.squeeze(&[-1]),
            _ => y,
        }
    }

    #[track_caller]
    fn product(&self, other: &Tensor) -> Tensor {
        let mut shape = self.shape().to_vec();
        shape.pop();
        shape.push(other.size(-1));
        Tensor::record(MatMul, &[self, other], vec![Meta::new(&shape, self.dtype())]).remove(0)
    }

    /// Dot product of two vectors.
    ///
    /// # Panics
    /// When either is not a vector, or their lengths differ.
    #[track_caller]
    pub fn dot(&self, other: &Tensor) -> Tensor {
        assert!(
            self.rank() == 1 && other.rank() == 1,
            "dot: shapes {:?} and {:?}",
            self.shape(),
            other.shape()
        );
        self.matmul(other)
    }

    /// All products of the elements of two vectors: `[n]` and `[m]` give `[n, m]`.
    ///
    /// # Panics
    /// When either is not a vector.
    #[track_caller]
    pub fn outer(&self, other: &Tensor) -> Tensor {
        assert!(
            self.rank() == 1 && other.rank() == 1,
            "outer: shapes {:?} and {:?}",
            self.shape(),
            other.shape()
        );
        self.unsqueeze(1) * other
    }

    /// Batched matrix product `[B, M, K] x [B, K, N]`.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn bmm(&self, other: &Tensor) -> Tensor {
        let (a, b) = (self.shape(), other.shape());
        assert!(a.len() == 3 && b.len() == 3 && a[0] == b[0], "bmm: shapes {a:?} and {b:?}");
        self.matmul(other)
    }

    /// `beta self + alpha (a x b)` of matrices; `self` broadcasts to the product.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn addmm(&self, a: &Tensor, b: &Tensor, beta: f32, alpha: f32) -> Tensor {
        let (x, y) = (a.shape(), b.shape());
        let fits = x.len() == 2 && y.len() == 2 && x[1] == y[0];
        assert!(fits, "addmm: shapes {x:?} and {y:?}");
        let product = a.matmul(b);
        let wide = broadcast("addmm", &[self.shape(), product.shape()]);
        assert!(
            wide == product.shape(),
            "addmm: {:?} does not broadcast to the product {:?}",
            self.shape(),
            product.shape()
        );
        self.expand(product.shape()) * beta + product * alpha
    }

    /// `x W^T + b` with `x [.., in]`, `weight [out, in]`, `bias [out]`.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn linear(&self, weight: &Tensor, bias: Option<&Tensor>) -> Tensor {
        let (x, w) = (self.shape(), weight.shape());
        assert!(
            w.len() == 2 && x.last() == Some(&w[1]),
            "linear: weight {w:?} for input {x:?}: its last dimension must be the weight's"
        );
        for t in [self, weight].into_iter().chain(bias) {
            t.expect_float("linear");
        }
        if let Some(b) = bias {
            assert!(b.shape() == &w[..1], "linear: bias {:?} for weight {w:?}", b.shape());
        }
        let inside = autocast::inside();
        let y = self.matmul(&weight.transpose(-1, -2));
        let y = match bias {
            None => y,
            Some(bias) => y + bias,
        };
        drop(inside);
        // Once, after the bias.
        autocast::result("matmul", &[self], y)
    }
}

/// The layout with the last two dimensions exchanged.
fn transposed(layout: &Layout) -> Layout {
    let mut order: Vec<usize> = (0..layout.rank()).collect();
    order.swap(layout.rank() - 2, layout.rank() - 1);
    layout.permute(&order)
}

fn is_transposed(matrix: &Tensor) -> bool {
    matches!(&matrix.node.op, Op::View(View::Permute(order)) if order[..] == [1, 0])
}

impl KernelOp for MatMul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn lower(&self, cx: &mut Lower) {
        let ((a, b), (out, order)) = ((cx.input(0), cx.input(1)), cx.output_layout(0));
        if order.is_contiguous() {
            cx.matmul(a, b, out);
        } else {
            // (A B)^T = B^T A^T
            cx.matmul((b.0, transposed(&b.1)), (a.0, transposed(&a.1)), out);
        }
    }

    fn produces(&self, _: usize, layout: &Layout) -> bool {
        layout.is_contiguous() || transposed(layout).is_contiguous()
    }

    fn emits(&self) -> bool {
        true
    }

    fn gradient(&self, inputs: &[Tensor], _: &[Tensor], grads: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
        let (a, b, g) = (&inputs[0], &inputs[1], grads[0].as_ref().expect("one output"));
        // For a transposed matrix, such as the weight of a linear layer, compute the gradient in the order of the original.
        let db = if is_transposed(b) {
            g.transpose(-1, -2).product(a).transpose(-1, -2)
        } else {
            a.transpose(-1, -2).product(g)
        };
        vec![Some(g.product(&b.transpose(-1, -2))), Some(db)]
    }
}
