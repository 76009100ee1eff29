//! The steps of a plan while passes replace several of them by one.

use gpu_core::{Arg, Launch};

use super::schedule::{MapStep, Step, Touched, overlap};

/// Steps in order, with the memory that each touches.
pub(super) struct Steps {
    /// `None` where a step was replaced by one at another place.
    steps: Vec<Option<(Step, Touched)>>,
    /// For each slot, the steps that may read it.
    readers: Vec<Vec<usize>>,
}

impl Steps {
    pub fn new(steps: Vec<Step>, slots: usize) -> Steps {
        let mut all = Steps { steps: vec![], readers: vec![vec![]; slots] };
        for step in steps {
            all.steps.push(None);
            all.put(all.steps.len() - 1, step);
        }
        all
    }

    fn put(&mut self, at: usize, step: Step) {
        let touched = Touched::by(&step);
        touched.reads.iter().for_each(|arg| self.readers[arg.slot].push(at));
        self.steps[at] = Some((step, touched));
    }

    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// The launch at `at`, unless there is an element-wise step or none.
    pub fn launch(&self, at: usize) -> Option<&Launch> {
        match &self.steps[at] {
            Some((Step::Kernel(launch), _)) => Some(launch),
            _ => None,
        }
    }

    /// The element-wise step at `at`, if there is one.
    pub fn map(&self, at: usize) -> Option<&MapStep> {
        match &self.steps[at] {
            Some((Step::Map(map), _)) => Some(map),
            _ => None,
        }
    }

    /// The ranges that step `at` writes.
    pub fn writes(&self, at: usize) -> &[Arg] {
        self.steps[at].as_ref().map_or(&[], |(_, touched)| &touched.writes)
    }

    /// The steps after `at` that read any of the ranges, in order.
    pub fn readers(&self, at: usize, args: &[Arg]) -> Vec<usize> {
        let reads =
            |n: usize| self.steps[n].as_ref().is_some_and(|(_, touched)| overlap(&touched.reads, args));
        let of = |arg: &Arg| self.readers[arg.slot].iter().copied().filter(|&n| n > at && reads(n));
        let mut readers: Vec<usize> = args.iter().flat_map(of).collect();
        readers.sort_unstable();
        readers.dedup();
        readers
    }

    /// Whether the order of steps `a` and `b` matters.
    pub fn meet(&self, a: usize, b: usize) -> bool {
        matches!((&self.steps[a], &self.steps[b]), (Some((_, a)), Some((_, b))) if a.meets(b))
    }

    /// Where two steps can be one: at the first if the second can move up to it, else at the second if the first can move down.
    pub fn meeting_place(&self, first: usize, second: usize) -> Option<usize> {
        let free = |step: usize| !(first + 1..second).any(|other| self.meet(step, other));
        [(second, first), (first, second)].into_iter().find(|&(step, _)| free(step)).map(|(_, to)| to)
    }

    /// Replaces steps by one launch at `to`.
    pub fn replace(&mut self, replaced: &[usize], to: usize, launch: Launch) {
        self.replace_by(replaced, to, Step::Kernel(launch));
    }

    /// Replaces steps by one at `to`.
    pub fn replace_by(&mut self, replaced: &[usize], to: usize, step: Step) {
        replaced.iter().for_each(|&at| self.steps[at] = None);
        self.put(to, step);
    }

    pub fn finish(self) -> Vec<Step> {
        self.steps.into_iter().flatten().map(|(step, _)| step).collect()
    }
}
