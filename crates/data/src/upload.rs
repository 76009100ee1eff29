//! Batches on a device.

use autograd::{Device, Tensor};

use crate::{Batch, TextBatch};

/// A batch as tensors.
#[derive(Clone, Debug)]
pub struct DeviceBatch {
    /// Normalised pixels, f32 `[B, C, H, W]`.
    pub images: Tensor,
    /// Class indices, i32 `[B]`.
    pub labels: Tensor,
}

impl Batch {
    /// Copies the batch to a device.
    ///
    /// # Errors
    /// Out of memory.
    pub fn to_device(&self, device: &Device) -> autograd::Result<DeviceBatch> {
        let labels: Vec<i32> = self.labels.iter().map(|&l| l as i32).collect();
        Ok(DeviceBatch {
            images: Tensor::from_slice(device, &self.images, &self.shape)?,
            labels: Tensor::from_slice(device, &labels, &[labels.len()])?,
        })
    }
}

impl TextBatch {
    /// Copies the batch to a device: tokens, and the tokens that follow each, i32 `[windows, length]`.
    ///
    /// # Errors
    /// Out of memory.
    pub fn to_device(&self, device: &Device) -> autograd::Result<[Tensor; 2]> {
        let tensor = |tokens: &[i32]| Tensor::from_slice(device, tokens, &self.shape);
        Ok([tensor(&self.tokens)?, tensor(&self.next)?])
    }
}
