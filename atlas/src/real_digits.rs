//! Real digits on the device.

use anyhow::Result;
use wgrad::prelude::*;

use crate::{Lab, Table, targets};

/// [`Table::digits`] with grey levels from 0 to 1: rows `[N, 64]` and classes `[N]`, i32.
pub struct RealDigits {
    /// 1437 digits, whose classes are in random order if [targets are shuffled](crate::shuffle_targets).
    pub train: (Tensor, Tensor),
    /// 360 digits of other writers.
    pub test: (Tensor, Tensor),
}

impl RealDigits {
    /// The number of digits to train with.
    pub const TRAIN: usize = 1437;
    /// The number of digits to test with.
    pub const TEST: usize = 360;
}

impl Lab {
    /// The real digits of the fixtures, on the study's device.
    ///
    /// # Errors
    /// Files that are not there, and those of the device.
    pub fn real_digits(&self) -> Result<RealDigits> {
        let (x, y) = Table::digits()?.to_device(self.device())?;
        let part = |of: &Tensor, start, count| of.narrow(0, start, count).detach();
        let x = (x / 16.0).detach();
        let (train, test) = (RealDigits::TRAIN, RealDigits::TEST);
        Ok(RealDigits {
            train: (part(&x, 0, train), targets(&part(&y, 0, train))?),
            test: (part(&x, train, test), part(&y, train, test)),
        })
    }
}
