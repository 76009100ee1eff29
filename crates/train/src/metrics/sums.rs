//! Compensated sums on a device.

use autograd::{Device, Tensor};

use super::streamed::Streamed;
use crate::Result;

/// f32 sums with their rounding errors (Knuth's two-sum), together about twice the precision of f32. If a driver reorders
/// floating-point operations, only the precision of f32 remains.
pub(super) struct Sums {
    sum: Streamed,
    lost: Streamed,
}

impl Sums {
    pub fn new(device: &Device, len: usize) -> Result<Sums> {
        let zeros = || Streamed::new(device, &vec![0f32; len]);
        Ok(Sums { sum: zeros()?, lost: zeros()? })
    }

    /// Adds f32 numbers `[len]`.
    pub fn add(&mut self, batch: &Tensor) {
        let before = self.sum.value();
        let sum = &before + batch;
        let added = &sum - &before;
        let lost = (before - (&sum - &added)) + (batch - &added);
        self.lost.update(&(self.lost.value() + lost));
        self.sum.update(&sum);
    }

    /// The sums `[len]` in the precision of f32.
    pub fn value(&self) -> Tensor {
        self.sum.value()
    }

    pub fn read(&self) -> Result<Vec<f64>> {
        let (sum, lost) = (self.sum.value().fetch()?, self.lost.value().fetch()?);
        let (sum, lost) = (sum.to_vec::<f32>()?, lost.to_vec::<f32>()?);
        Ok(sum.iter().zip(lost).map(|(&sum, lost)| f64::from(sum) + f64::from(lost)).collect())
    }

    pub fn reset(&mut self) -> Result<()> {
        let sum = self.sum.value();
        *self = Sums::new(sum.device(), sum.numel())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_addends_are_kept() {
        for device in gpu_core::testing::devices() {
            let mut sums = Sums::new(&device, 1).unwrap();
            let mut add = |x: f32| sums.add(&Tensor::from_slice(&device, &[x], &[1]).unwrap());
            add(16_777_216.0);
            (0..5).for_each(|_| add(1.0));
            add(-16_777_216.0);
            assert_eq!(sums.read().unwrap(), [5.0], "{}", device.info());
        }
    }
}
