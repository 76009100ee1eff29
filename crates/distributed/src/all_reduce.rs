//! The weighted sum over ranks as a part of a plan.

use std::sync::Arc;

use gpu_core::{HostCall, HostResult};

use crate::link::{GONE, Link};

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
            let sum = sum.recv().unwrap_or_else(|_| Err(GONE.into()))?;
            out.copy_from_slice(&sum);
            Ok(())
        })
    }
}
