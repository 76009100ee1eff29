//! Encoding and submitting a graph.

use std::ops::Range;
use std::sync::Arc;
use web_time::Instant;

use super::host_calls::HostCalls;
use super::prepare::Prepared;
use super::{Gpu, lock};
use crate::buffer::Buffer;
use crate::faults::Point;
use crate::graph::{Bindings, CommandGraph};
use crate::profile::{Profiler, Timestamps};
use crate::stats::Counters;
use crate::{Error, Result};

/// What a run does next.
enum Part {
    Submit(wgpu::CommandBuffer),
    /// What the host does in place of a launch.
    Host(usize),
}

impl Gpu {
    /// Encodes every launch and submits the work in one part, or in several if it takes long. Everything that can fail is done before the
    /// first submit, except functions outside of the GPU, whose inputs are copied to the buffers in `staging`. While the device is profiled
    /// (with `warm` as in [`Profiler::launch`]), each launch gets its own pass between timestamps, and the run waits until it is done.
    pub fn run(
        self: &Arc<Gpu>,
        graph: &CommandGraph,
        prepared: &Prepared,
        bindings: &Bindings,
        staging: Vec<Buffer>,
        counters: &Counters,
        profiler: Option<(&Profiler, bool)>,
    ) -> Result<()> {
        let _order = lock(&self.order);
        self.check()?;
        let launches = graph.launches();
        let timestamps =
            profiler.and_then(|p| Some((p, Timestamps::new(&self.device, &self.queue, launches.len())?)));
        let parts = self.caught(|| {
            self.encode(graph, prepared, bindings, counters, timestamps.as_ref().map(|(_, t)| t))
        })?;
        if self.passes(Point::Submit)? {
            return Err(Error::Command { device: self.name.clone(), reason: "a fault on purpose".into() });
        }
        let start = Instant::now();
        let mut calls = HostCalls::new(self, graph, bindings, staging);
        let done = parts.into_iter().try_for_each(|part| match part {
            Part::Submit(commands) => {
                self.queue.submit([commands]);
                Ok(())
            }
            Part::Host(launch) => calls.step(launch),
        });
        // A browser's shaders run in another process.
        #[cfg(not(target_arch = "wasm32"))]
        super::unfinished::note(&self.device);
        done?;
        self.pace.submitted(&self.queue, prepared.work.iter().sum());
        if let Some(((profiler, warm), timestamps)) = timestamps {
            let mut times = timestamps.read(start, || self.poll(wgpu::PollType::wait_indefinitely()))?;
            for (launch, time) in calls.times {
                if let Some(slot) = times.get_mut(launch) {
                    *slot = time;
                }
            }
            for (launch, time) in launches.iter().zip(times) {
                profiler.launch(launch.kernel(), time, warm);
            }
        }
        self.check()
    }

    /// The graph's dispatches, one command buffer per submit, and what the host does between them.
    fn encode(
        &self,
        graph: &CommandGraph,
        prepared: &Prepared,
        bindings: &Bindings,
        counters: &Counters,
        timestamps: Option<&Timestamps>,
    ) -> Vec<Part> {
        let (mut parts, mut from) = (vec![], 0);
        let end = (prepared.dispatches.len(), None);
        for (to, host) in prepared.host.iter().map(|&(to, launch)| (to, Some(launch))).chain([end]) {
            for Range { start, end } in self.pace.parts(&prepared.work[from..to]) {
                let part = from + start..from + end;
                parts
                    .push(Part::Submit(self.commands(graph, prepared, part, bindings, counters, timestamps)));
            }
            parts.extend(host.map(Part::Host));
            from = to;
        }
        if let Some(timestamps) = timestamps {
            let mut encoder = self.device.create_command_encoder(&Default::default());
            timestamps.resolve(&mut encoder);
            parts.push(Part::Submit(encoder.finish()));
        }
        parts
    }

    /// The commands of some dispatches.
    fn commands(
        &self,
        graph: &CommandGraph,
        prepared: &Prepared,
        part: Range<usize>,
        bindings: &Bindings,
        counters: &Counters,
        timestamps: Option<&Timestamps>,
    ) -> wgpu::CommandBuffer {
        let mut encoder = self.device.create_command_encoder(&Default::default());
        let one_pass = |a: &(usize, usize), b: &(usize, usize)| timestamps.is_none() || a.0 == b.0;
        for dispatches in prepared.dispatches[part].chunk_by(one_pass) {
            let timestamp_writes = timestamps.map(|t| t.writes(dispatches[0].0));
            let mut pass =
                encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes });
            for stages in dispatches.chunk_by(|a, b| a.0 == b.0) {
                let i = stages[0].0;
                let launch = &prepared.launches[i];
                let group = self.bind_group(&graph.launches()[i], launch, bindings, counters);
                pass.set_bind_group(0, &group, &[]);
                for &(_, stage) in stages {
                    let (pipeline, [x, y, z]) = &launch.stages[stage];
                    pass.set_pipeline(&pipeline.pipeline);
                    pass.dispatch_workgroups(*x, *y, *z);
                }
            }
        }
        encoder.finish()
    }
}
