//! Random rows of tensors on the device.

use anyhow::Result;
use wgrad::data::Draws;
use wgrad::prelude::*;

use crate::targets::shuffled;

/// The same `size` rows, drawn with replacement, of tensors that share their first dimension; if [targets are
/// shuffled](crate::shuffle_targets), the tensors after the first have other rows than it.
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
    let mut draw = || -> Result<Tensor> {
        let rows: Vec<i32> = (0..size).map(|_| draws.below(of[0].shape()[0] as u32) as i32).collect();
        Ok(Tensor::from_slice(of[0].device(), &rows, &[size])?)
    };
    let rows = draw()?;
    let others = if N > 1 && shuffled() { draw()? } else { rows.clone() };
    let mut rows = std::iter::once(rows).chain(std::iter::repeat(others));
    Ok(of.map(|tensor| tensor.index_select(0, &rows.next().expect("endless"))))
}
