//! Batches on a device.

use autograd::{Device, Tensor};

use crate::npy::{Array, Values};
use crate::{Batch, Matrix, TextBatch};

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

impl Matrix {
    /// Copies the rows to a device, f32 `[N, F]`.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let matrix = data::Matrix::new(vec![1.0, 2.0, 3.0, 4.0], 2)?;
    /// let tensor = matrix.to_device(&autograd::Device::named("cpu")?)?;
    /// assert_eq!((tensor.shape(), tensor.to_vec::<f32>()?), (&[2, 2][..], vec![1.0, 2.0, 3.0, 4.0]));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Out of memory.
    pub fn to_device(&self, device: &Device) -> autograd::Result<Tensor> {
        Tensor::from_slice(device, self.values(), &[self.rows(), self.columns()])
    }
}

impl Array {
    /// Copies the array to a device, f32 or i32 of its shape.
    ///
    /// # Errors
    /// Out of memory.
    ///
    /// # Panics
    /// Where there are not as many values as the shape says; arrays that were read have them.
    #[track_caller]
    pub fn to_device(&self, device: &Device) -> autograd::Result<Tensor> {
        match &self.values {
            Values::F32(values) => Tensor::from_slice(device, values, &self.shape),
            Values::I32(values) => Tensor::from_slice(device, values, &self.shape),
        }
    }
}
