//! Random tensors from a counter-based generator: the same numbers on every device.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use gpu_core::kernels::{self, RandomKind};
use gpu_core::{DType, Device};

use crate::compile::Lower;
use crate::op::{KernelOp, Meta};
use crate::{Tensor, capture_log};

/// A source of random tensors; clones share its state. Each draw has its own stream of Philox 4x32-10, numbered from 0. So draws do not
/// depend on each other's sizes, and drawing at every step needs no new plan.
///
/// ```
/// # use autograd::{Device, Generator};
/// let device = Device::named("cpu")?;
/// let first = Generator::new(7).uniform(&device, &[4]).to_vec::<f32>()?;
/// let again = Generator::new(7).uniform(&device, &[4]).to_vec::<f32>()?;
/// assert_eq!(first, again);
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Generator(Arc<Position>);

#[derive(Debug)]
struct Position {
    seed: AtomicU64,
    stream: AtomicU64,
}

impl Generator {
    /// A generator at the beginning of the seed's sequence.
    #[doc(alias = "manual_seed")]
    pub fn new(seed: u64) -> Generator {
        Generator::resume((seed, 0))
    }

    /// Seed and number of draws so far; [`Generator::resume`] continues from there.
    #[doc(alias = "get_rng_state")]
    pub fn state(&self) -> (u64, u64) {
        (self.0.seed.load(Relaxed), self.0.stream.load(Relaxed))
    }

    /// A generator that continues from a given [`state`](Generator::state).
    pub fn resume((seed, draws): (u64, u64)) -> Generator {
        Generator(Arc::new(Position { seed: AtomicU64::new(seed), stream: AtomicU64::new(draws) }))
    }

    /// Sets the [`state`](Generator::state) of the generator and all its clones.
    #[doc(alias = "set_rng_state")]
    pub fn set_state(&self, (seed, draws): (u64, u64)) {
        self.0.seed.store(seed, Relaxed);
        self.0.stream.store(draws, Relaxed);
    }

    /// Uniform in `[0, 1)`.
    #[doc(alias = "rand")]
    #[track_caller]
    pub fn uniform(&self, device: &Device, shape: &[usize]) -> Tensor {
        self.draw(RandomKind::Uniform, device, None, shape)
    }

    /// Standard normal.
    #[doc(alias = "randn")]
    #[track_caller]
    pub fn normal(&self, device: &Device, shape: &[usize]) -> Tensor {
        self.draw(RandomKind::Normal, device, None, shape)
    }

    /// 1.0 with probability `p`, else 0.0.
    #[track_caller]
    pub fn bernoulli(&self, device: &Device, p: f32, shape: &[usize]) -> Tensor {
        self.draw(RandomKind::Bernoulli, device, Some(Tensor::scalars(device, &[p])), shape)
    }

    /// The key of the next draw: seed and stream, u32 `[4]`.
    #[track_caller]
    pub(crate) fn next(&self, device: &Device) -> Tensor {
        let (seed, stream) = (self.0.seed.load(Relaxed), self.0.stream.fetch_add(1, Relaxed));
        let words = [seed as u32, (seed >> 32) as u32, stream as u32, (stream >> 32) as u32];
        let key = Tensor::scalars(device, &words);
        capture_log::note_draw(&key, self);
        key
    }

    #[track_caller]
    fn draw(&self, kind: RandomKind, device: &Device, p: Option<Tensor>, shape: &[usize]) -> Tensor {
        let seed = self.next(device);
        let inputs: Vec<&Tensor> = [&seed].into_iter().chain(p.as_ref()).collect();
        Tensor::record(Random(kind), &inputs, vec![Meta::new(shape, DType::F32)]).remove(0)
    }
}

#[derive(Debug, Hash)]
struct Random(RandomKind);

impl KernelOp for Random {
    fn name(&self) -> &'static str {
        "random"
    }

    fn lower(&self, cx: &mut Lower) {
        let count = cx.output_meta(0).numel();
        let mut args: Vec<_> = (0..cx.inputs()).map(|i| cx.dense(i)).collect();
        args.push(cx.output(0));
        cx.launch(kernels::Random { kind: self.0, count }, &args);
    }

    fn gradient(&self, inputs: &[Tensor], _: &[Tensor], _: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
        vec![None; inputs.len()]
    }

    fn differentiable(&self) -> bool {
        false
    }
}
