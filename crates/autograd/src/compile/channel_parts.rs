//! On a GPU, the launch that stores a tensor also computes partial moments or sums of its channels, if it can: batch norm's reductions
//! then read only these partial results from memory.

use std::any::Any;
use std::sync::Arc;

use gpu_core::kernels::{ChannelMoments, ChannelReduction, ChannelSums, WithParts};
use gpu_core::{Access, Arg, Kernel, Launch, Role, Target};

use super::fuse;
use super::place::{SlotKind, VirtualSlot};
use super::schedule::{Step, Touched, overlap};

/// Splits reductions into a first stage, computed by an earlier launch, and a launch that combines the parts.
pub(super) fn split_reductions(steps: &mut [Step], slots: &mut Vec<VirtualSlot>, target: Target) {
    if target == Target::Cpu || !fuse::enabled() {
        return;
    }
    for at in 0..steps.len() {
        if let Some((producer, both, combine)) = split(steps, at, slots, target) {
            (steps[producer], steps[at]) = (Step::Kernel(both), Step::Kernel(combine));
        }
    }
}

/// Whether a kernel is a reduction that may be split.
pub(super) fn splits(kernel: &dyn Kernel) -> bool {
    reduction(kernel).is_some()
}

fn reduction(kernel: &dyn Kernel) -> Option<ChannelReduction> {
    let any = kernel as &dyn Any;
    let moments =
        any.downcast_ref::<ChannelMoments>().map(|m| ChannelReduction::Moments(Box::new(m.clone())));
    let sums = || any.downcast_ref::<ChannelSums>().map(|s| ChannelReduction::Sums(Box::new(s.clone())));
    moments.or_else(sums)
}

/// If step `at` is a reduction that can be split: the step that produces its operand, the launch of both, and the launch that combines
/// the parts.
fn split(
    steps: &[Step],
    at: usize,
    slots: &mut Vec<VirtualSlot>,
    target: Target,
) -> Option<(usize, Launch, Launch)> {
    let Step::Kernel(launch) = &steps[at] else { return None };
    let reduction = reduction(&**launch.kernel())?;
    let (reads, rest) = launch.args().split_at(reduction.reads());
    let writes = |step: &Step| Touched::by(step).writes;
    let producer = steps[..at].iter().rposition(|step| overlap(&writes(step), reads))?;
    let Step::Kernel(before) = &steps[producer] else { return None };
    let kernel = before.kernel();
    let count = kernel.parts()?.count();
    let access = kernel.access();
    let result = before.args()[access.iter().rposition(|&a| a == Access::Write)?];
    // The other operands of the reduction have to be computed before the producer runs.
    let mut others = reads.iter().filter(|&arg| *arg != result);
    if others.any(|arg| overlap(&writes(&steps[producer]), &[*arg])) {
        return None;
    }
    let (own, scratch) = before.args().split_at(access.len());
    let mut args = own.to_vec();
    let mut place = |arg: &Arg| {
        let bound = |i: &usize| args[*i] == *arg && access.get(*i).is_none_or(|a| *a == Access::Read);
        (0..args.len()).find(bound).unwrap_or_else(|| {
            args.push(*arg);
            args.len() - 1
        })
    };
    let places = reads.iter().map(|arg| (*arg != result).then(|| place(arg))).collect();
    let combine = reduction.combine(count);
    let parts = Arg { slot: slots.len(), offset: 0, bytes: combine.bytes() };
    let both = WithParts::new(kernel.clone(), reduction, places)?;
    args.push(parts);
    args.extend(scratch);
    let both = Launch::new(Arc::new(both), args);
    let fits = both.args().len() <= target.arguments() && both.bound_twice(target).is_none();
    if !fits {
        return None;
    }
    slots.push(VirtualSlot { kind: SlotKind::Temp, bytes: parts.bytes, role: Role::Activation });
    let combine = Launch::new(Arc::new(combine), [&[parts], &rest[..2]].concat());
    Some((producer, both, combine))
}
