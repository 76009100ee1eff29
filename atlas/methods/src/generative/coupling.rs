//! The affine coupling layer (Dinh et al. 2017).

use autograd::Tensor;
use models::Params;

use super::{Bijection, SmoothMlp};

/// One half of a row, unchanged, determines the scale and shift of the other half: `z = x exp(s) + t` (Dinh et al. 2017, "Density
/// estimation using Real NVP", equation 4). A tanh bounds the logarithm `s` to `+-3`; the paper learns that bound. The layer starts as the
/// identity. Parameters `net.*`.
pub struct AffineCoupling {
    net: SmoothMlp,
    /// The number of unchanged dimensions.
    kept: usize,
    dim: usize,
    swapped: bool,
}

/// The bound of the logarithm of a scale.
const BOUND: f32 = 3.0;

impl AffineCoupling {
    /// For rows of `dim`: a network with two hidden layers transforms the second half given the first or, if `swapped`, vice versa.
    ///
    /// # Panics
    /// With fewer than 2 dimensions.
    #[track_caller]
    pub fn new(params: &Params, dim: usize, swapped: bool, hidden: usize) -> AffineCoupling {
        assert!(dim >= 2, "AffineCoupling: {dim} dimensions cannot be halved");
        let kept = if swapped { dim - dim / 2 } else { dim / 2 };
        let sizes = [kept, hidden, hidden, 2 * (dim - kept)];
        AffineCoupling { net: SmoothMlp::zero(&params.path("net"), &sizes), kept, dim, swapped }
    }

    /// The unchanged and the transformed part.
    #[track_caller]
    fn halves(&self, x: &Tensor) -> (Tensor, Tensor) {
        assert_eq!(x.size(-1), self.dim, "AffineCoupling: of rows {:?}", x.shape());
        let moved = self.dim - self.kept;
        match self.swapped {
            false => (x.narrow(1, 0, self.kept), x.narrow(1, self.kept, moved)),
            true => (x.narrow(1, moved, self.kept), x.narrow(1, 0, moved)),
        }
    }

    fn joined(&self, kept: &Tensor, moved: &Tensor) -> Tensor {
        let parts = if self.swapped { [moved, kept] } else { [kept, moved] };
        autograd::cat(&parts, 1)
    }

    /// `s` and `t`.
    fn affine(&self, kept: &Tensor) -> (Tensor, Tensor) {
        let out = self.net.forward(kept);
        let moved = self.dim - self.kept;
        let s = (out.narrow(1, 0, moved) * (1.0 / BOUND)).tanh() * BOUND;
        (s, out.narrow(1, moved, moved))
    }
}

impl Bijection for AffineCoupling {
    fn forward(&self, x: &Tensor) -> (Tensor, Tensor) {
        let (kept, moved) = self.halves(x);
        let (s, t) = self.affine(&kept);
        (self.joined(&kept, &(moved * s.exp() + t)), s.sum(&[1], false))
    }

    fn inverse(&self, z: &Tensor) -> Tensor {
        let (kept, moved) = self.halves(z);
        let (s, t) = self.affine(&kept);
        self.joined(&kept, &((moved - t) * (-s).exp()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::NormalizingFlow;
    use super::super::flow::tests::exact;

    #[test]
    fn determinant_and_inverse() -> autograd::Result<()> {
        exact(|params| Box::new(NormalizingFlow::real_nvp(params, 5, 3, 8)))
    }
}
