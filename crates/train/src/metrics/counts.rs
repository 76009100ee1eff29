//! Exact counts on a device.

use autograd::{DType, Device, Tensor};

use super::streamed::Streamed;
use crate::Result;

/// The base of the two words of a count.
const WORD: u64 = 1 << 30;

/// Counters that are exact up to 2^61. f32 is inexact above 2^24 and i32 overflows at 2^31, so that each counter has two i32
/// words of base 2^30.
pub(super) struct Counts {
    low: Streamed,
    high: Streamed,
}

impl Counts {
    pub fn new(device: &Device, len: usize) -> Result<Counts> {
        let zeros = || Streamed::new(device, &vec![0i32; len]);
        Ok(Counts { low: zeros()?, high: zeros()? })
    }

    /// Adds i32 counts `[len]`, each below 2^30.
    pub fn add(&mut self, batch: &Tensor) {
        let low = self.low.value() + batch;
        let carry = low.ge(WORD as i32).to(DType::I32);
        self.high.update(&(self.high.value() + &carry));
        self.low.update(&(low - carry * WORD as i32));
    }

    pub fn read(&self) -> Result<Vec<u64>> {
        let (low, high) = (self.low.value().fetch()?, self.high.value().fetch()?);
        let (low, high) = (low.to_vec::<i32>()?, high.to_vec::<i32>()?);
        Ok(low.iter().zip(high).map(|(&low, high)| high as u64 * WORD + low as u64).collect())
    }

    pub fn reset(&mut self) -> Result<()> {
        let low = self.low.value();
        *self = Counts::new(low.device(), low.numel())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_carry() {
        for device in gpu_core::testing::devices() {
            let mut counts = Counts::new(&device, 2).unwrap();
            let batch = Tensor::from_slice(&device, &[(1 << 30) - 1, 1i32], &[2]).unwrap();
            (0..5).for_each(|_| counts.add(&batch));
            assert_eq!(counts.read().unwrap(), [5 * ((1 << 30) - 1), 5], "{}", device.info());
        }
    }
}
