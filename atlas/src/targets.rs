//! Labels and other targets of the studies, which can all be shuffled. A study that passes nevertheless asserts nothing about what is learnt from
//! them.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use wgrad::data::{Draws, ImageSet};
use wgrad::prelude::*;

static SHUFFLED: AtomicBool = AtomicBool::new(false);

/// From now on, studies get their training targets in random order.
pub fn shuffle_targets() {
    SHUFFLED.store(true, Ordering::Relaxed);
}

pub(crate) fn shuffled() -> bool {
    SHUFFLED.load(Ordering::Relaxed)
}

/// The training targets `y [N, ..]` of a study, in random order if [targets are shuffled](shuffle_targets).
///
/// ```
/// use atlas::prelude::*;
/// let device = Device::named("cpu")?;
/// let labels = Tensor::from_slice(&device, &[0i32, 1, 2], &[3])?;
/// assert_eq!(targets(&labels)?.to_vec::<i32>()?, [0, 1, 2]);
/// # Ok::<(), anyhow::Error>(())
/// ```
///
/// # Errors
/// Out of memory.
pub fn targets(y: &Tensor) -> Result<Tensor> {
    if !shuffled() {
        return Ok(y.clone());
    }
    let mut order: Vec<i32> = (0..y.shape()[0] as i32).collect();
    shuffle(&mut order);
    Ok(y.index_select(0, &Tensor::from_slice(y.device(), &order, &[order.len()])?))
}

/// Shuffles what belongs to the examples of a data set, if [targets are shuffled](shuffle_targets).
pub(crate) fn shuffle<T>(of: &mut [T]) {
    if shuffled() {
        Draws::new(7, 0, 0).shuffle(of);
    }
}

/// The same images with labels in random order, if [targets are shuffled](shuffle_targets).
pub(crate) fn shuffle_labels(set: ImageSet) -> wgrad::data::Result<ImageSet> {
    if !shuffled() {
        return Ok(set);
    }
    let mut labels = set.labels().to_vec();
    shuffle(&mut labels);
    ImageSet::new(set.pixels().to_vec(), labels, set.classes().clone(), set.shape())
}
