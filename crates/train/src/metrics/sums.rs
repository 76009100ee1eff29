//! Sums on a device that do not lose small addends.

use autograd::{Device, Tensor};

use crate::Result;

/// f32 sums with what rounding took from them (Knuth's two-sum): together about twice the digits. A driver that reorders
/// floating-point operations leaves the digits of f32.
pub(super) struct Sums {
    sum: Tensor,
    lost: Tensor,
}

impl Sums {
    pub fn new(device: &Device, len: usize) -> Result<Sums> {
        let zeros = || Tensor::from_slice(device, &vec![0f32; len], &[len]);
        Ok(Sums { sum: zeros()?, lost: zeros()? })
    }

    /// Adds f32 numbers `[len]`.
    pub fn add(&mut self, batch: &Tensor) {
        let sum = &self.sum + batch;
        let added = &sum - &self.sum;
        let lost = (&self.sum - (&sum - &added)) + (batch - &added);
        self.lost = &self.lost + lost;
        self.sum = sum;
    }

    pub fn read(&self) -> Result<Vec<f64>> {
        let (sum, lost) = (self.sum.fetch()?, self.lost.fetch()?);
        let (sum, lost) = (sum.to_vec::<f32>()?, lost.to_vec::<f32>()?);
        Ok(sum.iter().zip(lost).map(|(&sum, lost)| f64::from(sum) + f64::from(lost)).collect())
    }

    pub fn reset(&mut self) -> Result<()> {
        *self = Sums::new(self.sum.device(), self.sum.numel())?;
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
