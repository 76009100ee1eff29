//! What a graph needs before it can run on a GPU: its pipelines, compiled on all cores.

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use web_time::Instant;

use super::Gpu;
use super::adapters::max_binding_bytes;
use super::pace;
use super::pipelines::Pipeline;
use crate::graph::{CommandGraph, Launch};
use crate::host_call::host_part;
use crate::stats::Counters;
use crate::{Error, Result, cpu, limits};

/// A graph's pipelines and bind groups on a GPU.
pub(crate) struct Prepared {
    pub(super) launches: Vec<PreparedLaunch>,
    /// Launch and stage of every dispatch.
    pub(super) dispatches: Vec<(usize, usize)>,
    /// The work of every dispatch, as [`pace::work`].
    pub(super) work: Vec<f64>,
    /// Launches that the host does, each with the number of dispatches before it.
    pub(super) host: Vec<(usize, usize)>,
}

pub(super) struct PreparedLaunch {
    pub stages: Vec<(Arc<Pipeline>, [u32; 3])>,
    /// Bind groups by the identities of the bound memory; few, because the pool reuses memory.
    pub bind_groups: Mutex<Vec<(Vec<u64>, wgpu::BindGroup)>>,
}

/// If compiling a graph takes longer, the compiled code is written to disk.
const WORTH_KEEPING: Duration = Duration::from_millis(100);

impl Gpu {
    /// Compiles all pipelines of a graph.
    pub fn prepare(&self, graph: &CommandGraph, counters: &Counters) -> Result<Prepared> {
        let start = Instant::now();
        let launches = graph.launches();
        #[cfg(target_arch = "wasm32")]
        let _compiled = self.pipelines.compile_ahead(launches);
        let prepared = on_all_cores(launches.len(), |i| self.prepare_launch(&launches[i], counters));
        let prepared: Vec<PreparedLaunch> = prepared.into_iter().collect::<Result<_>>()?;
        self.check()?;
        if start.elapsed() > WORTH_KEEPING {
            self.pipelines.keep();
        }
        let stages = |(i, launch): (usize, &PreparedLaunch)| (0..launch.stages.len()).map(move |s| (i, s));
        let dispatches: Vec<(usize, usize)> = prepared.iter().enumerate().flat_map(stages).collect();
        let work = |&(i, _): &(usize, usize)| {
            pace::work(launches[i].kernel().cost()) / prepared[i].stages.len() as f64
        };
        let work = dispatches.iter().map(work).collect();
        let host = (0..launches.len()).filter(|&i| host_part(&**launches[i].kernel()).is_some());
        let host = host.map(|i| (dispatches.partition_point(|d| d.0 < i), i)).collect();
        Ok(Prepared { launches: prepared, dispatches, work, host })
    }

    fn prepare_launch(&self, launch: &Launch, counters: &Counters) -> Result<PreparedLaunch> {
        self.check_sizes(launch)?;
        let shaders = catch_unwind(AssertUnwindSafe(|| launch.kernel().shaders()));
        let shaders = shaders.map_err(|panic| Error::Kernel {
            kernel: launch.kernel().name().into(),
            device: self.name.clone(),
            reason: cpu::message(&*panic),
            launches: 0,
        })?;
        let stages = shaders.into_iter().map(|shader| {
            self.check_count(launch, shader.numbers())?;
            let pipeline = self.pipelines.get(self, launch, &shader, counters)?;
            Ok((pipeline, shader.workgroups()))
        });
        Ok(PreparedLaunch { stages: stages.collect::<Result<_>>()?, bind_groups: Mutex::default() })
    }

    /// Whether the device can bind all arguments and shaders can count all elements.
    fn check_sizes(&self, launch: &Launch) -> Result<()> {
        let (kernel, limit) = (launch.kernel(), max_binding_bytes(&self.device.limits()));
        if let Some(bytes) = launch.args().iter().map(|arg| arg.bytes).find(|&bytes| bytes > limit) {
            let (kernel, device) = (kernel.name().to_owned(), self.name.clone());
            return Err(Error::TooLarge { kernel, device, bytes, limit });
        }
        self.check_count(launch, kernel.operand_elements())
    }

    /// Whether a shader can count so many elements.
    fn check_count(&self, launch: &Launch, elements: usize) -> Result<()> {
        let (kernel, limit) = (launch.kernel(), limits::ELEMENTS);
        if elements <= limit {
            return Ok(());
        }
        let (name, shape, device) = (kernel.name().to_owned(), kernel.shape(), self.name.clone());
        Err(Error::TooManyElements { kernel: name, shape, device, elements, limit })
    }
}

/// The results of `work` for every number below `count`, computed on new threads: the caller may be a rayon worker, which would run other
/// tasks of the program while it waits.
fn on_all_cores<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let some = || {
        let mut done = vec![];
        loop {
            let i = next.fetch_add(1, Relaxed);
            if i >= count {
                return done;
            }
            done.push((i, work(i)));
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(count);
    let mut done = thread::scope(|scope| {
        // If no thread can be started, this one does all the work.
        let start = |_| thread::Builder::new().spawn_scoped(scope, some).ok();
        let others: Vec<_> = (1..threads).filter_map(start).collect();
        let mut done = some();
        for other in others {
            done.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    });
    done.sort_by_key(|(i, _)| *i);
    done.into_iter().map(|(_, done)| done).collect()
}

#[cfg(test)]
mod tests {
    use super::on_all_cores;

    #[test]
    fn everything_is_done_once_and_in_order() {
        for count in [0, 1, 2, 100] {
            assert_eq!(on_all_cores(count, |i| i * i), (0..count).map(|i| i * i).collect::<Vec<_>>());
        }
    }
}
