//! Calls of functions outside of the GPU between the submits of a graph.

use std::collections::VecDeque;
use std::sync::Arc;
use web_time::Instant;

use super::readback::PendingMap;
use super::{Gpu, memory};
use crate::buffer::Buffer;
use crate::graph::{Bindings, CommandGraph, Launch};
use crate::host_call::{HostPart, HostPlace, host_part};
use crate::profile::LaunchTime;
use crate::{Error, Result};

/// The calls of one run. An input is copied behind the work that computes it. The copies are awaited when the first result is needed, so
/// that until then the host only submits.
pub(super) struct HostCalls<'a> {
    gpu: &'a Arc<Gpu>,
    graph: &'a CommandGraph,
    bindings: &'a Bindings<'a>,
    /// Memory for the inputs of the calls that are not begun yet.
    staging: std::vec::IntoIter<Buffer>,
    copies: VecDeque<(&'a HostPlace, PendingMap)>,
    /// The host's time for each launch, by its number.
    pub times: Vec<(usize, LaunchTime)>,
}

impl<'a> HostCalls<'a> {
    /// `staging` has a buffer for the input of every call, in the order of the launches.
    pub fn new(
        gpu: &'a Arc<Gpu>,
        graph: &'a CommandGraph,
        bindings: &'a Bindings<'a>,
        staging: Vec<Buffer>,
    ) -> HostCalls<'a> {
        let (staging, copies) = (staging.into_iter(), VecDeque::new());
        HostCalls { gpu, graph, bindings, staging, copies, times: vec![] }
    }

    /// Does what the host does in place of launch `i`.
    pub fn step(&mut self, i: usize) -> Result<()> {
        let start = Instant::now();
        let launch = &self.graph.launches()[i];
        match host_part(&**launch.kernel()) {
            Some((place, HostPart::Start)) => self.start(place, launch)?,
            Some((place, HostPart::Finish)) => self.finish(place, launch, i)?,
            None => {}
        }
        self.times.push((i, LaunchTime { start, time: start.elapsed() }));
        Ok(())
    }

    fn start(&mut self, place: &'a HostPlace, launch: &Launch) -> Result<()> {
        let input = launch.args()[0];
        let staging = self.staging.next().expect("a buffer for every input");
        let copy = self.gpu.copy_out(self.bindings.buffer(input.slot), input.offset, input.bytes, staging)?;
        self.copies.push_back((place, copy));
        Ok(())
    }

    fn finish(&mut self, place: &HostPlace, launch: &Launch, launches: usize) -> Result<()> {
        for (place, copy) in self.copies.drain(..) {
            place.begin(&bytemuck::pod_collect_to_vec(&copy.wait()?));
        }
        let to = launch.args()[1];
        let mut out = vec![0.0f32; to.bytes / 4];
        let failed = |reason| Error::HostCall { call: launch.kernel().shape(), reason, launches };
        place.end(&mut out).map_err(failed)?;
        let buffer = memory(self.bindings.buffer(to.slot));
        self.gpu.caught(|| {
            self.gpu.queue.write_buffer(buffer, to.offset as u64, bytemuck::cast_slice(&out));
        })
    }
}
