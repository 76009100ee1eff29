//! Variance, norms, and other quantities composed from reductions.

use crate::Tensor;

impl Tensor {
    /// Variance over the given dimensions: the sum of squared deviations over `n - correction` (torch's default is 1; 0 gives the
    /// biased variance).
    #[track_caller]
    pub fn var(&self, dims: &[isize], correction: f32, keepdim: bool) -> Tensor {
        let count: usize = self.dims("var", dims).iter().map(|&d| self.shape()[d]).product();
        let centred = self - self.mean(dims, true);
        (&centred * &centred).sum(dims, keepdim) / (count as f32 - correction).max(0.0)
    }

    /// Square root of [`var`](Tensor::var). If all elements are equal, the gradient is 0.
    #[track_caller]
    pub fn std(&self, dims: &[isize], correction: f32, keepdim: bool) -> Tensor {
        self.var(dims, correction, keepdim).root(2.0)
    }

    /// `x^(1 / p)` for `x >= 0`, with gradient 0 at 0 instead of infinity.
    #[track_caller]
    pub(super) fn root(&self, p: f32) -> Tensor {
        let zero = self.eq(0.0);
        // Replaced before the root, so that no infinity is multiplied by 0, and again after it.
        let safe = self.ones_like().where_(&zero, self);
        let root = if p == 2.0 { safe.sqrt() } else { safe.pow(1.0 / p) };
        self.zeros_like().where_(&zero, &root)
    }

    /// `log(sum(exp(x)))` over the given dimensions, without overflow.
    #[track_caller]
    pub fn logsumexp(&self, dims: &[isize], keepdim: bool) -> Tensor {
        let max = self.detach().amax(dims, true);
        // An infinite maximum would give inf - inf.
        let shift = max.zeros_like().where_(&max.isinf(), &max);
        let y = (self - &shift).exp().sum(dims, true).log() + shift;
        if keepdim { y } else { y.squeeze(dims) }
    }

    /// Vector p-norm over the given dimensions: `sum(|x|^p)^(1/p)`; for `p` infinity the largest |x|, for `p` 0 the number of non-zero
    /// elements. The gradient at the zero vector is 0.
    #[doc(alias = "vector_norm")]
    #[track_caller]
    pub fn norm(&self, p: f32, dims: &[isize], keepdim: bool) -> Tensor {
        let a = self.abs();
        if p == f32::INFINITY {
            return a.amax(dims, keepdim);
        }
        if p == f32::NEG_INFINITY {
            return a.amin(dims, keepdim);
        }
        if p == 0.0 {
            return self.ne(0.0).to(gpu_core::DType::F32).sum(dims, keepdim);
        }
        if p == 1.0 {
            return a.sum(dims, keepdim);
        }
        let powers = if p == 2.0 { self * self } else { a.pow(p) };
        powers.sum(dims, keepdim).root(p)
    }

    /// Divides by the p-norm along `dim`, or by `eps` if the norm is smaller.
    #[track_caller]
    pub fn normalize(&self, p: f32, dim: isize, eps: f32) -> Tensor {
        self / self.norm(p, &[dim], true).clamp_min(eps)
    }
}
