//! Means over ranks: of gradients in buckets, and of tensors.

use std::sync::Arc;

use autograd::{Gradients, Tensor, flatten_all};

use crate::World;
use crate::all_reduce::AllReduce;
use crate::world::Compressed;

/// Least and most bytes of a bucket, and how many buckets a small network has: its exchange begins early, too.
const LEAST: usize = 1 << 18;
const MOST: usize = 25 << 20;
const BUCKETS: usize = 8;

impl World {
    /// The mean over ranks of gradients, loss and [outputs](Gradients::outputs), weighted by the ranks' [shares](World::with_share). The
    /// gradients of the last layers, which are known first, are exchanged while those of earlier layers are computed.
    ///
    /// All ranks need gradients of the same parameters.
    ///
    /// # Panics
    /// When the gradients are of no loss.
    #[doc(alias("DistributedDataParallel", "all_reduce", "no_sync"))]
    #[track_caller]
    pub fn mean(&self, gradients: &Gradients) -> Gradients {
        let root = gradients.root().expect("World::mean: gradients of no loss");
        let scalars: Vec<&Tensor> = std::iter::once(root).chain(gradients.outputs()).collect();
        let mut means = self.means("loss", &scalars, None).into_iter();
        let root = means.next().expect("the loss is the first");
        let mut variables: Vec<&Tensor> = gradients.variables().iter().rev().collect();
        let mut pairs: Vec<(Tensor, Tensor)> = vec![];
        let all: usize = variables.iter().map(|v| 4 * v.numel()).sum();
        let (limit, mut number) = ((all / BUCKETS).clamp(LEAST, MOST), 0);
        while !variables.is_empty() {
            let mut bytes = 0;
            let fits = |v: &&&Tensor| {
                bytes += 4 * v.numel();
                bytes <= limit
            };
            let count = variables.iter().take_while(fits).count().max(1);
            let bucket: Vec<&Tensor> = variables.drain(..count).collect();
            let known: Vec<&Tensor> =
                bucket.iter().map(|v| gradients.get(v).expect("it has a gradient")).collect();
            let mean = self.means(&format!("gradients, bucket {number}"), &known, self.compression());
            pairs.extend(bucket.into_iter().cloned().zip(mean));
            number += 1;
        }
        let mean = Gradients::from_pairs(pairs.into_iter().rev()).with_root(root);
        means.fold(mean, |mean, output| mean.with_output(&output))
    }

    /// The means over ranks of some tensors, exchanged together.
    #[track_caller]
    fn means(&self, what: &str, tensors: &[&Tensor], compression: Option<&Compressed>) -> Vec<Tensor> {
        let flat = match tensors {
            [one] => one.reshape(&[one.numel()]),
            _ => flatten_all(tensors, 1),
        };
        let mean = match compression.filter(|_| self.size() > 1) {
            Some(compressed) => flat.host_call(compressed.call(self, what)),
            None => self.mean_of(what, &flat),
        };
        let mut start = 0;
        let part = |t: &&Tensor| {
            start += t.numel();
            mean.narrow(0, start - t.numel(), t.numel()).reshape(t.shape())
        };
        tensors.iter().map(part).collect()
    }

    /// The mean over ranks of a tensor; gradients flow through it. `what` says what it is, and is the same on all ranks.
    #[track_caller]
    pub fn mean_of(&self, what: &str, x: &Tensor) -> Tensor {
        if self.size() == 1 {
            return x.clone();
        }
        let (link, what, weight) = (self.link().clone(), what.to_owned(), self.share());
        x.host_call(Arc::new(AllReduce { link, what, weight }))
    }
}
