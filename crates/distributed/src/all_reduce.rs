//! The weighted sum over ranks as a part of a plan.

use std::sync::{Arc, PoisonError};

use gpu_core::{HostCall, HostResult};

use crate::compression::{Compression, Compressor, Kept, add};
use crate::link::Link;

/// The sum over all ranks of each rank's values times its weight.
#[derive(Debug)]
pub(crate) struct AllReduce {
    pub link: Link,
    /// What the values are, as in `gradients, bucket 2`.
    pub what: String,
    pub weight: f32,
}

impl HostCall for AllReduce {
    fn describe(&self) -> String {
        format!("all-reduce of {} by {}", self.what, self.weight)
    }

    /// Every rank's loss depends on the result: the mean of the losses has the weighted sum of their gradients.
    fn gradient(&self) -> Option<Arc<dyn HostCall>> {
        let what = format!("{}, gradient", self.what);
        Some(Arc::new(AllReduce { link: self.link.clone(), what, weight: self.weight }))
    }

    fn start(&self, input: &[f32]) -> HostResult {
        let weighted = input.iter().map(|value| self.weight * value).collect();
        let sum = self.link.sum(&self.what, weighted);
        Box::new(move |out| {
            out.copy_from_slice(&sum.wait()?);
            Ok(())
        })
    }
}

/// The same of compressed values: every rank sends its own to all others.
#[derive(Debug)]
pub(crate) struct CompressedReduce {
    pub link: Link,
    pub what: String,
    pub weight: f32,
    pub number: usize,
    pub compression: Compression,
    /// What earlier steps have lost, known from the first step on.
    pub compressor: Kept,
}

impl HostCall for CompressedReduce {
    fn describe(&self) -> String {
        format!("all-reduce of {} by {}, {:?} {}", self.what, self.weight, self.compression, self.number)
    }

    fn start(&self, input: &[f32]) -> HostResult {
        let weighted: Vec<f32> = input.iter().map(|value| self.weight * value).collect();
        let bytes = {
            let mut compressor = self.compressor.lock().unwrap_or_else(PoisonError::into_inner);
            compressor.get_or_insert_with(|| Compressor::new(self.compression, input.len())).encode(&weighted)
        };
        let (all, compression) = (self.link.gather(&self.what, bytes), self.compression);
        Box::new(move |out| {
            out.fill(0.0);
            for bytes in all.wait()? {
                add(compression, &bytes, 1.0, out);
            }
            Ok(())
        })
    }
}
