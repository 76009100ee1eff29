//! Encoding and submitting a graph.

use std::time::Instant;

use super::Gpu;
use super::prepare::{Prepared, PreparedLaunch};
use super::unfinished;
use crate::Result;
use crate::graph::{Bindings, CommandGraph, Launch};
use crate::profile::{Profiler, Timestamps};
use crate::stats::Counters;

impl Gpu {
    /// Encodes every launch into one pass and submits it. While it is profiled (with `warm` as in [`Profiler::launch`]) each
    /// launch gets a pass of its own between timestamps, and the run waits for the end.
    pub fn run(
        &self,
        graph: &CommandGraph,
        prepared: &Prepared,
        bindings: &Bindings,
        counters: &Counters,
        profiler: Option<(&Profiler, bool)>,
    ) -> Result<()> {
        self.check()?;
        let mut encoder = self.device.create_command_encoder(&Default::default());
        let launches = graph.launches().iter().zip(&prepared.launches);
        let timestamps = profiler
            .and_then(|p| Some((p, Timestamps::new(&self.device, &self.queue, graph.launches().len())?)));
        let Some(((profiler, warm), timestamps)) = timestamps else {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            launches
                .for_each(|(launch, prepared)| self.encode(&mut pass, launch, prepared, bindings, counters));
            drop(pass);
            self.queue.submit([encoder.finish()]);
            unfinished::note(&self.device);
            return self.check();
        };
        for (i, (launch, prepared)) in launches.enumerate() {
            let timestamp_writes = Some(timestamps.writes(i));
            let mut pass =
                encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes });
            self.encode(&mut pass, launch, prepared, bindings, counters);
        }
        timestamps.resolve(&mut encoder);
        let start = Instant::now();
        self.queue.submit([encoder.finish()]);
        for (launch, time) in graph.launches().iter().zip(timestamps.read(&self.device, start)) {
            profiler.launch(launch.kernel(), time, warm);
        }
        self.check()
    }

    fn encode(
        &self,
        pass: &mut wgpu::ComputePass,
        launch: &Launch,
        prepared: &PreparedLaunch,
        bindings: &Bindings,
        counters: &Counters,
    ) {
        let group = self.bind_group(launch, prepared, bindings, counters);
        pass.set_bind_group(0, &group, &[]);
        for (stage, [x, y, z]) in &prepared.stages {
            pass.set_pipeline(&stage.pipeline);
            pass.dispatch_workgroups(*x, *y, *z);
        }
    }
}
