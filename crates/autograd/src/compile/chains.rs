//! Element-wise steps that read what an element-wise step shortly before them has stored as halves: one step computes both results, and the
//! second reads the first in a register.

use gpu_core::Target;

use super::fuse;
use super::place::{Place, SlotKind, VirtualSlot};
use super::schedule::{MapStep, Step};
use super::steps::Steps;

/// Maximum number of steps between the two: results that are computed earlier are live for longer.
const NEAR: usize = 8;

/// Joins such steps.
pub(super) fn join_chains(steps: Vec<Step>, slots: &[VirtualSlot], target: Target) -> Vec<Step> {
    if !fuse::enabled() {
        return steps;
    }
    let mut all = Steps::new(steps, slots.len());
    for at in 0..all.len() {
        while let Some((reader, joined)) = joined(&all, at, slots, target) {
            all.replace_by(&[at, reader], at, Step::Map(joined));
        }
    }
    all.finish()
}

/// The next step that can be joined with the one at `at`, and both as one step.
fn joined(all: &Steps, at: usize, slots: &[VirtualSlot], target: Target) -> Option<(usize, MapStep)> {
    let first = all.map(at)?;
    let near = all.readers(at, all.writes(at)).into_iter().take_while(|&reader| reader - at <= NEAR);
    let both = |reader: usize| {
        let kept = |place: &Place| {
            let others = || all.readers(at, &[place.bind().0]).into_iter().any(|other| other != reader);
            slots[place.slot].kind != SlotKind::Temp || others()
        };
        Some((reader, first.followed_by(all.map(reader)?, kept, target)?))
    };
    near.filter(|&reader| !(at + 1..reader).any(|other| all.meet(other, reader))).find_map(both)
}
