//! Encoding and submitting a graph.

use std::time::Instant;

use super::prepare::Prepared;
use super::{Gpu, lock, unfinished};
use crate::faults::Point;
use crate::graph::{Bindings, CommandGraph};
use crate::profile::{Profiler, Timestamps};
use crate::stats::Counters;
use crate::{Error, Result};

impl Gpu {
    /// Encodes every launch and submits the work in one part, or in several if it takes long. Everything that can fail is done before the
    /// first submit. While the device is profiled (with `warm` as in [`Profiler::launch`]), each launch gets its own pass between
    /// timestamps, and the run waits until it is done.
    pub fn run(
        &self,
        graph: &CommandGraph,
        prepared: &Prepared,
        bindings: &Bindings,
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
        for part in parts {
            self.queue.submit([part]);
        }
        unfinished::note(&self.device);
        self.pace.submitted(&self.queue, prepared.work.iter().sum());
        if let Some(((profiler, warm), timestamps)) = timestamps {
            let times = timestamps.read(start, || self.poll(wgpu::PollType::wait_indefinitely()))?;
            for (launch, time) in launches.iter().zip(times) {
                profiler.launch(launch.kernel(), time, warm);
            }
        }
        self.check()
    }

    /// The graph's dispatches, one command buffer per submit.
    fn encode(
        &self,
        graph: &CommandGraph,
        prepared: &Prepared,
        bindings: &Bindings,
        counters: &Counters,
        timestamps: Option<&Timestamps>,
    ) -> Vec<wgpu::CommandBuffer> {
        let parts = self.pace.parts(&prepared.work);
        let last = parts.len().saturating_sub(1);
        let encode = |(number, part): (usize, std::ops::Range<usize>)| {
            let mut encoder = self.device.create_command_encoder(&Default::default());
            let one_pass = |a: &(usize, usize), b: &(usize, usize)| timestamps.is_none() || a.0 == b.0;
            for dispatches in prepared.dispatches[part].chunk_by(one_pass) {
                let timestamp_writes = timestamps.map(|t| t.writes(dispatches[0].0));
                let mut pass = encoder
                    .begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes });
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
            if let (Some(timestamps), true) = (timestamps, number == last) {
                timestamps.resolve(&mut encoder);
            }
            encoder.finish()
        };
        parts.into_iter().enumerate().map(encode).collect()
    }
}
