//! Random rows of tensors on the device.

use anyhow::Result;
use wgrad::data::Draws;
use wgrad::prelude::*;

/// The same `size` rows, drawn with replacement, of tensors that share their first dimension.
///
/// ```
/// use atlas::minibatch;
/// use wgrad::{data::Draws, prelude::*};
/// let device = Device::named("cpu")?;
/// let x = Tensor::from_slice(&device, &[0.0f32, 1.0, 2.0], &[3, 1])?;
/// let [a, b] = minibatch(&mut Draws::new(1, 0, 0), 8, [&x, &(&x * 2.0)])?;
/// assert_eq!(a.shape(), [8, 1]);
/// assert_eq!((&a * 2.0).to_vec::<f32>()?, b.to_vec::<f32>()?);
/// # Ok::<(), anyhow::Error>(())
/// ```
///
/// # Errors
/// Out of memory.
pub fn minibatch<const N: usize>(draws: &mut Draws, size: usize, of: [&Tensor; N]) -> Result<[Tensor; N]> {
    let rows: Vec<i32> = (0..size).map(|_| draws.below(of[0].shape()[0] as u32) as i32).collect();
    let rows = Tensor::from_slice(of[0].device(), &rows, &[size])?;
    Ok(of.map(|tensor| tensor.index_select(0, &rows)))
}
