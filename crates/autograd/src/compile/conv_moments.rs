//! On the CPU, a convolution computes mean and variance of its output channels while a plane is in the cache, so that the reduction of
//! a batch norm after it needs no launch of its own.

use std::any::Any;
use std::sync::Arc;

use gpu_core::kernels::{ChannelMoments, Conv2d, Packed};
use gpu_core::{Kernel, Launch, Target};

use super::fuse;
use super::schedule::{Step, overlap};

/// Removes reductions that earlier convolutions can compute.
pub(super) fn fuse_moments(steps: &mut Vec<Step>, target: Target) {
    if target == Target::Gpu || !fuse::enabled() {
        return;
    }
    let mut at = 0;
    while at < steps.len() {
        match taken_over(&steps[..at], &steps[at]) {
            Some((producer, both)) => {
                steps[producer] = Step::Kernel(both);
                steps.remove(at);
            }
            None => at += 1,
        }
    }
}

/// If `step` is the reduction of a convolution's output: the index of the convolution's step, and a launch that computes both.
fn taken_over(before: &[Step], step: &Step) -> Option<(usize, Launch)> {
    let Step::Kernel(reduction) = step else { return None };
    let moments: &ChannelMoments = (&**reduction.kernel() as &dyn Any).downcast_ref()?;
    let &[x, mean, var, ..] = reduction.args() else { return None };
    let producer = before.iter().rposition(|s| overlap(&s.ranges().1, &[x]))?;
    let Step::Kernel(launch) = &before[producer] else { return None };
    let output = launch.args().iter().position(|arg| *arg == x)?;
    let both = with_moments(&**launch.kernel(), moments)?;
    let (own, scratch) = launch.args().split_at(output + 1);
    let both = Launch::new(both, [own, &[mean, var], scratch].concat());
    both.bound_twice(Target::Cpu).is_none().then_some((producer, both))
}

/// The convolution, which may be packed, with the moments of its output.
fn with_moments(conv: &dyn Kernel, moments: &ChannelMoments) -> Option<Arc<dyn Kernel>> {
    match (conv as &dyn Any).downcast_ref::<Packed>() {
        Some(packed) => Some(Arc::new(packed.with_moments(moments)?)),
        None => Some(Arc::new((conv as &dyn Any).downcast_ref::<Conv2d>()?.with_moments(moments)?)),
    }
}
