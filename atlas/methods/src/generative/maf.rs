//! The layer of a masked autoregressive flow (Papamakarios et al. 2017).

use autograd::Tensor;
use models::Params;

use super::{Bijection, Made};

/// `z_i = (x_i - mu_i) exp(-a_i)`, where `mu_i` and `a_i` depend on `x_1 .. x_(i-1)` (Papamakarios et al. 2017, equations 4 and 5) or, if
/// reversed, on the later ones. `z` takes one pass of the network, the inverse one pass per dimension. A tanh bounds the logarithm `a` to
/// `+-3`. The layer starts as the identity. Parameters `net.*`.
pub struct MaskedAutoregressive {
    net: Made,
    dim: usize,
    reversed: bool,
}

/// The bound of the logarithm of a scale.
const BOUND: f32 = 3.0;

impl MaskedAutoregressive {
    /// For rows of `dim`: a [`Made`] with two hidden layers.
    #[track_caller]
    pub fn new(params: &Params, dim: usize, reversed: bool, hidden: usize) -> MaskedAutoregressive {
        let net = Made::new(&params.path("net"), dim, &[hidden, hidden], 2);
        MaskedAutoregressive { net, dim, reversed }
    }

    fn turned(&self, x: &Tensor) -> Tensor {
        if self.reversed { x.flip(&[1]) } else { x.clone() }
    }

    /// `mu` and `a`, `[N, D]`.
    #[track_caller]
    fn affine(&self, x: &Tensor) -> (Tensor, Tensor) {
        let out = self.net.forward(x);
        (out.select(1, 0), (out.select(1, 1) * (1.0 / BOUND)).tanh() * BOUND)
    }
}

impl Bijection for MaskedAutoregressive {
    fn forward(&self, x: &Tensor) -> (Tensor, Tensor) {
        let x = self.turned(x);
        let (mu, a) = self.affine(&x);
        (self.turned(&((x - mu) * (-&a).exp())), -a.sum(&[1], false))
    }

    fn inverse(&self, z: &Tensor) -> Tensor {
        let z = self.turned(z);
        // After the i-th pass the first i dimensions are exact.
        let mut x = z.zeros_like();
        for _ in 0..self.dim {
            let (mu, a) = self.affine(&x);
            x = &z * a.exp() + mu;
        }
        self.turned(&x)
    }
}

#[cfg(test)]
mod tests {
    use autograd::{Device, Generator};

    use super::super::flow::tests::{exact, jacobian, stirred};
    use super::super::{MaskedAutoregressive, NormalizingFlow};
    use models::Params;

    #[test]
    fn determinant_and_inverse() -> autograd::Result<()> {
        exact(|params| Box::new(NormalizingFlow::maf(params, 5, 2, 12)))
    }

    #[test]
    fn triangular() -> autograd::Result<()> {
        let device = Device::named("cpu")?;
        for reversed in [false, true] {
            let params = Params::new(&device, 2);
            let layer = MaskedAutoregressive::new(&params, 4, reversed, 10);
            stirred(&params);
            let slopes = jacobian(&layer, &Generator::new(1).normal(&device, &[1, 4]).detach())?;
            for (i, row) in slopes.iter().enumerate() {
                for (j, &slope) in row.iter().enumerate() {
                    let later = if reversed { j < i } else { j > i };
                    assert_eq!(slope == 0.0, later, "row {i}, column {j}: {slope}");
                }
            }
        }
        Ok(())
    }
}
