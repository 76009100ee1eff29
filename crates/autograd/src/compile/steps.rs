//! What lowering emits: launches, and element-wise code that may still be joined with its neighbours.

use std::sync::Arc;

use gpu_core::kernels::Map;
use gpu_core::{Access, Arg, Launch, limits};

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
    /// One a result.
    to: Vec<Place>,
}

/// Results of fewer elements are joined only to save launches.
const SMALL: usize = 16 * 1024;
/// How far a step may be moved ahead.
const FAR: usize = 64;
/// The same for larger results, which take memory for longer when they are computed earlier.
const NEAR: usize = 8;
/// Instructions of a joined launch.
const MAX_CODE: usize = 128;

impl MapStep {
    pub fn new(expr: &Expr, to: Place) -> MapStep {
        MapStep { expr: expr.clone(), to: vec![to] }
    }

    /// Buffers that are bound: one for every slot that is read, and the results.
    fn buffers(&self) -> usize {
        self.expr.slots().len() + self.to.len()
    }

    fn launch(&self) -> Launch {
        let (mut args, inputs) = self.expr.bind();
        let mut outputs = vec![];
        for place in &self.to {
            let (arg, layout) = place.bind();
            args.push(arg);
            outputs.push(layout);
        }
        Launch::new(Arc::new(Map::fused(self.expr.program(), inputs, outputs)), args)
    }
}

impl Step {
    /// The ranges of slots that are read and written.
    fn ranges(&self) -> (Vec<Arg>, Vec<Arg>) {
        match self {
            Step::Map(map) => {
                let reads = map.expr.inputs().iter().map(|(p, _)| p.bind().0).collect();
                (reads, map.to.iter().map(|p| p.bind().0).collect())
            }
            Step::Kernel(launch) => {
                let mut access = launch.kernel().access();
                access.resize(launch.args().len(), Access::ReadWrite);
                let with = |f: fn(Access) -> bool| {
                    launch.args().iter().zip(&access).filter(move |(_, a)| f(**a)).map(|(arg, _)| *arg).collect()
                };
                (with(|a| a != Access::Write), with(|a| a != Access::Read))
            }
        }
    }
}

fn overlap(a: &[Arg], b: &[Arg]) -> bool {
    let meet = |x: &Arg, y: &Arg| {
        x.slot == y.slot && x.offset < y.offset + y.bytes && y.offset < x.offset + x.bytes
    };
    a.iter().any(|x| b.iter().any(|y| meet(x, y)))
}

/// Joins element-wise steps of one shape that do not need each other: small ones to save launches, large ones where they
/// read the same tensor.
pub(super) fn join(steps: Vec<Step>) -> Vec<Launch> {
    let mut done: Vec<Step> = vec![];
    let mut ranges: Vec<(Vec<Arg>, Vec<Arg>)> = vec![];
    for step in steps {
        let (reads, writes) = step.ranges();
        if let Step::Map(map) = &step {
            let far = if map.expr.numel() <= SMALL { FAR } else { NEAR };
            let mut partner = None;
            for at in (done.len().saturating_sub(far)..done.len()).rev() {
                if let Step::Map(other) = &done[at]
                    && let Some(joined) = other.with(map)
                {
                    partner = Some((at, joined));
                }
                let (read, written) = &ranges[at];
                if partner.is_some()
                    || overlap(written, &reads)
                    || overlap(read, &writes)
                    || overlap(written, &writes)
                {
                    break;
                }
            }
            // The partner itself must not touch what the step reads or writes.
            let free = |at: usize| {
                let (read, written) = &ranges[at];
                !overlap(written, &reads) && !overlap(read, &writes) && !overlap(written, &writes)
            };
            if let Some((at, joined)) = partner.filter(|(at, _)| free(*at)) {
                done[at] = Step::Map(joined);
                ranges[at] = done[at].ranges();
                continue;
            }
        }
        done.push(step);
        ranges.push((reads, writes));
    }
    let launch = |step| match step {
        Step::Map(map) => MapStep::launch(&map),
        Step::Kernel(launch) => launch,
    };
    done.into_iter().map(launch).collect()
}

impl MapStep {
    /// Both steps as one, if that pays and fits.
    fn with(&self, other: &MapStep) -> Option<MapStep> {
        if self.expr.shape() != other.expr.shape() {
            return None;
        }
        let numel = self.expr.numel();
        let large = |place: &Place| place.layout.strides().iter().all(|&s| s != 0);
        let shared = self.expr.inputs().iter().any(|(p, _)| {
            large(p) && other.expr.inputs().iter().any(|(q, _)| p == q)
        });
        let reads_own = |map: &MapStep, to: &MapStep| {
            map.expr.inputs().iter().any(|(p, _)| to.to.iter().any(|t| t.slot == p.slot))
        };
        if (numel > SMALL && !shared) || reads_own(self, other) || reads_own(other, self) {
            return None;
        }
        let joined = MapStep {
            expr: Expr::side_by_side(&[&self.expr, &other.expr]),
            to: self.to.iter().chain(&other.to).cloned().collect(),
        };
        let fits = joined.buffers() <= limits::STORAGE_BUFFERS && joined.expr.len() <= MAX_CODE;
        fits.then_some(joined)
    }
}
