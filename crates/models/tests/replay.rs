//! Replaying the plan of a training step: the CPU device allocates nothing, and on a GPU no pipeline, bind group or buffer is created.
//! The tests count operations of the whole process, so they run one at a time.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard};

use autograd::{Device, Tensor, plans};
use gpu_core::{Buffer, CommandGraph, Role, Slot, testing};
use models::{AdamW, CharRnn, CharRnnOptions, Gpt, GptOptions, Mode, Params, ResNet, Sgd};

/// The system's allocator, with counters.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

// SAFETY: all calls are forwarded to the system allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        BYTES.fetch_add(layout.size() as u64, Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Number and bytes of the allocations of `f`, the least of several runs, as a thread pool occasionally grows its queues.
fn allocations(f: impl Fn()) -> (u64, u64) {
    let count = || (ALLOCATIONS.load(Relaxed), BYTES.load(Relaxed));
    let run = |_| {
        let before = count();
        f();
        let after = count();
        (after.0 - before.0, after.1 - before.1)
    };
    f();
    (0..4).map(run).min().expect("some runs")
}

fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(|e| e.into_inner())
}

/// A training step of a small model that also reads the loss.
type Step = Box<dyn FnMut()>;

const MODELS: [fn(&Device) -> Step; 3] = [residual, transformer, recurrent];

fn step_of(mut opt: impl FnMut(&Tensor) + 'static, loss: impl Fn() -> Tensor + 'static) -> Step {
    Box::new(move || {
        let loss = loss();
        opt(&loss);
        assert!(loss.item().unwrap().is_finite());
    })
}

fn residual(device: &Device) -> Step {
    let params = Params::new(device, 0);
    let net = ResNet::cifar(&params, 8, 10);
    let mut opt = Sgd::new(&params).momentum(0.9).weight_decay(1e-4);
    let images = Tensor::ones(device, &[8, 3, 16, 16]);
    let classes = Tensor::from_slice(device, &[0i32, 1, 2, 3, 4, 5, 6, 7], &[8]).unwrap();
    let loss = move || net.forward(&images, Mode::Train).cross_entropy(&classes);
    step_of(move |loss| opt.step(loss.backward(), 0.01).unwrap(), loss)
}

/// `[2, 12]` numbers below 20.
fn tokens(device: &Device) -> Tensor {
    let tokens: Vec<i32> = (0..24).map(|i| i * 7 % 20).collect();
    Tensor::from_slice(device, &tokens, &[2, 12]).unwrap()
}

fn transformer(device: &Device) -> Step {
    let params = Params::new(device, 0);
    let net =
        Gpt::new(&params, GptOptions { vocab: 20, context: 12, width: 32, heads: 2, depth: 2, dropout: 0.1 });
    let mut opt = AdamW::new(&params);
    let tokens = tokens(device);
    let loss =
        move || net.forward(&tokens, Mode::Train).reshape(&[24, 20]).cross_entropy(&tokens.reshape(&[24]));
    step_of(move |loss| opt.step(loss.backward(), 0.01).unwrap(), loss)
}

fn recurrent(device: &Device) -> Step {
    let params = Params::new(device, 0);
    let net = CharRnn::lstm(&params, CharRnnOptions { vocab: 20, embed: 16, hidden: 32, layers: 2 });
    let mut opt = AdamW::new(&params);
    let tokens = tokens(device);
    let loss = move || {
        let (logits, _) = net.forward(&tokens, None);
        logits.reshape(&[24, 20]).cross_entropy(&tokens.reshape(&[24]))
    };
    step_of(move |loss| opt.step(loss.backward(), 0.01).unwrap(), loss)
}

fn externals(device: &Device, graph: &CommandGraph) -> Vec<Buffer> {
    let bytes = graph.slots().iter().filter_map(|slot| match slot {
        Slot::External { bytes } => Some(*bytes),
        Slot::Temp { .. } => None,
    });
    bytes.map(|bytes| device.alloc(bytes, Role::Activation).unwrap()).collect()
}

#[test]
fn replays_allocate_nothing_on_the_cpu() {
    let _alone = alone();
    for model in MODELS {
        let device = Device::named("cpu").unwrap();
        let mut step = model(&device);
        (0..3).for_each(|_| step());
        let plan = plans(&device).into_iter().max_by_key(|p| p.launches().len()).expect("a plan");
        let buffers = externals(&device, &plan);
        let launches = plan.launches().iter().filter(|l| !ALLOCATING.contains(&l.kernel().name())).cloned();
        let graph = CommandGraph::new(device.target(), plan.slots().to_vec(), launches.collect());
        let (count, bytes) = allocations(|| graph.run(&device, &buffers).unwrap());
        assert!(
            count == 0,
            "{count} allocations of {bytes} bytes in a replay: {:#?}",
            by_family(&device, &plan)
        );
    }
}

/// The `gemm` crate packs an operand into memory allocated for each product.
const ALLOCATING: [&str; 1] = ["matmul"];

/// All launches of a kernel.
#[derive(Debug, Default)]
#[allow(dead_code)] // printed
struct Family {
    launches: u64,
    allocations: u64,
    bytes: u64,
}

/// Allocations by kernel: runs each launch as a separate graph.
fn by_family(device: &Device, plan: &CommandGraph) -> BTreeMap<&'static str, Family> {
    let mut families: BTreeMap<&'static str, Family> = BTreeMap::new();
    let buffers = externals(device, plan);
    for launch in plan.launches() {
        let graph = CommandGraph::new(device.target(), plan.slots().to_vec(), vec![launch.clone()]);
        let (count, bytes) = allocations(|| graph.run(device, &buffers).unwrap());
        let family = families.entry(launch.kernel().name()).or_default();
        family.launches += 1;
        family.allocations += count;
        family.bytes += bytes;
    }
    families
}

#[test]
fn replays_create_nothing_on_a_gpu() {
    let _alone = alone();
    for (device, model) in testing::devices().iter().flat_map(|d| MODELS.map(|model| (d, model))) {
        let mut step = model(device);
        (0..4).for_each(|_| step());
        let before = device.stats();
        (0..4).for_each(|_| step());
        let after = device.stats();
        let created = |s: gpu_core::Stats| (s.compiles, s.pipelines, s.bind_groups, s.allocations, s.bytes);
        assert_eq!(created(after), created(before), "{}", device.info());
        assert_eq!(after.replays(), before.replays() + 4, "one submit a step");
        assert_eq!((after.launches - before.launches) % 4, 0);
    }
}
