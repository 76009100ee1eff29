//! On a GPU, one launch does the last stages of many gradients of weights and scales that are computed as partial sums.

use std::sync::Arc;

use gpu_core::kernels::{PartialSum, SumPartials, Unsummed};
use gpu_core::{Access, Arg, DType, Launch, Role, Target};

use super::fuse;
use super::place::{ALIGN, SlotKind, VirtualSlot};
use super::schedule::{Step, Touched, overlap};

/// Maximum bytes of partial results that wait for a joint launch.
const WAITING: usize = 32 << 20;

/// A launch whose final sums can be delayed.
struct Member {
    at: usize,
    kernel: Unsummed,
    reads: Vec<Arg>,
    outputs: Vec<Arg>,
}

/// Joins the last stages of neighbouring launches that write to one slot.
pub(super) fn join_sums(steps: Vec<Step>, slots: &mut Vec<VirtualSlot>, target: Target) -> Vec<Step> {
    if target == Target::Cpu || !fuse::enabled() {
        return steps;
    }
    let groups = groups(&steps);
    let mut steps: Vec<Vec<Step>> = steps.into_iter().map(|step| vec![step]).collect();
    for group in groups.into_iter().filter(|group| group.len() > 1) {
        let last = group[group.len() - 1].at;
        let slot = slots.len();
        let mut sums = Sums::default();
        for member in group {
            let at = member.at;
            steps[at] = vec![Step::Kernel(sums.take(member, slot))];
        }
        slots.push(VirtualSlot { kind: SlotKind::Temp, bytes: sums.bytes, role: Role::Activation });
        steps[last].push(Step::Kernel(sums.launch(slot)));
    }
    steps.into_iter().flatten().collect()
}

/// Groups of launches whose outputs are not needed before the group's last launch has run.
fn groups(steps: &[Step]) -> Vec<Vec<Member>> {
    let (mut closed, mut open): (Vec<Vec<Member>>, Vec<Member>) = (vec![], vec![]);
    for (at, step) in steps.iter().enumerate() {
        let touched = Touched::by(step);
        let outputs: Vec<Arg> = open.iter().flat_map(|member| member.outputs.iter().copied()).collect();
        let needs = overlap(&touched.reads, &outputs) || overlap(&touched.writes, &outputs);
        let next = member(at, step);
        let fits = next.as_ref().is_none_or(|next| {
            let bytes: usize = open.iter().chain([next]).map(|member| aligned(member.kernel.bytes())).sum();
            let slot = |member: &Member| member.outputs[0].slot;
            bytes <= WAITING && open.first().is_none_or(|first| slot(first) == slot(next))
        });
        if needs || !fits {
            closed.push(std::mem::take(&mut open));
        }
        open.extend(next);
    }
    closed.push(open);
    closed
}

fn aligned(bytes: usize) -> usize {
    bytes.next_multiple_of(ALIGN * DType::BYTES)
}

fn member(at: usize, step: &Step) -> Option<Member> {
    let Step::Kernel(launch) = step else { return None };
    let kernel = Unsummed::new(launch.kernel().clone())?;
    let access = launch.kernel().access();
    let args = |wanted: Access| -> Vec<Arg> {
        launch.args().iter().zip(&access).filter(|(_, a)| **a == wanted).map(|(arg, _)| *arg).collect()
    };
    let (reads, outputs) = (args(Access::Read), args(Access::Write));
    let one_slot = outputs.iter().all(|output| output.slot == outputs[0].slot);
    (one_slot && aligned(kernel.bytes()) <= WAITING).then_some(Member { at, kernel, reads, outputs })
}

/// The sums of the joint launch.
#[derive(Default)]
struct Sums {
    /// Bytes of the partial results.
    bytes: usize,
    sums: Vec<(PartialSum, Arg)>,
}

impl Sums {
    /// The member's launch, which writes its partial results to `slot`, after those of the members before it.
    fn take(&mut self, member: Member, slot: usize) -> Launch {
        let parts = Arg { slot, offset: self.bytes, bytes: member.kernel.bytes() };
        let first = self.bytes / DType::BYTES;
        for (sum, output) in member.kernel.sums().iter().zip(member.outputs) {
            self.sums.push((PartialSum { first: first + sum.first, ..*sum }, output));
        }
        self.bytes += aligned(parts.bytes);
        Launch::new(Arc::new(member.kernel), [member.reads, vec![parts]].concat())
    }

    fn launch(self, slot: usize) -> Launch {
        let outputs = || self.sums.iter().map(|(_, output)| output);
        let start = outputs().map(|output| output.offset).min().expect("sums of something");
        let end = outputs().map(|output| output.offset + output.bytes).max().expect("the same");
        let results = Arg { slot: self.sums[0].1.slot, offset: start, bytes: end - start };
        let to = |(sum, output): &(PartialSum, Arg)| (*sum, (output.offset - start) / DType::BYTES);
        let sums = self.sums.iter().map(to).collect();
        let partials = Arg { slot, offset: 0, bytes: self.bytes };
        Launch::new(Arc::new(SumPartials { sums }), vec![partials, results])
    }
}
