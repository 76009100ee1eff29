//! Plans: compiled once for each structure of graph, then replayed.

use std::sync::{Arc, LazyLock, Mutex};

use foldhash::HashMap;
use gpu_core::{Access, Arg, Buffer, CommandGraph, DType, Device, Kernel, Launch, Role, Slot, limits};

use super::chains::join_chains;
use super::channel_parts::{split_reductions, splits};
use super::combined_maps::combine_in_maps;
use super::conv_moments::fuse_moments;
use super::epilogue::fuse_epilogues;
use super::explain::{Passes, PlanView};
use super::lower::Lower;
use super::memory::{self, Temp};
use super::partial_sums::join_sums;
use super::place::SlotKind;
use super::request::Evaluation;
use super::rounded_updates::join_rounding;
use super::row_sums::fuse_row_sums;
use super::schedule::{begin_early, schedule};
use super::simplify::simplify;
use crate::op::Op;
use crate::{Error, Result, Tensor};

/// A compiled request.
struct Plan {
    view: PlanView,
    device: Device,
    /// What each external slot of the graph is.
    external: Vec<External>,
    /// External slot of every output of every wanted node.
    results: Vec<Vec<usize>>,
}

#[derive(Clone, Copy, Debug)]
enum External {
    /// A buffer with leaves.
    Leaf(usize),
    /// The step-varying numbers: an aligned row for each leaf.
    Scalars,
    Output {
        bytes: usize,
        role: Role,
    },
}

/// Plans by key.
#[derive(Default)]
struct Cache {
    plans: HashMap<Vec<u8>, Cached>,
    /// Host memory of all plans.
    bytes: usize,
    clock: u64,
}

struct Cached {
    plan: Arc<Plan>,
    bytes: usize,
    /// The clock at its last use.
    used: u64,
}

/// Maximum number of plans kept, and of their bytes of host memory; the least recently used plan is evicted first.
const MAX_PLANS: usize = 256;
const MAX_BYTES: usize = 128 << 20;

static CACHE: LazyLock<Mutex<Cache>> = LazyLock::new(Mutex::default);

/// Runs an evaluation; returns the buffers of the kept nodes, in order.
///
/// # Errors
/// Whatever goes wrong on the device.
pub(crate) fn run(
    device: &Device,
    evaluation: &Evaluation,
) -> std::result::Result<Vec<Vec<Buffer>>, Failure> {
    let key = evaluation.key(device);
    let known = CACHE.lock().unwrap_or_else(|e| e.into_inner()).get(&key);
    let plan = match known {
        Some(plan) => plan,
        None => {
            let _span = device.span("compile");
            let plan = Arc::new(Plan::compile(device, evaluation)?);
            CACHE.lock().unwrap_or_else(|e| e.into_inner()).insert(key, plan.clone());
            plan
        }
    };
    plan.run(evaluation).map_err(|error| plan.failure(error))
}

/// A failed evaluation.
pub(crate) struct Failure {
    pub error: Error,
    /// Whether memory that was to be overwritten in place may be partly written.
    pub overwrote: bool,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure { error, overwrote: false }
    }
}

/// The cached plans of `device`, least recently used first, with their launches, shaders, memory and cost.
pub fn plans(device: &Device) -> Vec<PlanView> {
    let cache = CACHE.lock().unwrap_or_else(|e| e.into_inner());
    let mut found: Vec<&Cached> =
        cache.plans.values().filter(|cached| cached.plan.device == *device).collect();
    found.sort_by_key(|cached| cached.used);
    found.into_iter().map(|cached| cached.plan.view.clone()).collect()
}

impl Cache {
    fn get(&mut self, key: &[u8]) -> Option<Arc<Plan>> {
        self.clock += 1;
        let cached = self.plans.get_mut(key)?;
        cached.used = self.clock;
        Some(cached.plan.clone())
    }

    fn insert(&mut self, key: Vec<u8>, plan: Arc<Plan>) {
        let bytes = key.len() + plan.view.graph.host_bytes();
        while !self.plans.is_empty() && (self.plans.len() >= MAX_PLANS || self.bytes + bytes > MAX_BYTES) {
            self.remove_oldest();
        }
        self.bytes += bytes;
        let replaced = self.plans.insert(key, Cached { plan, bytes, used: self.clock });
        // Two threads may compile the same plan at once.
        self.bytes -= replaced.map_or(0, |cached| cached.bytes);
    }

    fn remove_oldest(&mut self) {
        let oldest = self.plans.iter().min_by_key(|(_, cached)| cached.used).map(|(key, _)| key.clone());
        let removed = oldest.and_then(|key| self.plans.remove(&key));
        self.bytes -= removed.map_or(0, |cached| cached.bytes);
    }
}

impl Plan {
    /// # Errors
    /// Errors of [`CommandGraph::prepare`], before anything is allocated or run.
    fn compile(device: &Device, evaluation: &Evaluation) -> Result<Plan> {
        let (request, wiring, results) = evaluation.expand();
        let wiring = simplify(&request, &wiring);
        let mut lowered = Lower::run(device, &request, &wiring);
        let mut steps = std::mem::take(&mut lowered.steps);
        fuse_row_sums(&mut steps, &mut lowered.slots, device.target());
        let lowered_steps = steps.len();
        let steps = join_chains(steps, &lowered.slots, device.target());
        // Reductions of channels may be split first, and get epilogues after that.
        let whole = |kernel: &dyn Kernel| !splits(kernel);
        let mut steps = fuse_epilogues(steps, &mut lowered.slots, device.target(), whole);
        fuse_moments(&mut steps, device.target());
        split_reductions(&mut steps, &mut lowered.slots, device.target());
        let steps = combine_in_maps(steps, &lowered.slots, device.target());
        let steps = fuse_epilogues(steps, &mut lowered.slots, device.target(), |_| true);
        let epilogues = lowered_steps - steps.len();
        let mut steps = join_sums(steps, &mut lowered.slots, device.target());
        join_rounding(&mut steps, &mut lowered.slots, device.target());
        let emitted = steps.len();
        let launches = begin_early(schedule(steps, device.target()));
        let passes = Passes {
            recorded: request.nodes.len(),
            merged: wiring.live.iter().filter(|&&l| !l).count(),
            views: request.nodes.iter().zip(&wiring.live).filter(|(n, live)| **live && n.is_view()).count(),
            inlined: lowered.inlined,
            epilogues,
            horizontal: emitted - launches.len(),
            live_bytes: live_bytes(&lowered, &launches),
        };
        let (slots, launches, numbers) = assign_memory(&lowered, launches);
        let mut external = vec![];
        let mut numbered = HashMap::default();
        for (v, slot) in lowered.slots.iter().enumerate() {
            let kind = match slot.kind {
                SlotKind::Temp => continue,
                SlotKind::Leaf(slot) => External::Leaf(slot),
                SlotKind::Scalars => External::Scalars,
                SlotKind::Output => External::Output { bytes: slot.bytes, role: slot.role },
            };
            numbered.insert(numbers[v], external.len());
            external.push(kind);
        }
        let slot = |&(node, output): &(usize, usize)| numbered[&numbers[lowered.places(node)[output].slot]];
        let results: Vec<Vec<usize>> = results.iter().map(|of| of.iter().map(slot).collect()).collect();
        let kept: HashMap<usize, usize> = evaluation.kept().zip(0..).collect();
        for &((node, output), role) in &evaluation.roles {
            let slot = results[kept[&node]][output];
            if let External::Output { role: of, .. } = &mut external[slot] {
                *of = role;
            }
        }
        let graph = Arc::new(CommandGraph::new(device.target(), slots, launches));
        graph.prepare(device)?;
        let view = PlanView { graph, passes: Arc::new(passes) };
        if std::env::var_os("WGRAD_EXPLAIN").is_some_and(|v| v != "0") {
            eprintln!("{view}");
        }
        Ok(Plan { view, device: device.clone(), external, results })
    }

    /// A kernel's panic and a failed call outside of the device may come after a launch that writes in place; all other errors come before
    /// the first launch.
    fn failure(&self, error: Error) -> Failure {
        let writes_leaf = |launch: &Launch| {
            let access = launch.kernel().access();
            launch.args().iter().zip(access).any(|(arg, access)| {
                let leaf = matches!(self.external.get(arg.slot), Some(External::Leaf(_)));
                leaf && access != Access::Read
            })
        };
        let first = self.view.graph.launches().iter().position(writes_leaf).unwrap_or(usize::MAX);
        let overwrote = matches!(
            error, Error::Kernel { launches, .. } | Error::HostCall { launches, .. } if launches >= first
        );
        Failure { error, overwrote }
    }

    fn run(&self, evaluation: &Evaluation) -> Result<Vec<Vec<Buffer>>> {
        let bind = |external: &External| match *external {
            External::Leaf(slot) => Ok(evaluation.buffers[slot].clone()),
            External::Scalars => self.device.upload(&scalar_rows(&evaluation.snapshot.leaves), Role::State),
            External::Output { bytes, role } => self.device.alloc(bytes, role),
        };
        let buffers: Vec<Buffer> = self.external.iter().map(bind).collect::<Result<_>>()?;
        self.view.graph.run(&self.device, &buffers)?;
        let of = |slots: &Vec<usize>| slots.iter().map(|&slot| buffers[slot].clone()).collect();
        Ok(self.results.iter().map(of).collect())
    }
}

/// The bytes of all step-varying numbers, each leaf's at an aligned position.
fn scalar_rows(leaves: &[Tensor]) -> Vec<u8> {
    let mut rows = vec![];
    for leaf in leaves {
        if let Op::Scalars(values) = &leaf.node.op {
            let start = rows.len();
            rows.extend_from_slice(bytemuck::cast_slice(values));
            rows.resize(start + limits::BINDING_ALIGN, 0);
        }
    }
    rows
}

/// First and last launch that touch each virtual slot.
fn lives(lowered: &Lower, launches: &[Launch]) -> Vec<(usize, usize)> {
    let mut life = vec![(usize::MAX, 0); lowered.slots.len()];
    for (l, launch) in launches.iter().enumerate() {
        for arg in launch.args() {
            life[arg.slot] = (life[arg.slot].0.min(l), l);
        }
    }
    life
}

/// Bytes of live temporaries at every launch.
fn live_bytes(lowered: &Lower, launches: &[Launch]) -> Vec<usize> {
    let mut bytes = vec![0; launches.len()];
    for (slot, (first, last)) in lowered.slots.iter().zip(lives(lowered, launches)) {
        if slot.kind == SlotKind::Temp && first != usize::MAX {
            bytes[first..=last].iter_mut().for_each(|b| *b += slot.bytes);
        }
    }
    bytes
}

/// The graph's slots, the launches over them, and the graph slot of each virtual slot.
fn assign_memory(lowered: &Lower, launches: Vec<Launch>) -> (Vec<Slot>, Vec<Launch>, Vec<usize>) {
    let life = lives(lowered, &launches);
    let is_temp = |v: usize| lowered.slots[v].kind == SlotKind::Temp;
    let used: Vec<usize> =
        (0..lowered.slots.len()).filter(|&v| is_temp(v) && life[v].0 != usize::MAX).collect();
    let temp = |&v: &usize| {
        let slot = lowered.slots[v];
        Temp { bytes: slot.bytes.max(DType::BYTES), role: slot.role, first: life[v].0, last: life[v].1 }
    };
    let (placed, sizes) = memory::plan(&used.iter().map(temp).collect::<Vec<_>>());
    let mut slots = vec![];
    let mut numbers = vec![usize::MAX; lowered.slots.len()];
    for (v, slot) in lowered.slots.iter().enumerate().filter(|(v, _)| !is_temp(*v)) {
        numbers[v] = slots.len();
        slots.push(Slot::External { bytes: slot.bytes });
    }
    let first = slots.len();
    slots.extend(sizes.iter().map(|&(bytes, role)| Slot::Temp { bytes, role }));
    used.iter().zip(placed).for_each(|(&v, buffer)| numbers[v] = first + buffer);
    let renumber = |arg: &Arg| Arg { slot: numbers[arg.slot], ..*arg };
    let launches = launches
        .iter()
        .map(|l| Launch::new(l.kernel().clone(), l.args().iter().map(renumber).collect()))
        .collect();
    (slots, launches, numbers)
}

#[cfg(test)]
mod tests {
    use gpu_core::testing;

    use crate::{Tensor, plans};

    /// The least recently used plan is evicted, a plan that is used again stays, and an evicted plan is made again.
    #[test]
    fn old_plans_are_evicted() {
        let device = testing::cpu(1);
        let run = |n: usize| {
            let x = Tensor::from_slice(&device, &vec![0.5f32; n], &[n]).unwrap();
            assert_eq!((x.square() + 1.0).sum_all().item().unwrap(), 1.25 * n as f32);
        };
        run(1);
        for n in 2..=super::MAX_PLANS + 20 {
            run(n);
            run(1);
        }
        let compiled = || device.stats().compiles;
        let before = compiled();
        assert!(plans(&device).len() <= super::MAX_PLANS);
        run(1);
        assert_eq!(compiled(), before, "the plan in use is kept");
        run(2);
        assert_eq!(compiled(), before + 1, "the oldest one was dropped");
    }
}
