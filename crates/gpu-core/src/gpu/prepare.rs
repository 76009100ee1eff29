//! What a graph needs before it can run on a GPU: its pipelines.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::Gpu;
use super::pipelines::Pipeline;
use crate::graph::{CommandGraph, Launch};
use crate::stats::Counters;
use crate::{Error, Result};

/// A graph's pipelines and bind groups on a GPU.
pub(crate) struct Prepared {
    pub(super) launches: Vec<PreparedLaunch>,
}

pub(super) struct PreparedLaunch {
    pub stages: Vec<(Arc<Pipeline>, [u32; 3])>,
    /// Bind groups by the identities of the bound memory; few, because the pool hands the same memory out again.
    pub bind_groups: Mutex<Vec<(Vec<u64>, wgpu::BindGroup)>>,
}

/// Compilations that took longer are kept on disk.
const WORTH_KEEPING: Duration = Duration::from_millis(100);

impl Gpu {
    /// Compiles all pipelines of a graph, on all cores.
    pub fn prepare(&self, graph: &CommandGraph, counters: &Counters) -> Result<Prepared> {
        let compile = |launch: &Launch| {
            self.check_bindings(launch)?;
            let stages = launch.kernel().shaders().into_iter().map(|shader| {
                let pipeline = self.pipelines.get(launch, &shader, counters)?;
                Ok((pipeline, shader.workgroups))
            });
            Ok(PreparedLaunch { stages: stages.collect::<Result<_>>()?, bind_groups: Mutex::default() })
        };
        let start = Instant::now();
        let launches = graph.launches().par_iter().map(compile).collect::<Result<_>>()?;
        if start.elapsed() > WORTH_KEEPING {
            self.pipelines.keep();
        }
        Ok(Prepared { launches })
    }

    fn check_bindings(&self, launch: &Launch) -> Result<()> {
        let limit = self.device.limits().max_storage_buffer_binding_size as usize;
        match launch.args().iter().map(|arg| arg.bytes).find(|&bytes| bytes > limit) {
            Some(bytes) => {
                let (kernel, device) = (launch.kernel().name().to_owned(), self.name.clone());
                Err(Error::TooLarge { kernel, device, bytes, limit })
            }
            None => Ok(()),
        }
    }
}
