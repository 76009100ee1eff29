//! Weight normalisation (Salimans and Kingma 2016) and spectral normalisation (Miyato et al. 2018).

use crate::Tensor;

impl Tensor {
    /// `g v / ||v||` with directions `v`, which are `self`, and lengths `g`. The norm is over all dimensions but `dim`, and `g` is
    /// `[1, .., n, .., 1]` with a length for each position along `dim`; without `dim` it is over all dimensions, and `g` is a scalar.
    ///
    /// # Panics
    /// When the shapes do not fit.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let device = Device::named("cpu")?;
    /// let v = Tensor::from_slice(&device, &[3.0f32, 4.0, 0.0, 2.0], &[2, 2])?;
    /// let g = Tensor::from_slice(&device, &[10.0f32, 1.0], &[2, 1])?;
    /// assert_eq!(v.weight_norm(&g, Some(0)).to_vec::<f32>()?, [6.0, 8.0, 0.0, 1.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn weight_norm(&self, g: &Tensor, dim: Option<isize>) -> Tensor {
        let lengths = self.lengths(dim);
        assert!(g.shape() == lengths.shape(), "weight_norm: lengths {:?} for {:?}", g.shape(), self.shape());
        self * (g / lengths)
    }

    /// The norms over all dimensions but `dim`: the lengths with which [`weight_norm`](Tensor::weight_norm) leaves `self` unchanged.
    ///
    /// # Panics
    /// When there is no such dimension.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let v = Tensor::from_slice(&Device::named("cpu")?, &[3.0f32, 4.0, 0.0, 2.0], &[2, 2])?;
    /// assert_eq!(v.lengths(Some(0)).to_vec::<f32>()?, [5.0, 2.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn lengths(&self, dim: Option<isize>) -> Tensor {
        let mut dims: Vec<isize> = (0..self.rank() as isize).collect();
        if let Some(dim) = dim {
            dims.remove(self.dim("weight_norm", dim));
        }
        self.norm(2.0, &dims, dim.is_some())
    }

    /// The vectors `u` and `v` of the largest singular value of the matrix `W`, which is `self` with `dim` first and the other
    /// dimensions flattened. Starting from `u`, as long as `dim`, the power iteration repeats `v = W^T u / ||W^T u||`,
    /// `u = W v / ||W v||` for `steps` steps. No gradients flow through the vectors.
    ///
    /// # Panics
    /// When the length of `u` is not the size of `dim`, or `steps` is 0.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let device = Device::named("cpu")?;
    /// let w = Tensor::from_slice(&device, &[3.0f32, 0.0, 0.0, 1.0], &[2, 2])?;
    /// let (u, v) = w.singular_vectors(&Tensor::ones(&device, &[2]), 0, 20, 1e-12);
    /// assert_eq!((u.to_vec::<f32>()?[0], v.to_vec::<f32>()?[0]), (1.0, 1.0));
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn singular_vectors(&self, u: &Tensor, dim: isize, steps: usize, eps: f32) -> (Tensor, Tensor) {
        let w = self.detach().rows_of(dim);
        let fits = u.shape() == [w.size(0)] && steps > 0;
        assert!(fits, "singular_vectors: {steps} steps from {:?} for {:?}", u.shape(), self.shape());
        let unit = |x: Tensor| x.normalize(2.0, 0, eps);
        let (mut u, mut v) = (u.detach(), None);
        for _ in 0..steps {
            let right = unit(w.t().matmul(&u));
            u = unit(w.matmul(&right));
            v = Some(right);
        }
        (u, v.expect("a step"))
    }

    /// `self` divided by its spectral norm `u^T W v`, given the [`singular_vectors`](Tensor::singular_vectors).
    ///
    /// # Panics
    /// When the shapes do not fit.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let device = Device::named("cpu")?;
    /// let w = Tensor::from_slice(&device, &[4.0f32, 0.0, 0.0, 1.0], &[2, 2])?;
    /// let (u, v) = w.singular_vectors(&Tensor::ones(&device, &[2]), 0, 20, 1e-12);
    /// assert_eq!(w.spectral_norm(&u, &v, 0).to_vec::<f32>()?, [1.0, 0.0, 0.0, 0.25]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn spectral_norm(&self, u: &Tensor, v: &Tensor, dim: isize) -> Tensor {
        let w = self.rows_of(dim);
        let fits = u.shape() == [w.size(0)] && v.shape() == [w.size(1)];
        assert!(fits, "spectral_norm: vectors {:?} and {:?} for {:?}", u.shape(), v.shape(), self.shape());
        self / u.dot(&w.matmul(v))
    }

    /// The matrix with `dim` first and the other dimensions flattened.
    #[track_caller]
    fn rows_of(&self, dim: isize) -> Tensor {
        assert!(self.rank() >= 2, "spectral_norm: of a weight of shape {:?}", self.shape());
        self.movedim(dim, 0).flatten(1, -1)
    }
}
