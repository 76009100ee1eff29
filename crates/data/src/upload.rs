//! Batches on a device.

use autograd::{Device, Tensor};

use crate::Batch;

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
