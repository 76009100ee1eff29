//! Extending a launch after the fact.

use std::sync::Arc;

use gpu_core::{Arg, Kernel, Launch};

use super::Lower;
use crate::compile::fuse;
use crate::compile::place::Value;
use crate::compile::steps::{Step, overlap};

impl Lower<'_> {
    /// Replaces the kernel that computed input `i`, if `extended` is one that writes `more` behind its only output; whether it is so.
    pub fn extend(
        &mut self,
        i: usize,
        extended: impl Fn(&dyn Kernel) -> Option<Arc<dyn Kernel>>,
        more: &[Arg],
    ) -> bool {
        let Value::Memory(place) = self.value(self.wiring.inputs[self.node][i]) else { return false };
        let Some(input) = place.dense() else { return false };
        let writes = |step: &Step, arg: &Arg| overlap(&step.ranges().1, std::slice::from_ref(arg));
        let Some(at) = self.steps.iter().rposition(|step| writes(step, &input)) else { return false };
        // What follows must not have prepared their memory.
        let prepared = self.steps[at..].iter().any(|step| more.iter().any(|arg| writes(step, arg)));
        let Step::Kernel(launch) = &self.steps[at] else { return false };
        let Some(output) = launch.args().iter().position(|arg| *arg == input) else { return false };
        if prepared || !fuse::enabled() {
            return false;
        }
        let Some(kernel) = extended(launch.kernel().as_ref()) else { return false };
        let (own, scratch) = launch.args().split_at(output + 1);
        self.steps[at] = Step::Kernel(Launch::new(kernel, [own, more, scratch].concat()));
        true
    }
}
