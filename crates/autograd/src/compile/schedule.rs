//! The schedule: the steps that lowering emits, put in order, and element-wise steps of one shape fused horizontally.

use std::sync::Arc;

use gpu_core::kernels::Map;
use gpu_core::{Access, Arg, DType, Half, Launch, Target};

use super::expr::Expr;
use super::place::Place;

#[derive(Debug)]
pub(super) enum Step {
    Map(MapStep),
    Kernel(Launch),
}

/// Element-wise code with places for its results.
#[derive(Clone, Debug)]
pub(super) struct MapStep {
    expr: Expr,
    /// One place per result.
    to: Vec<Place>,
}

/// Results of fewer elements are fused anyway, to save launches.
const SMALL: usize = 16 * 1024;
/// Maximum distance that a step is moved ahead.
const FAR: usize = 64;
/// The same for larger results: computed earlier, they are live for longer.
const NEAR: usize = 8;
/// Maximum distance that a small step is moved back.
const SINK: usize = 1024;
/// Maximum number of instructions of one element-wise launch. Without a limit, compile time is quadratic in the length of a chain.
pub(super) const MAX_CODE: usize = 128;

impl MapStep {
    pub fn new(expr: Expr, to: Place) -> MapStep {
        MapStep { expr, to: vec![to] }
    }

    /// The code.
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// The places of its results.
    pub fn to(&self) -> &[Place] {
        &self.to
    }

    /// Number of buffers to bind: one for every slot that is read, and the results.
    fn buffers(&self) -> usize {
        self.expr.slots().len() + self.to.len()
    }

    /// Number of instructions.
    pub fn len(&self) -> usize {
        self.expr.len()
    }

    /// Whether it rounds to halves.
    pub fn rounds(&self) -> bool {
        self.expr.rounds()
    }

    /// For code that only packs all of a tensor in memory: from where to where, and the type.
    pub fn packs(&self) -> Option<(Arg, Arg, Half)> {
        let (from, [to]) = (self.expr.place()?, &self.to[..]) else { return None };
        let whole = |place: &Place| place.layout.is_contiguous() && place.layout.numel() == self.expr.numel();
        let fits = from.half.is_none() && whole(from) && whole(to);
        Some((from.bind().0, to.bind().0, to.half.filter(|_| fits)?))
    }

    /// Bytes of a result in memory.
    pub fn bytes(&self) -> usize {
        self.expr.numel() * DType::BYTES
    }

    /// The kernel and its arguments.
    pub fn kernel(&self) -> (Map, Vec<Arg>) {
        let (mut args, inputs) = self.expr.bind();
        let mut outputs = vec![];
        for place in &self.to {
            let (arg, stored) = place.bind();
            args.push(arg);
            outputs.push(stored);
        }
        (Map::fused(self.expr.program(), inputs, outputs), args)
    }

    fn launch(&self) -> Launch {
        let (map, args) = self.kernel();
        Launch::new(Arc::new(map), args)
    }
}

impl Step {
    /// The ranges of slots that are read and written.
    pub fn ranges(&self) -> (Vec<Arg>, Vec<Arg>) {
        match self {
            Step::Map(map) => {
                let reads = map.expr.inputs().iter().map(|(p, _)| p.bind().0).collect();
                (reads, map.to.iter().map(|p| p.bind().0).collect())
            }
            Step::Kernel(launch) => {
                let mut access = launch.kernel().access();
                access.resize(launch.args().len(), Access::ReadWrite);
                let with = |f: fn(Access) -> bool| {
                    launch
                        .args()
                        .iter()
                        .zip(&access)
                        .filter(move |(_, a)| f(**a))
                        .map(|(arg, _)| *arg)
                        .collect()
                };
                (with(|a| a != Access::Write), with(|a| a != Access::Read))
            }
        }
    }
}

pub(super) fn overlap(a: &[Arg], b: &[Arg]) -> bool {
    let meet =
        |x: &Arg, y: &Arg| x.slot == y.slot && x.offset < y.offset + y.bytes && y.offset < x.offset + x.bytes;
    a.iter().any(|x| b.iter().any(|y| meet(x, y)))
}

/// What a step reads and writes.
pub(super) struct Touched {
    pub reads: Vec<Arg>,
    pub writes: Vec<Arg>,
}

impl Touched {
    pub fn by(step: &Step) -> Touched {
        let (reads, writes) = step.ranges();
        Touched { reads, writes }
    }

    /// Whether the order of the two steps matters.
    pub fn meets(&self, other: &Touched) -> bool {
        overlap(&self.writes, &other.reads)
            || overlap(&self.reads, &other.writes)
            || overlap(&self.writes, &other.writes)
    }
}

/// Moves small element-wise steps back past everything that does not depend on them, so that those of many layers become neighbours:
/// updates of running statistics and gradients of scales.
fn sink(steps: Vec<Step>) -> Vec<Step> {
    let mut later: Vec<(Step, Touched)> = vec![];
    // From the last step to the first; `later` holds the steps after it, in reverse.
    for step in steps.into_iter().rev() {
        let touched = Touched::by(&step);
        let small = matches!(&step, Step::Map(map) if map.expr.numel() <= SMALL);
        let far = if small { later.len().min(SINK) } else { 0 };
        let free = later.iter().rev().take(far).take_while(|(_, other)| !touched.meets(other)).count();
        later.insert(later.len() - free, (step, touched));
    }
    later.into_iter().rev().map(|(step, _)| step).collect()
}

/// The launches in order. Independent element-wise steps of one shape are fused: small ones to save launches, large ones if they read
/// the same tensor.
pub(super) fn schedule(steps: Vec<Step>, target: Target) -> Vec<Launch> {
    let mut done: Vec<(Step, Touched)> = vec![];
    for step in sink(steps) {
        let touched = Touched::by(&step);
        if let Step::Map(map) = &step
            && let Some((at, fused)) = partner(&done, map, &touched, target)
        {
            let fused = Step::Map(fused);
            let touched = Touched::by(&fused);
            done[at] = (fused, touched);
            continue;
        }
        done.push((step, touched));
    }
    let launch = |(step, _)| match step {
        Step::Map(map) => MapStep::launch(&map),
        Step::Kernel(launch) => launch,
    };
    done.into_iter().map(launch).collect()
}

/// Moves the beginnings of calls outside of the device ahead to where their input is known, so that the launches behind them run while the
/// call is under way.
pub(super) fn begin_early(launches: Vec<Launch>) -> Vec<Launch> {
    let mut done: Vec<Launch> = vec![];
    for launch in launches {
        let mut at = done.len();
        if launch.begins_host_call() {
            let step = Step::Kernel(launch.clone());
            let touched = Touched::by(&step);
            while at > 0 && !touched.meets(&Touched::by(&Step::Kernel(done[at - 1].clone()))) {
                at -= 1;
            }
        }
        done.insert(at, launch);
    }
    done
}

/// The nearest earlier step that `map` can be fused with, and the fused step.
fn partner(
    done: &[(Step, Touched)],
    map: &MapStep,
    touched: &Touched,
    target: Target,
) -> Option<(usize, MapStep)> {
    let far = if map.expr.numel() <= SMALL { FAR } else { NEAR };
    for at in (done.len().saturating_sub(far)..done.len()).rev() {
        let (step, other) = &done[at];
        if touched.meets(other) {
            return None;
        }
        if let Step::Map(before) = step
            && let Some(fused) = before.fused_with(map, target)
        {
            return Some((at, fused));
        }
    }
    None
}

impl MapStep {
    /// This step and one that reads its results as one, if the second reads them element by element, and the result fits into one launch.
    /// `kept` says which of the results something else reads, too.
    pub fn followed_by(
        &self,
        next: &MapStep,
        kept: impl Fn(&Place) -> bool,
        target: Target,
    ) -> Option<MapStep> {
        let written = |step: &MapStep| -> Vec<Arg> { step.to.iter().map(|place| place.bind().0).collect() };
        if self.expr.shape() != next.expr.shape() || overlap(&written(self), &written(next)) {
            return None;
        }
        let kept: Vec<bool> = self.to.iter().map(kept).collect();
        let expr = self.expr.followed_by(&self.to, &kept, &next.expr)?;
        let before = self.to.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(place, _)| place);
        let joined = MapStep { expr, to: before.chain(&next.to).cloned().collect() };
        joined.fits(target).then_some(joined)
    }

    /// Whether one launch can compute it.
    fn fits(&self, target: Target) -> bool {
        let reads = self.expr.slots();
        let apart = self.to.iter().all(|place| !reads.contains(&place.slot));
        apart && self.buffers() <= target.arguments() && self.expr.len() <= MAX_CODE
    }

    /// Both steps as one, if that pays and the result fits into one launch.
    fn fused_with(&self, other: &MapStep, target: Target) -> Option<MapStep> {
        if self.expr.shape() != other.expr.shape() {
            return None;
        }
        let numel = self.expr.numel();
        let large = |place: &Place| place.layout.strides().iter().all(|&s| s != 0);
        let shared = self
            .expr
            .inputs()
            .iter()
            .any(|(p, _)| large(p) && other.expr.inputs().iter().any(|(q, _)| p == q));
        if numel > SMALL && !shared {
            return None;
        }
        let fused = MapStep {
            expr: Expr::side_by_side(&[&self.expr, &other.expr]),
            to: self.to.iter().chain(&other.to).cloned().collect(),
        };
        fused.fits(target).then_some(fused)
    }
}
