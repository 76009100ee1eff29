//! On a GPU, the element-wise launch that applies a batch norm, or its gradient, also combines the partial results of the reduction of
//! channels that precedes it: a launch less between two large ones, each of which would wait for it.

use std::any::Any;
use std::sync::Arc;

use gpu_core::kernels::{CombineParts, CombinedMap};
use gpu_core::{Arg, DType, Launch, Layout, Target};

use super::expr::Expr;
use super::fuse;
use super::place::{Place, SlotKind, VirtualSlot};
use super::schedule::{MapStep, Step};
use super::steps::Steps;

/// Moves combinations of parts into the first large element-wise steps that read their results.
pub(super) fn combine_in_maps(steps: Vec<Step>, slots: &[VirtualSlot], target: Target) -> Vec<Step> {
    if target == Target::Cpu || !fuse::enabled() {
        return steps;
    }
    let mut all = Steps::new(steps, slots.len());
    for at in 0..all.len() {
        if let Some((replaced, to, launch)) = combined(&all, at, slots, target) {
            all.replace(&replaced, to, launch);
        }
    }
    all.finish()
}

/// If the step at `at` combines parts, and an element-wise step can do so: the steps that are replaced, the place of the new launch, and the
/// launch.
fn combined(
    all: &Steps,
    at: usize,
    slots: &[VirtualSlot],
    target: Target,
) -> Option<(Vec<usize>, usize, Launch)> {
    let launch = all.launch(at)?;
    let combine: &CombineParts = (&**launch.kernel() as &dyn Any).downcast_ref()?;
    let &[parts, first, second] = launch.args() else { return None };
    let results = [first, second];
    let readers = all.readers(at, &results);
    let large = |&n: &usize| all.map(n).is_some_and(|map| map.expr().shape().len() > 1);
    let reader = readers.iter().copied().find(large)?;
    let to = all.meeting_place(at, reader)?;
    // Code for one number a channel, such as the gradient of gamma, if nothing between prevents it from moving.
    let channels = first.bytes / DType::BYTES;
    let small = |n: usize| n > to && all.map(n).is_some_and(|map| map.expr().shape() == [channels]);
    let free = |n: usize| !(to..n).any(|other| other != at && all.meet(n, other));
    let small = readers.iter().copied().find(|&n| small(n) && free(n));
    let replaced: Vec<usize> = [at, reader].into_iter().chain(small).collect();

    let kept = |result: &&Arg| {
        slots[result.slot].kind != SlotKind::Temp
            || all.readers(at, &[**result]).iter().any(|n| !replaced.contains(n))
    };
    let maps = replaced[1..].iter().filter_map(|&n| all.map(n));
    let (expr, places) = side_by_side(maps, results.iter().filter(kept));
    let (args, inputs) = expr.bind_apart(&results);
    let taken: Vec<Option<usize>> = args.iter().map(|arg| results.iter().position(|r| r == arg)).collect();
    let read = args.iter().zip(&taken).filter(|(_, taken)| taken.is_none()).map(|(arg, _)| *arg);
    let (written, outputs): (Vec<Arg>, Vec<_>) = places.iter().map(Place::bind).unzip();
    let all_args = [parts].into_iter().chain(read).chain(written).collect();
    let kernel = CombinedMap::new(combine.clone(), expr.program(), inputs, taken, outputs)?;
    let launch = Launch::new(Arc::new(kernel), all_args);
    let fits = launch.args().len() <= target.arguments() && launch.bound_twice(target).is_none();
    fits.then_some((replaced, to, launch))
}

/// The code of all steps, and copies of the `kept` results, as one expression of the first step's shape, with the places of its results.
fn side_by_side<'a>(
    maps: impl Iterator<Item = &'a MapStep>,
    kept: impl Iterator<Item = &'a Arg>,
) -> (Expr, Vec<Place>) {
    let mut parts: Vec<(Expr, Vec<Place>)> =
        maps.map(|map| (map.expr().clone(), map.to().to_vec())).collect();
    parts.extend(kept.map(|arg| {
        let layout = Layout::contiguous(&[arg.bytes / DType::BYTES]).at(arg.offset / DType::BYTES);
        let place = Place::new(arg.slot, layout);
        (Expr::load(place.clone(), DType::F32), vec![place])
    }));
    let shape = parts[0].0.shape().to_vec();
    let along = |layout: &Layout| match layout.rank() {
        1 => {
            let mut channels = vec![1; shape.len() - 1];
            channels[0] = layout.numel();
            layout.reshape(&channels).map(|l| l.expand(&shape))
        }
        _ => Some(layout.clone()),
    };
    let (mut exprs, mut places) = (vec![], vec![]);
    for (expr, to) in &parts {
        exprs.push(expr.view(&shape, along).expect("numbers of channels can be broadcast"));
        let seen = |p: &Place| Place { layout: along(&p.layout).expect("as above"), ..p.clone() };
        places.extend(to.iter().map(seen));
    }
    (Expr::side_by_side(&exprs.iter().collect::<Vec<_>>()), places)
}
