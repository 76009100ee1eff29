//! Subsampling after a blur (Zhang 2019, "Making convolutional networks shift-invariant again").

use autograd::{Padding, Tensor};

/// Blurs `[N, C, H, W]` with a binomial filter of `size` x `size`, mirroring the edges, and takes every `stride`th pixel.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::BlurPool;
/// let x = Tensor::from_slice(&Device::named("cpu")?, &[0.0f32, 4.0, 0.0, 0.0, 4.0, 0.0, 0.0, 4.0, 0.0], &[1, 1, 3, 3])?;
/// // (1, 2, 1) / 4 over each row: by mirroring, the first and last pixels count the bright one twice.
/// assert_eq!(BlurPool::new(3, 2).forward(&x).to_vec::<f32>()?, [2.0; 4]);
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct BlurPool {
    /// The filter along one side; the weights sum to 1.
    filter: Vec<f32>,
    stride: usize,
}

impl BlurPool {
    /// The paper's sizes are 2 to 7.
    ///
    /// # Panics
    /// When size or stride is 0.
    #[track_caller]
    pub fn new(size: usize, stride: usize) -> BlurPool {
        assert!(size > 0 && stride > 0, "BlurPool: size {size}, stride {stride}");
        // A row of Pascal's triangle.
        let row = (1..size).fold(vec![1.0], |row: Vec<f32>, _| {
            let sum = |i: usize| row.get(i).unwrap_or(&0.0) + if i > 0 { row[i - 1] } else { 0.0 };
            (0..=row.len()).map(sum).collect()
        });
        let sum: f32 = row.iter().sum();
        BlurPool { filter: row.into_iter().map(|w| w / sum).collect(), stride }
    }

    /// # Panics
    /// When `x` is not `[N, C, H, W]`, or has too few pixels to mirror.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        assert!(x.rank() == 4, "BlurPool: input {:?}, not [N, C, H, W]", x.shape());
        let (k, channels) = (self.filter.len(), x.shape()[1]);
        let large = x.shape()[2..].iter().all(|&n| n > k / 2);
        assert!(large, "BlurPool: input {:?} for a filter of size {k}", x.shape());
        let around = (((k - 1) / 2) as isize, (k / 2) as isize);
        let filter = Tensor::constant(x.device(), &self.filter, &[k]);
        let filter = filter.outer(&filter).reshape(&[1, 1, k, k]).expand(&[channels, 1, k, k]);
        let x = x.pad(&[around; 2], Padding::Reflect);
        x.conv2d(&filter, None, [self.stride; 2], [0; 2], [1; 2], channels)
    }
}
