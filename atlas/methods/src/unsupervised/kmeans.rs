//! k-means on the device.

use autograd::{Generator, Tensor};

/// Cluster centres `[K, D]` by Lloyd's algorithm (1982), with the initialisation of k-means++ (Arthur and Vassilvitskii 2007).
///
/// ```
/// use autograd::{Device, Generator, Tensor};
/// use methods::unsupervised::KMeans;
/// let device = Device::named("cpu")?;
/// let x = Tensor::from_slice(&device, &[0.0f32, 1.0, 10.0, 11.0, 12.0, 2.0], &[6, 1])?;
/// let mut means = KMeans::plus_plus(&x, 2, &Generator::new(1));
/// (0..3).for_each(|_| { means.step(&x); });
/// let mut centres = means.centres().to_vec::<f32>()?;
/// centres.sort_by(f32::total_cmp);
/// assert_eq!(centres, [1.0, 11.0]);
/// assert_eq!(means.inertia(&x).item()?, 4.0);
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct KMeans {
    centres: Tensor,
}

impl KMeans {
    /// Starts from the given centres `[K, D]`.
    ///
    /// # Panics
    /// When they are not a matrix.
    #[track_caller]
    pub fn new(centres: &Tensor) -> KMeans {
        assert_eq!(centres.rank(), 2, "KMeans: centres {:?}", centres.shape());
        KMeans { centres: centres.detach() }
    }

    /// Starts from `k` of the points `x [N, D]`: the first is drawn uniformly, each further one with probability proportional to the
    /// squared distance to the nearest centre so far.
    ///
    /// # Panics
    /// When there are fewer than `k` points, or `x` is not a matrix.
    #[track_caller]
    pub fn plus_plus(x: &Tensor, k: usize, generator: &Generator) -> KMeans {
        assert!(x.rank() == 2 && (1..=x.shape()[0]).contains(&k), "KMeans: {k} of points {:?}", x.shape());
        let n = x.shape()[0];
        // Gumbel-max sampling: the argmax of log weights plus Gumbel noise is a draw by the weights.
        let draw = |weights: &Tensor| {
            let gumbel = -(-generator.uniform(x.device(), &[n]).clamp_min(1e-20).log()).log();
            x.index_select(0, &(weights.log() + gumbel).argmax(0, true))
        };
        let mut means = KMeans { centres: draw(&Tensor::ones(x.device(), &[n])) };
        for _ in 1..k {
            let next = draw(&means.squared_distances(x).amin(&[1], false));
            means.centres = autograd::cat(&[&means.centres, &next], 0);
        }
        means
    }

    /// `[K, D]`
    pub fn centres(&self) -> &Tensor {
        &self.centres
    }

    /// Squared distances `[N, K]` of points `[N, D]`. Computed from differences, not as |x|^2 - 2 x c + |c|^2, to avoid cancellation.
    #[track_caller]
    fn squared_distances(&self, x: &Tensor) -> Tensor {
        (x.unsqueeze(1) - self.centres.unsqueeze(0)).square().sum(&[2], false)
    }

    /// The index of the nearest centre, i32 `[N]`, for points `x [N, D]`.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn assign(&self, x: &Tensor) -> Tensor {
        self.squared_distances(x).argmin(1, false)
    }

    /// The inertia: the sum of the squared distances of points `x [N, D]` to their nearest centres, which k-means minimises.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn inertia(&self, x: &Tensor) -> Tensor {
        self.squared_distances(x).amin(&[1], false).sum_all()
    }

    /// Lloyd's step on points `x [N, D]`: moves each centre to the mean of the points nearest to it; a centre without points stays. It
    /// never raises the inertia. Returns the inertia before the step.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn step(&mut self, x: &Tensor) -> Tensor {
        let k = self.centres.shape()[0];
        let (ids, inertia) = (self.assign(x), self.inertia(x));
        let counts = Tensor::ones(x.device(), &[x.shape()[0], 1]).segment_sum(&ids, k);
        self.centres = x.segment_mean(&ids, k).where_(&counts.gt(0.0), &self.centres);
        inertia
    }
}

#[cfg(test)]
mod tests {
    use autograd::Device;

    use super::*;

    #[test]
    fn a_centre_without_points_stays() -> autograd::Result<()> {
        let device = Device::named("cpu")?;
        let x = Tensor::from_slice(&device, &[0.0f32, 2.0], &[2, 1])?;
        let mut means = KMeans::new(&Tensor::from_slice(&device, &[0.5f32, 9.0], &[2, 1])?);
        assert_eq!(means.step(&x).item()?, 2.5);
        assert_eq!(means.centres().to_vec::<f32>()?, [1.0, 9.0]);
        assert_eq!(means.inertia(&x).item()?, 2.0);
        Ok(())
    }

    #[test]
    fn the_start_takes_no_point_twice() -> autograd::Result<()> {
        let device = Device::named("cpu")?;
        let values = [0.0f32, 1.0, 2.0, 3.0, 4.0];
        let x = Tensor::from_slice(&device, &values, &[5, 1])?;
        for seed in 0..20 {
            let mut centres = KMeans::plus_plus(&x, 5, &Generator::new(seed)).centres().to_vec::<f32>()?;
            centres.sort_by(f32::total_cmp);
            assert_eq!(centres, values);
        }
        Ok(())
    }
}
