//! Batches on a device.

use autograd::{Device, Tensor};

use crate::error::{Error, Result};
use crate::npy::{Array, Values};
use crate::synthetic::{LabelledGraph, LabelledPoints};
use crate::{Batch, ImageSet, Matrix, TextBatch};

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
    /// [`Error::Batch`] if an image of the batch could not be read; out of memory.
    pub fn to_device(&self, device: &Device) -> Result<DeviceBatch> {
        if let Some(error) = &self.error {
            return Err(Error::Batch(error.clone()));
        }
        Ok(DeviceBatch {
            images: Tensor::from_slice(device, &self.images, &self.shape)?,
            labels: class_indices(device, &self.labels)?,
        })
    }
}

impl ImageSet {
    /// Copies the whole set to a device, for small ones: pixels from 0 to 1, f32 `[N, C, H, W]`, and class indices, i32 `[N]`.
    ///
    /// # Errors
    /// Out of memory.
    pub fn to_device(&self, device: &Device) -> autograd::Result<DeviceBatch> {
        let pixels: Vec<f32> = self.pixels().iter().map(|&p| f32::from(p) / 255.0).collect();
        let [c, h, w] = self.shape();
        Ok(DeviceBatch {
            images: Tensor::from_slice(device, &pixels, &[self.len(), c, h, w])?,
            labels: class_indices(device, self.labels())?,
        })
    }
}

impl LabelledPoints {
    /// Copies the points to a device: f32 `[N, 2]`, and class indices, i32 `[N]`.
    ///
    /// # Errors
    /// Out of memory.
    pub fn to_device(&self, device: &Device) -> autograd::Result<[Tensor; 2]> {
        Ok([self.x.to_device(device)?, class_indices(device, &self.labels)?])
    }
}

impl LabelledGraph {
    /// Copies the nodes to a device: f32 features `[nodes, F]`, and class indices, i32 `[nodes]`.
    ///
    /// # Errors
    /// Out of memory.
    pub fn to_device(&self, device: &Device) -> autograd::Result<[Tensor; 2]> {
        Ok([self.x.to_device(device)?, class_indices(device, &self.labels)?])
    }
}

fn class_indices(device: &Device, labels: &[u32]) -> autograd::Result<Tensor> {
    let labels: Vec<i32> = labels.iter().map(|&l| l as i32).collect();
    Tensor::from_slice(device, &labels, &[labels.len()])
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
    /// If there are not as many values as the shape says; arrays that were read have them.
    #[track_caller]
    pub fn to_device(&self, device: &Device) -> autograd::Result<Tensor> {
        match &self.values {
            Values::F32(values) => Tensor::from_slice(device, values, &self.shape),
            Values::I32(values) => Tensor::from_slice(device, values, &self.shape),
        }
    }
}
