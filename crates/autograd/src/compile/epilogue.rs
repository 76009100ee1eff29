//! On a GPU, element-wise code after a product, a convolution or a reduction becomes an epilogue of that launch: it reads the results
//! from registers, and they get no memory unless something else reads them. Packing into halves is done by other launches, too, and by those
//! of the CPU.

use std::sync::Arc;

use gpu_core::kernels::{Fused, Packed};
use gpu_core::{Access, Arg, DType, Kernel, Launch, Target};

use super::fuse;
use super::place::{SlotKind, VirtualSlot};
use super::schedule::{MapStep, Step};
use super::steps::Steps;

/// Maximum number of instructions of an epilogue: they are repeated for every output of a tile in registers.
const MAX_CODE: usize = 48;

/// Maximum number of steps between a launch and its epilogue's code.
const NEAR: usize = 8;
/// Results of up to so many bytes are fused at any distance.
const SMALL: usize = 64 * 1024;

/// Fuses element-wise steps into the `wanted` launches whose results they read.
pub(super) fn fuse_epilogues(
    steps: Vec<Step>,
    slots: &mut [VirtualSlot],
    target: Target,
    wanted: impl Fn(&dyn Kernel) -> bool,
) -> Vec<Step> {
    if !fuse::enabled() {
        return steps;
    }
    let mut all = Steps::new(steps, slots.len());
    for at in 0..all.len() {
        let of_wanted = all.launch(at).is_some_and(|launch| wanted(&**launch.kernel()));
        if of_wanted && let Some((reader, to, launch)) = fused(&all, at, slots, target) {
            all.replace(&[at, reader], to, launch);
        }
    }
    all.finish()
}

/// The element-wise step that the launch at `at` can take as an epilogue, the index of the fused launch, and the launch.
fn fused(
    all: &Steps,
    at: usize,
    slots: &mut [VirtualSlot],
    target: Target,
) -> Option<(usize, usize, Launch)> {
    let launch = all.launch(at)?;
    let results = launch.kernel().access().iter().filter(|a| **a == Access::Write).count();
    let results = &all.writes(at)[..results];
    let readers: Vec<Vec<usize>> = results.iter().map(|result| all.readers(at, &[*result])).collect();
    let reader = readers.iter().flatten().copied().filter(|&n| all.map(n).is_some()).min()?;
    let map = all.map(reader)?;
    let to = all.meeting_place(at, reader)?;
    let kept = |(arg, readers): (&Arg, &Vec<usize>)| {
        slots[arg.slot].kind != SlotKind::Temp || readers.iter().any(|&n| n != reader)
    };
    let kept: Vec<bool> = results.iter().zip(&readers).map(kept).collect();
    // Over a distance, fuse only code that replaces the result in memory, or small code: everything else would extend the lifetime of
    // memory.
    let replaces = to == at && !kept.contains(&true);
    let far = reader - at > NEAR;
    // Code that rounds to halves is there to save memory: fused, operands, result and the code's own result would be live at once.
    let frees = replaces || map.packs().is_some();
    if (far || map.rounds()) && !frees && map.bytes() > SMALL {
        return None;
    }
    let packed = || if to == at { packing(launch, map, results, &kept, slots, target) } else { None };
    let with_code = match launch.kernel().emits() {
        true if target == Target::Gpu => with_epilogue(launch, map, results, &kept, target),
        _ => None,
    };
    Some((reader, to, with_code.or_else(packed)?))
}

/// The launch with a packed result, if the step only packs it, and nothing else reads it.
fn packing(
    launch: &Launch,
    map: &MapStep,
    results: &[Arg],
    kept: &[bool],
    slots: &mut [VirtualSlot],
    target: Target,
) -> Option<Launch> {
    let (from, to, half) = map.packs()?;
    let result = results.iter().position(|result| *result == from).filter(|&result| !kept[result])?;
    let access = launch.kernel().access();
    let at = (0..access.len()).filter(|&a| access[a] == Access::Write).nth(result)?;
    let count = from.bytes / DType::BYTES;
    let packed = Packed::one(target, launch.kernel().clone(), at, half, count)?;
    let mut args = launch.args().to_vec();
    args[at] = to;
    let scratch = packed.scratch(target);
    if scratch > 0 {
        // The kernel's own scratch memory grows; without any, it takes the place of the result.
        let slot = args.get(access.len()).unwrap_or(&from).slot;
        slots[slot].bytes = scratch.next_multiple_of(DType::BYTES);
        args.truncate(access.len());
        args.push(Arg { slot, offset: 0, bytes: slots[slot].bytes });
    }
    Some(Launch::new(Arc::new(packed), args))
}

/// The launch with the code as its epilogue, if one launch can do that.
fn with_epilogue(
    launch: &Launch,
    map: &MapStep,
    results: &[Arg],
    kept: &[bool],
    target: Target,
) -> Option<Launch> {
    let (code, args) = map.kernel();
    let inputs = code.access().iter().filter(|a| **a == Access::Read).count();
    let taken: Vec<Option<usize>> =
        args[..inputs].iter().map(|arg| results.iter().position(|result| result == arg)).collect();
    let whole = map.bytes() == results[0].bytes && taken.iter().any(Option::is_some);
    if !whole || map.len() > MAX_CODE {
        return None;
    }
    let fused = Fused::new(launch.kernel().clone(), code, taken, kept.to_vec())?;
    let args = fused.arguments(launch.args(), &args);
    let launch = Launch::new(Arc::new(fused), args);
    let fits = launch.args().len() <= target.arguments() && launch.bound_twice(target).is_none();
    fits.then_some(launch)
}
