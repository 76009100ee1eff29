//! A readable account of what the compiler's passes did to a recorded graph.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use gpu_core::CommandGraph;

/// Counts of the compiler's passes over one plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passes {
    /// Nodes that were recorded.
    pub recorded: usize,
    /// Nodes that repeat others, and nodes that are dead after merging.
    pub merged: usize,
    /// Views, which cost nothing.
    pub views: usize,
    /// Element-wise results that never get memory: they are computed by the launches that read them.
    pub inlined: usize,
    /// Element-wise launches that have become a part of the launch before them.
    pub epilogues: usize,
    /// Launches saved by horizontal fusion, which joins element-wise launches of one shape.
    pub horizontal: usize,
    /// Bytes of live temporary memory at every launch, before temporaries share buffers.
    pub live_bytes: Vec<usize>,
}

/// A compiled plan: its [`CommandGraph`], and the counts of the compiler's passes.
///
/// ```
/// # use autograd::{Device, Tensor, plans};
/// let device = Device::named("cpu")?;
/// let x = Tensor::from_slice(&device, &[1.0f32, 2.0, 3.0, 4.0, 5.0], &[5])?;
/// let y = x.exp().square().sum_all();
/// y.item()?;
/// let plan = plans(&device).into_iter().find(|p| p.passes().inlined == 2).expect("the plan just made");
/// assert_eq!(plan.launches().len(), 1); // the exponential and the square are computed inside of the sum
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone)]
pub struct PlanView {
    pub(super) graph: Arc<CommandGraph>,
    pub(super) passes: Arc<Passes>,
}

impl PlanView {
    /// What each pass of the compiler has done.
    pub fn passes(&self) -> &Passes {
        &self.passes
    }

    /// A table of the passes, the launches, and the live temporary memory at each; `WGRAD_EXPLAIN=1` prints it to standard error for
    /// every plan that is made.
    pub fn explain(&self) -> String {
        self.to_string()
    }
}

impl Deref for PlanView {
    type Target = CommandGraph;

    fn deref(&self) -> &CommandGraph {
        &self.graph
    }
}

impl fmt::Display for PlanView {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Passes { recorded, merged, views, inlined, epilogues, horizontal, live_bytes } = &*self.passes;
        let mib = |bytes: usize| bytes as f64 / f64::from(1 << 20);
        let (launches, cost) = (self.graph.launches(), self.graph.cost());
        writeln!(
            f,
            "{recorded} nodes: {merged} merged or dead, {views} views, {inlined} computed where they are read; {epilogues} \
             epilogues, {horizontal} launches fused horizontally, {} left",
            launches.len()
        )?;
        writeln!(
            f,
            "{:.3} GFLOP, {:.1} MB moved; temporaries {:.1} MiB, at most {:.1} MiB in use at once",
            cost.flops as f64 * 1e-9,
            cost.bytes as f64 * 1e-6,
            mib(self.graph.temp_bytes()),
            mib(live_bytes.iter().copied().max().unwrap_or(0))
        )?;
        writeln!(f, "{:>5} {:>10} {:>10} {:>10}  kernel and slots", "", "MFLOP", "MB", "live MiB")?;
        for (i, (launch, &live)) in launches.iter().zip(live_bytes).enumerate() {
            let cost = launch.kernel().cost();
            let slots: Vec<String> = launch.args().iter().map(|a| a.slot.to_string()).collect();
            writeln!(
                f,
                "{i:>5} {:>10.3} {:>10.3} {:>10.2}  {} {} [{}]",
                cost.flops as f64 * 1e-6,
                cost.bytes as f64 * 1e-6,
                mib(live),
                launch.kernel().name(),
                launch.kernel().shape(),
                slots.join(" ")
            )?;
        }
        Ok(())
    }
}
