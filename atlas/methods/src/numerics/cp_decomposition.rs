//! Tensors as sums of outer products.

use autograd::{Generator, Tensor, einsum};

/// `sum over r of a_r o b_r o c_r`, the canonical polyadic decomposition of a tensor of three dimensions (Carroll and Chang 1970; Harshman 1970).
pub struct CpDecomposition {
    /// `[I, R]`, `[J, R]` and `[K, R]`
    pub factors: [Tensor; 3],
}

/// The equations by which a tensor is multiplied with the factors of the other dimensions.
const OTHERS: [(&str, usize, usize); 3] =
    [("ijk,jr,kr->ir", 1, 2), ("ijk,ir,kr->jr", 0, 2), ("ijk,ir,jr->kr", 0, 1)];

impl CpDecomposition {
    /// Normal factors for a tensor of this shape.
    pub fn random(like: &Tensor, rank: usize, generator: &Generator) -> CpDecomposition {
        let factor = |dim: isize| generator.normal(like.device(), &[like.size(dim), rank]).detach();
        CpDecomposition { factors: [factor(0), factor(1), factor(2)] }
    }

    /// The tensor `[I, J, K]`.
    pub fn tensor(&self) -> Tensor {
        let [a, b, c] = &self.factors;
        einsum("ir,jr,kr->ijk", &[a, b, c])
    }

    /// One sweep of alternating least squares: each factor becomes the best for the others. `inverse` inverts symmetric `[R, R]`.
    ///
    /// # Errors
    /// Those of `inverse`.
    pub fn sweep<E>(&mut self, of: &Tensor, inverse: impl Fn(&Tensor) -> Result<Tensor, E>) -> Result<(), E> {
        for (own, (equation, p, q)) in OTHERS.into_iter().enumerate() {
            let (p, q) = (&self.factors[p], &self.factors[q]);
            let gram = p.t().matmul(p) * q.t().matmul(q);
            self.factors[own] = einsum(equation, &[of, p, q]).matmul(&inverse(&gram)?).detach();
        }
        Ok(())
    }
}
