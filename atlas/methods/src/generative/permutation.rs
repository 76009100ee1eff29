//! Dimensions in another order, between the layers of a flow.

use autograd::{Device, Tensor};

use super::Bijection;

/// Puts the numbers of rows `[N, D]` into another order, so that a coupling that follows halves them in another way: `z[i] = x[order[i]]`, with
/// log-determinant 0.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::generative::{Bijection, Permutation};
/// let device = Device::named("cpu")?;
/// let layer = Permutation::new(&device, &[2, 0, 1]);
/// let x = Tensor::from_slice(&device, &[5.0f32, 6.0, 7.0], &[1, 3])?;
/// assert_eq!(layer.forward(&x).0.to_vec::<f32>()?, [7.0, 5.0, 6.0]);
/// assert_eq!(layer.inverse(&layer.forward(&x).0).to_vec::<f32>()?, [5.0, 6.0, 7.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Permutation {
    order: Tensor,
    back: Tensor,
}

impl Permutation {
    /// # Panics
    /// When `order` does not have each index below its length once.
    #[track_caller]
    pub fn new(device: &Device, order: &[usize]) -> Permutation {
        let mut back = vec![usize::MAX; order.len()];
        for (to, &from) in order.iter().enumerate() {
            assert!(
                back.get(from) == Some(&usize::MAX),
                "Permutation: {from} is no index below {}, or is there twice",
                order.len()
            );
            back[from] = to;
        }
        let indices = |order: &[usize]| {
            let order: Vec<i32> = order.iter().map(|&i| i as i32).collect();
            Tensor::constant(device, &order, &[order.len()])
        };
        Permutation { order: indices(order), back: indices(&back) }
    }
}

impl Bijection for Permutation {
    fn forward(&self, x: &Tensor) -> (Tensor, Tensor) {
        (x.index_select(1, &self.order), Tensor::zeros(x.device(), &x.shape()[..1]))
    }

    fn inverse(&self, z: &Tensor) -> Tensor {
        z.index_select(1, &self.back)
    }
}
