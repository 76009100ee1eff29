//! Sparse codes over a dictionary, and dictionary learning.

use autograd::{Result, Tensor};

/// The lasso objective `|x - Z D|^2 / 2 + lambda |Z|_1` per point, `[N]`, for points `x [N, D]`, codes `[N, K]` and atoms `[K, D]`.
///
/// # Panics
/// When the shapes do not fit.
#[track_caller]
pub fn lasso_objective(x: &Tensor, atoms: &Tensor, codes: &Tensor, lambda: f32) -> Tensor {
    let rest = x - codes.matmul(atoms);
    rest.square().sum(&[1], false) * 0.5 + codes.abs().sum(&[1], false) * lambda
}

/// The lasso problem for one dictionary; the gradient of its quadratic term is `Z gram - products`.
struct Lasso {
    /// `D D^T [K, K]`
    gram: Tensor,
    /// `x D^T [N, K]`
    products: Tensor,
    /// A bound on the Lipschitz constant of the gradient: the largest absolute row sum of the Gram matrix (Gershgorin).
    slope: Tensor,
    lambda: f32,
}

impl Lasso {
    #[track_caller]
    fn new(op: &str, x: &Tensor, atoms: &Tensor, lambda: f32) -> Lasso {
        let fits = x.rank() == 2 && atoms.rank() == 2 && x.shape()[1] == atoms.shape()[1];
        assert!(fits, "{op}: points {:?}, atoms {:?}", x.shape(), atoms.shape());
        let (x, atoms) = (x.detach(), atoms.detach());
        let gram = atoms.matmul(&atoms.t());
        let slope = gram.abs().sum(&[1], false).amax(&[0], false);
        Lasso { products: x.matmul(&atoms.t()), gram, slope, lambda }
    }

    /// The initial codes, 0 by default.
    #[track_caller]
    fn start(&self, op: &str, codes: Option<&Tensor>) -> Tensor {
        let Some(codes) = codes else { return self.products.zeros_like() };
        assert_eq!(codes.shape(), self.products.shape(), "{op}: codes to start from");
        codes.detach()
    }

    /// A gradient step, then the proximal operator of the L1 norm.
    fn step(&self, z: &Tensor) -> Tensor {
        let z = z - (z.matmul(&self.gram) - &self.products) / &self.slope;
        z.sign() * (z.abs() - self.lambda / &self.slope).relu()
    }
}

/// ISTA: codes `[N, K]` that minimise the [`lasso_objective`] of points `x [N, D]` and atoms `[K, D]`, by `steps` of iterative
/// shrinkage-thresholding (Daubechies, Defrise and De Mol 2004). The objective never rises and is within `O(1 / steps)` of its minimum.
/// `start` are initial codes, 0 by default.
///
/// # Panics
/// When the shapes do not fit.
#[track_caller]
pub fn ista(x: &Tensor, atoms: &Tensor, start: Option<&Tensor>, lambda: f32, steps: usize) -> Tensor {
    let lasso = Lasso::new("ista", x, atoms, lambda);
    (0..steps).fold(lasso.start("ista", start), |z, _| lasso.step(&z))
}

/// FISTA: [`ista`] with momentum (Beck and Teboulle 2009), within `O(1 / steps^2)` of the minimum.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::unsupervised::fista;
/// let device = Device::named("cpu")?;
/// let x = Tensor::from_slice(&device, &[3.0f32, 0.2, -1.0], &[1, 3])?;
/// let unit = Tensor::ones(&device, &[3]).diag_embed(0);
/// // For orthonormal atoms the codes are the products, shrunk towards 0 by lambda.
/// assert_eq!(fista(&x, &unit, None, 0.5, 5).to_vec::<f32>()?, [2.5, 0.0, -0.5]);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the shapes do not fit.
#[track_caller]
pub fn fista(x: &Tensor, atoms: &Tensor, start: Option<&Tensor>, lambda: f32, steps: usize) -> Tensor {
    let lasso = Lasso::new("fista", x, atoms, lambda);
    let mut z = lasso.start("fista", start);
    let (mut ahead, mut t) = (z.clone(), 1f64);
    for _ in 0..steps {
        let next = lasso.step(&ahead);
        let t_next = (1.0 + (1.0 + 4.0 * t * t).sqrt()) / 2.0;
        let momentum = ((t - 1.0) / t_next) as f32;
        // A tensor: a constant would make a new plan for each step.
        let momentum = Tensor::scalar(z.device(), momentum);
        ahead = &next + (&next - &z) * momentum;
        (z, t) = (next, t_next);
    }
    z
}

/// Updated atoms `[K, D]`, of length 1, for codes `[N, K]` of points `x [N, D]`: one round of block coordinate descent (Mairal, Bach, Ponce
/// and Sapiro 2009, algorithm 2). Atoms that no code uses are unchanged.
///
/// # Errors
/// Whatever goes wrong on the device.
///
/// # Panics
/// When the shapes do not fit.
#[track_caller]
pub fn dictionary_step(x: &Tensor, atoms: &Tensor, codes: &Tensor) -> Result<Tensor> {
    let [k, d] = [atoms.shape()[0], x.shape()[1]];
    let used = codes.t().matmul(codes).to_vec::<f32>()?;
    let wanted = codes.t().matmul(x).to_vec::<f32>()?;
    let mut new: Vec<f64> = atoms.to_vec::<f32>()?.into_iter().map(f64::from).collect();
    for j in 0..k {
        let own = f64::from(used[j * k + j]);
        if own < 1e-8 {
            continue;
        }
        let column = |i: usize| {
            let given: f64 = (0..k).map(|l| f64::from(used[j * k + l]) * new[l * d + i]).sum();
            new[j * d + i] + (f64::from(wanted[j * d + i]) - given) / own
        };
        let atom: Vec<f64> = (0..d).map(column).collect();
        let length = atom.iter().map(|v| v * v).sum::<f64>().sqrt().max(1e-12);
        new[j * d..][..d].iter_mut().zip(&atom).for_each(|(to, v)| *to = v / length);
    }
    let new: Vec<f32> = new.into_iter().map(|v| v as f32).collect();
    Tensor::from_slice(atoms.device(), &new, &[k, d])
}

#[cfg(test)]
mod tests {
    use autograd::{Device, Generator};

    use super::*;

    #[test]
    fn both_find_the_same_least_objective() -> Result<()> {
        let device = Device::named("cpu")?;
        let generator = Generator::new(3);
        let atoms = generator.normal(&device, &[6, 4]).normalize(2.0, 1, 1e-8);
        let x = generator.normal(&device, &[5, 4]);
        let objective = |codes: &Tensor| lasso_objective(&x, &atoms, codes, 0.2).to_vec::<f32>();
        let slow = objective(&ista(&x, &atoms, None, 0.2, 2000))?;
        let fast = objective(&fista(&x, &atoms, None, 0.2, 400))?;
        assert!(slow.iter().zip(&fast).all(|(a, b)| (a - b).abs() < 1e-5), "{slow:?} {fast:?}");
        let few = objective(&ista(&x, &atoms, None, 0.2, 5))?;
        assert!(few.iter().zip(&slow).all(|(a, b)| *a >= b - 1e-6));
        Ok(())
    }

    #[test]
    fn atoms_of_exact_codes_are_found() -> Result<()> {
        let device = Device::named("cpu")?;
        let unit = Tensor::ones(&device, &[2]).diag_embed(0);
        let codes = Tensor::from_slice(&device, &[2.0f32, 0.0, 0.0, -1.0], &[2, 2])?;
        let start = Tensor::from_slice(&device, &[0.6f32, 0.8, 0.8, 0.6], &[2, 2])?;
        assert_eq!(dictionary_step(&codes, &start, &codes)?.to_vec::<f32>()?, unit.to_vec::<f32>()?);
        Ok(())
    }
}
