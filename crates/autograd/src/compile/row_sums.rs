//! On a GPU, a product also sums the rows of its first factor: the gradient of a bias then needs no launch of its own next to the
//! gradient of its weight.

use std::any::Any;
use std::sync::Arc;

use gpu_core::kernels::{MatMul, Packed, Reduce};
use gpu_core::{Arg, Kernel, Launch, Role, Target};

use super::fuse;
use super::place::{SlotKind, VirtualSlot};
use super::schedule::{Step, Touched};

/// Removes sums that products can compute.
pub(super) fn fuse_row_sums(steps: &mut Vec<Step>, slots: &mut Vec<VirtualSlot>, target: Target) {
    if target == Target::Cpu || !fuse::enabled() {
        return;
    }
    let mut at = 0;
    while at < steps.len() {
        match taken_over(steps, at, slots) {
            Some((product, both)) => {
                steps[product] = Step::Kernel(both);
                steps.remove(at);
            }
            None => at += 1,
        }
    }
}

fn with_row_sums(kernel: &dyn Kernel, sums: &Reduce) -> Option<Arc<dyn Kernel>> {
    let kernel = kernel as &dyn Any;
    let product = kernel.downcast_ref::<MatMul>().and_then(|product| product.with_row_sums(sums));
    let packed = || kernel.downcast_ref::<Packed>()?.with_row_sums(sums);
    product.map(|k| Arc::new(k) as _).or_else(|| packed().map(|k| Arc::new(k) as _))
}

/// If step `at` sums the first factor of a product: the index of the product's step, and a launch that computes both.
fn taken_over(steps: &[Step], at: usize, slots: &mut Vec<VirtualSlot>) -> Option<(usize, Launch)> {
    let Step::Kernel(reduction) = &steps[at] else { return None };
    let sums: &Reduce = (&**reduction.kernel() as &dyn Any).downcast_ref()?;
    let &[terms, result, ..] = reduction.args() else { return None };
    let both = |step: &Step| {
        let Step::Kernel(launch) = step else { return None };
        let same_start = launch.args()[0].slot == terms.slot && launch.args()[0].offset == terms.offset;
        if same_start { with_row_sums(&**launch.kernel(), sums) } else { None }
    };
    let (product, kernel) = steps.iter().enumerate().find_map(|(i, step)| Some((i, both(step)?)))?;
    // The sum moves to the product.
    let moved = Touched::by(&steps[at]);
    let between = if product < at { product + 1..at } else { at + 1..product };
    if steps[between].iter().any(|step| Touched::by(step).meets(&moved)) {
        return None;
    }
    let Step::Kernel(launch) = &steps[product] else { return None };
    let mut args = [&launch.args()[..3], &[result]].concat();
    let scratch = kernel.scratch(Target::Gpu);
    if scratch > 0 {
        args.push(Arg { slot: slots.len(), offset: 0, bytes: scratch });
    }
    let both = Launch::new(kernel, args);
    if both.bound_twice(Target::Gpu).is_some() {
        return None;
    }
    if scratch > 0 {
        slots.push(VirtualSlot { kind: SlotKind::Temp, bytes: scratch, role: Role::Activation });
    }
    Some((product, both))
}
