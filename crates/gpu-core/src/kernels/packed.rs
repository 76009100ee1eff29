//! Kernels whose operands or results are halves.

use std::any::Any;
use std::sync::Arc;

use rayon::prelude::*;

use super::batch_norm::ChannelMoments;
use super::channel_parts::ChannelParts;
use super::conv2d::Conv2d;
use super::matmul::MatMul;
use super::partial_sums::PartialSum;
use super::reduce::Reduce;
use crate::cpu::HOST_ALIGN;
use crate::kernel::RawArg;
use crate::tune::{GpuProfile, Variants};
use crate::wgsl::wgsl;
use crate::{Access, Args, Cost, DType, Half, Kernel, Shader, Target};

/// A kernel some of whose f32 arguments are packed halves, two in a word.
///
/// Arguments: those of the kernel. On a GPU its shaders unpack values as they load them, and round and pack them as they store them; the CPU
/// twin has unpacked copies of whole arguments in scratch memory. Arithmetic stays f32, or is as exact (products of two f16 by cooperative
/// matrices), so that the results are those of the kernel on unpacked copies.
#[derive(Clone, Debug)]
pub struct Packed {
    kernel: Arc<dyn Kernel>,
    /// By the numbers of the kernel's arguments.
    halves: Vec<Option<Halves>>,
    /// Arguments that are not packed, although their values are f16.
    unpacked: Vec<usize>,
    /// Operands that lie in the memory of others, whose copies the CPU twin shares.
    shared: Vec<SharedCopy>,
}

/// An operand that lies in the memory of an earlier one.
#[derive(Clone, Copy, Debug)]
pub struct SharedCopy {
    /// The operand.
    pub argument: usize,
    /// The earlier operand, bound up to the end of this one.
    pub of: usize,
    /// Elements from the start of the earlier operand to this one.
    pub first: usize,
}

/// An argument that is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Halves {
    /// The type.
    pub half: Half,
    /// Number of elements of the argument.
    pub count: usize,
    /// Number of those that are read or written at least once.
    pub touched: usize,
}

/// Values that a task of the CPU twin unpacks or packs.
const TASK: usize = 16 * 1024;

impl Packed {
    /// `halves` has the packed arguments by the numbers of the kernel's arguments. `None` if the kernel both reads and writes one of them, or
    /// its shaders do not read it as f32, or do not write it as vectors of f32.
    pub fn new(kernel: Arc<dyn Kernel>, halves: Vec<Option<Halves>>) -> Option<Packed> {
        Packed::on_cpu(kernel, halves).filter(|packed| packed.with_halves().is_some())
    }

    /// As [`new`](Packed::new) for a kernel that is to run on the CPU, whatever its shaders do.
    fn on_cpu(kernel: Arc<dyn Kernel>, halves: Vec<Option<Halves>>) -> Option<Packed> {
        let access = kernel.access();
        let either = |(half, access): (&Option<_>, &Access)| half.is_none() || *access != Access::ReadWrite;
        let fits = halves.len() <= access.len() && halves.iter().zip(&access).all(either);
        fits.then_some(Packed { kernel, halves, unpacked: vec![], shared: vec![] })
    }

    /// As [`new`](Packed::new); on the CPU, whatever the shaders do.
    pub fn on(target: Target, kernel: Arc<dyn Kernel>, halves: Vec<Option<Halves>>) -> Option<Packed> {
        match target {
            Target::Cpu => Packed::on_cpu(kernel, halves),
            Target::Gpu => Packed::new(kernel, halves),
        }
    }

    /// The kernel with one argument packed, all of whose `count` elements are used; see [`on`](Packed::on).
    pub fn one(
        target: Target,
        kernel: Arc<dyn Kernel>,
        argument: usize,
        half: Half,
        count: usize,
    ) -> Option<Packed> {
        let mut halves = vec![None; argument];
        halves.push(Some(Halves { half, count, touched: count }));
        Packed::on(target, kernel, halves)
    }

    /// The kernel for operands some of which lie in the memory of others.
    pub fn sharing(self, shared: Vec<SharedCopy>) -> Packed {
        Packed { shared, ..self }
    }

    /// Number of elements of the CPU's copy of an argument.
    fn copied(&self, argument: usize) -> usize {
        let count = |a: usize| self.halves[a].map_or(0, |halves| halves.count);
        if self.shared.iter().any(|shared| shared.argument == argument) {
            return 0;
        }
        let inside = self.shared.iter().filter(|shared| shared.of == argument);
        inside.map(|shared| shared.first + count(shared.argument)).fold(count(argument), usize::max)
    }

    /// The kernel for operands whose values are f16, although the `unpacked` arguments, some of which are read, are stored as f32. `None` if
    /// it makes no difference.
    pub fn of_f16_values(&self, unpacked: Vec<usize>) -> Option<Packed> {
        let packed = Packed { unpacked, ..self.clone() };
        packed.of_f16().is_some().then_some(packed)
    }

    /// The kernel's shaders with halves, if that is possible.
    fn with_halves(&self) -> Option<Vec<Shader>> {
        let all = |shader: Shader| {
            self.packed().try_fold(shader, |shader, (a, h)| shader.with_halves(a, h.half, wgsl!("math")))
        };
        self.kernel.shaders().into_iter().map(all).collect()
    }

    fn packed(&self) -> impl Iterator<Item = (usize, Halves)> {
        self.halves.iter().enumerate().filter_map(|(a, halves)| Some((a, (*halves)?)))
    }

    /// The kernel for operands of f16, if they are, and it makes a difference.
    fn of_f16(&self) -> Option<Arc<dyn Kernel>> {
        let stored = |a: usize| match self.halves.get(a) {
            Some(Some(halves)) => (halves.half == Half::F16).then_some(true),
            _ => self.unpacked.contains(&a).then_some(false),
        };
        self.kernel.of_halves(&(0..self.kernel.access().len()).map(stored).collect::<Vec<_>>())
    }

    /// Whether a result is packed.
    fn packs(&self) -> bool {
        let access = self.kernel.access();
        self.packed().any(|(a, _)| access[a] == Access::Write)
    }

    /// A packed product with the row sums of its first factor; see [`MatMul::with_row_sums`].
    pub fn with_row_sums(&self, sums: &Reduce) -> Option<Packed> {
        let product = (&*self.kernel as &dyn Any).downcast_ref::<MatMul>()?;
        let half = self.halves.first().copied().flatten().map(|halves| halves.half);
        Packed::new(Arc::new(product.with_sums_of(sums, half)?), self.halves.clone())
    }

    /// A packed convolution with the moments of its packed output; see [`Conv2d::with_moments`].
    pub fn with_moments(&self, moments: &ChannelMoments) -> Option<Packed> {
        let kernel: Arc<dyn Kernel> = match (&*self.kernel as &dyn Any).downcast_ref::<Packed>() {
            Some(inner) => Arc::new(inner.with_moments(moments)?),
            None => {
                let conv: &Conv2d = (&*self.kernel as &dyn Any).downcast_ref()?;
                Arc::new(conv.with_moments(moments)?)
            }
        };
        Some(Packed { kernel, ..self.clone() })
    }

    /// Bytes of the CPU's copy of an argument, rounded up to the alignment.
    fn copy(count: usize) -> usize {
        (count * DType::BYTES).next_multiple_of(HOST_ALIGN)
    }
}

impl Kernel for Packed {
    fn name(&self) -> &'static str {
        self.kernel.name()
    }

    fn shape(&self) -> String {
        let halves = self.packed().map(|(a, Halves { half, .. })| format!(", argument {a} of {half}"));
        self.kernel.shape() + &halves.collect::<String>()
    }

    fn access(&self) -> Vec<Access> {
        self.kernel.access()
    }

    fn scratch(&self, target: Target) -> usize {
        let own = self.kernel.scratch(target);
        match target {
            Target::Gpu => own,
            Target::Cpu => {
                own.next_multiple_of(HOST_ALIGN)
                    + self.packed().map(|(a, _)| Self::copy(self.copied(a))).sum::<usize>()
            }
        }
    }

    fn shaders(&self) -> Vec<Shader> {
        self.with_halves().expect("checked when it was made")
    }

    fn operand_elements(&self) -> usize {
        self.kernel.operand_elements()
    }

    fn emits(&self) -> bool {
        self.kernel.emits() && !self.packs()
    }

    fn parts(&self) -> Option<ChannelParts> {
        self.kernel.parts().filter(|_| !self.packs())
    }

    fn partial_sums(&self) -> Option<Vec<PartialSum>> {
        self.kernel.partial_sums().filter(|_| !self.packs())
    }

    fn variants(&self, gpu: &GpuProfile) -> Option<Variants> {
        let kernel = self.of_f16().unwrap_or_else(|| self.kernel.clone());
        let Variants { class, options, cooperative } = kernel.variants(gpu)?;
        let packed = |(name, kernel): (String, Arc<dyn Kernel>)| {
            Some((name, Arc::new(Packed::new(kernel, self.halves.clone())?) as Arc<dyn Kernel>))
        };
        let halves: String = self.packed().map(|(a, Halves { half, .. })| format!(" {a}:{half}")).collect();
        let values: String = self.unpacked.iter().map(|a| format!(" {a}:f16 values")).collect();
        let options = options.into_iter().filter_map(packed).collect();
        Some(Variants { class: class + &halves + &values, options, cooperative })
    }

    fn run(&self, args: &Args) {
        // Values of f16 that are stored as f32 are read as they are.
        if self.packed().next().is_none() {
            return self.kernel.run(args);
        }
        let count = self.kernel.access().len();
        let whole = args.raw(count);
        let own = self.kernel.scratch(Target::Cpu);
        assert!(whole.bytes >= self.scratch(Target::Cpu), "scratch memory is too short");
        let mut start = own.next_multiple_of(HOST_ALIGN);
        let mut raw: Vec<RawArg> = (0..count).map(|a| args.raw(a)).collect();
        for (argument, Halves { half, count, .. }) in self.packed() {
            let copied = self.copied(argument);
            // SAFETY: a part of the scratch memory that nothing else uses.
            let mut pointer = unsafe { whole.pointer.add(start) };
            start += Self::copy(copied);
            if let Some(shared) = self.shared.iter().find(|shared| shared.argument == argument) {
                // SAFETY: a part of the earlier operand's copy.
                pointer = unsafe { raw[shared.of].pointer.add(shared.first * DType::BYTES) };
            } else if raw[argument].access == Access::Read {
                // SAFETY: aligned as an argument; halves lie in another argument.
                let copy = unsafe { std::slice::from_raw_parts_mut(pointer.cast::<u32>(), copied) };
                let parts = args.read::<u16>(argument)[..copied].par_chunks(TASK);
                parts.zip(copy.par_chunks_mut(TASK)).for_each(|(halves, copy)| half.unpack(halves, copy));
            }
            raw[argument] = RawArg { pointer, bytes: count * DType::BYTES, ..raw[argument] };
        }
        let own = (own > 0).then_some(RawArg { bytes: own, ..whole });
        // SAFETY: arguments of this kernel and parts of its scratch memory, which do not overlap.
        self.kernel.run(&unsafe { Args::new(raw.iter().copied().chain(own)) });
        for (argument, Halves { half, count, .. }) in
            self.packed().filter(|(a, _)| raw[*a].access == Access::Write)
        {
            // SAFETY: as above; the kernel has written it.
            let copy = unsafe { std::slice::from_raw_parts(raw[argument].pointer.cast::<u32>(), count) };
            let parts = args.write::<u16>(argument)[..count].par_chunks_mut(TASK);
            parts.zip(copy.par_chunks(TASK)).for_each(|(halves, copy)| half.pack(copy, halves));
        }
    }

    fn cost(&self) -> Cost {
        let cost = self.kernel.cost();
        let spared: usize =
            self.packed().map(|(_, halves)| halves.touched * (DType::BYTES - Half::BYTES)).sum();
        Cost { bytes: cost.bytes.saturating_sub(spared as u64), ..cost }
    }
}
