//! An optimizer's launch stores the new parameters rounded to halves, too, so that the next step needs no launch for that.

use std::any::Any;
use std::sync::Arc;

use gpu_core::kernels::{AdamStep, Packed, SgdStep};
use gpu_core::{Arg, DType, Kernel, Launch, Role, Target};

use super::fuse;
use super::place::{SlotKind, VirtualSlot};
use super::schedule::{Step, overlap};

/// The number of the argument with the parameters.
const PARAM: usize = 3;

/// Joins steps that only round updated parameters to the launches that update them.
pub(super) fn join_rounding(steps: &mut Vec<Step>, slots: &mut Vec<VirtualSlot>, target: Target) {
    if !fuse::enabled() {
        return;
    }
    for at in 0.. {
        let Some(step) = steps.get(at) else { return };
        if let Some((rounding, launch)) = joined(step, &steps[at + 1..], slots, target) {
            steps[at] = Step::Kernel(launch);
            steps.remove(at + 1 + rounding);
        }
    }
}

/// The index of the step that rounds the parameters, and the launch that does both.
fn joined(
    step: &Step,
    later: &[Step],
    slots: &mut Vec<VirtualSlot>,
    target: Target,
) -> Option<(usize, Launch)> {
    let Step::Kernel(launch) = step else { return None };
    let kernel = with_copy(&**launch.kernel())?;
    let param = *launch.args().get(PARAM)?;
    let packs = |step: &Step| match step {
        Step::Map(map) => map.packs().filter(|(from, ..)| *from == param),
        Step::Kernel(_) => None,
    };
    let at = later.iter().position(|step| packs(step).is_some())?;
    let (_, to, half) = packs(&later[at])?;
    if later[..at].iter().any(|step| overlap(&step.ranges().1, &[param])) {
        return None;
    }
    let last = kernel.access().len() - 1;
    let packed = Packed::one(target, kernel, last, half, param.bytes / DType::BYTES)?;
    let mut args = [launch.args(), &[to]].concat();
    let scratch = packed.scratch(target);
    if scratch > 0 {
        args.push(Arg { slot: slots.len(), offset: 0, bytes: scratch });
        slots.push(VirtualSlot { kind: SlotKind::Temp, bytes: scratch, role: Role::Activation });
    }
    let launch = Launch::new(Arc::new(packed), args);
    (launch.args().len() <= target.arguments()).then_some((at, launch))
}

/// The update with a second output for the new parameters.
fn with_copy(kernel: &dyn Kernel) -> Option<Arc<dyn Kernel>> {
    let any: &dyn Any = kernel;
    let sgd = any.downcast_ref().filter(|sgd: &&SgdStep| !sgd.copies);
    let adam = any.downcast_ref().filter(|adam: &&AdamStep| !adam.copies);
    match (sgd, adam) {
        (Some(sgd), _) => Some(Arc::new(SgdStep { copies: true, ..*sgd })),
        (_, Some(adam)) => Some(Arc::new(AdamStep { copies: true, ..*adam })),
        _ => None,
    }
}
