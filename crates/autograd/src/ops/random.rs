//! Random tensors from a counter-based generator: the same numbers on every device.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use gpu_core::kernels::{self, RandomKind};
use gpu_core::{DType, Device};

use crate::Tensor;
use crate::compile::Lower;
use crate::op::{KernelOp, Meta};

/// A source of random tensors. Each draw has its own stream of Philox 4x32-10, numbered from 0, so that draws do not
/// depend on each other's sizes, and drawing at every step never makes a new plan.
///
/// ```
/// # use autograd::{Device, Generator};
/// let device = Device::named("cpu")?;
/// let first = Generator::new(7).uniform(&device, &[4]).to_vec::<f32>()?;
/// let again = Generator::new(7).uniform(&device, &[4]).to_vec::<f32>()?;
/// assert_eq!(first, again);
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Debug)]
pub struct Generator {
    seed: u64,
    stream: AtomicU64,
}

impl Generator {
    pub fn new(seed: u64) -> Generator {
        Generator { seed, stream: AtomicU64::new(0) }
    }

    /// Seed and number of draws so far: with [`Generator::resume`], the way to go on where a run stopped.
    pub fn state(&self) -> (u64, u64) {
        (self.seed, self.stream.load(Relaxed))
    }

    /// A generator in a given [`state`](Generator::state).
    pub fn resume((seed, draws): (u64, u64)) -> Generator {
        Generator { seed, stream: AtomicU64::new(draws) }
    }

    /// Uniform in `[0, 1)`.
    #[track_caller]
    pub fn uniform(&self, device: &Device, shape: &[usize]) -> Tensor {
        self.draw(RandomKind::Uniform, device, None, shape)
    }

    /// Standard normal.
    #[track_caller]
    pub fn normal(&self, device: &Device, shape: &[usize]) -> Tensor {
        self.draw(RandomKind::Normal, device, None, shape)
    }

    /// 1.0 with probability `p`, else 0.0.
    #[track_caller]
    pub fn bernoulli(&self, device: &Device, p: f32, shape: &[usize]) -> Tensor {
        self.draw(RandomKind::Bernoulli, device, Some(Tensor::scalars(device, &[p])), shape)
    }

    #[track_caller]
    fn draw(&self, kind: RandomKind, device: &Device, p: Option<Tensor>, shape: &[usize]) -> Tensor {
        let stream = self.stream.fetch_add(1, Relaxed);
        let words = [self.seed as u32, (self.seed >> 32) as u32, stream as u32, (stream >> 32) as u32];
        let seed = Tensor::scalars(device, &words);
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
