//! Rows of tables as examples.

use autograd::{Device, Tensor};

use crate::batches::Examples;
use crate::error::Result;
use crate::matrix::Matrix;
use crate::targets::Targets;

/// Features and targets, row by row.
///
/// ```
/// use std::sync::Arc;
/// use autograd::Device;
/// use data::{BatchOptions, Batches, Encoder, Encoding, Rows, Source, Table, TableOptions, Targets};
///
/// let text = b"size,colour,price\n1,red,10\n2,blue,12\n3,red,9\n";
/// let table = Table::parse(text, "shop.csv", &TableOptions::default())?;
/// let encoder = Encoder::fit(&table, &[0, 1, 2], &["size", "colour"], Encoding::OneHot)?;
/// let prices = Targets::Numbers(data::Matrix::new(table.targets("price")?, 1)?);
/// let rows = Rows::new(encoder.transform(&table)?, prices)?;
/// let batches = Batches::new(Arc::new(rows), BatchOptions::train(2))?;
/// let batch = batches.batches(0, 0).next().unwrap().to_device(&Device::named("cpu")?)?;
/// assert_eq!((batch.features.shape(), batch.targets.shape()), (&[2, 3][..], &[2, 1][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "TensorDataset")]
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    features: Matrix,
    targets: Targets,
}

/// Several rows.
#[derive(Debug, Clone, PartialEq)]
pub struct RowBatch {
    /// `[B, F]`
    pub features: Matrix,
    /// `[B]` or `[B, K]`
    pub targets: Targets,
    /// The rows' places, `[B]`.
    pub indices: Vec<u32>,
}

/// Rows as tensors.
#[derive(Debug, Clone)]
pub struct DeviceRows {
    /// f32 `[B, F]`.
    pub features: Tensor,
    /// Classes, i32 `[B]`, or numbers, f32 `[B, K]`.
    pub targets: Tensor,
}

impl Rows {
    /// `features` `[N, F]` with N targets.
    ///
    /// # Errors
    /// [`Error::Examples`](crate::Error::Examples) if there are not as many targets as rows.
    pub fn new(features: Matrix, targets: Targets) -> Result<Rows> {
        targets.check(features.rows())?;
        Ok(Rows { features, targets })
    }
}

impl Examples for Rows {
    type Batch = RowBatch;

    fn len(&self) -> usize {
        self.features.rows()
    }

    fn collate(&self, indices: &[u32]) -> RowBatch {
        RowBatch {
            features: self.features.pick(indices),
            targets: self.targets.pick(indices),
            indices: indices.to_vec(),
        }
    }
}

impl RowBatch {
    /// Copies the batch to a device.
    ///
    /// # Errors
    /// Out of memory.
    pub fn to_device(&self, device: &Device) -> autograd::Result<DeviceRows> {
        Ok(DeviceRows {
            features: self.features.to_device(device)?,
            targets: self.targets.to_device(device)?,
        })
    }
}
