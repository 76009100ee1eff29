//! The last stages of many kernels as one launch: products over long inner dimensions, gradients of weights and scales are computed in
//! parts, which are added up at the end.

use std::sync::Arc;

use crate::cpu::HOST_ALIGN;
use crate::kernel::RawArg;
use crate::wgsl::{Source, wgsl};
use crate::{Access, Args, Cost, DType, Kernel, Shader, Target};

/// Where the terms of a kernel's output lie in its scratch memory: `output[i] = sum over k < terms of scratch[first + step i + stride k]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartialSum {
    /// Elements of the output.
    pub count: usize,
    /// Position of the first term of element 0.
    pub first: usize,
    /// Distance between the terms of neighbouring elements.
    pub step: usize,
    /// Distance between the terms of one element.
    pub stride: usize,
    /// Terms of every element.
    pub terms: usize,
}

/// A kernel without its last stage, which adds up [partial results](Kernel::partial_sums).
///
/// Arguments: what the kernel reads, in its order; written: the partial results, which are its scratch memory otherwise. The CPU twin does
/// not split sums: the first term is the result, the others are 0.
#[derive(Clone, Debug)]
pub struct Unsummed {
    kernel: Arc<dyn Kernel>,
    sums: Vec<PartialSum>,
}

impl Unsummed {
    /// `None` where the kernel's last stage does something else.
    pub fn new(kernel: Arc<dyn Kernel>) -> Option<Unsummed> {
        let sums = kernel.partial_sums()?;
        Some(Unsummed { kernel, sums })
    }

    /// One for each output of the kernel, in their order.
    pub fn sums(&self) -> &[PartialSum] {
        &self.sums
    }

    /// Bytes of the partial results.
    pub fn bytes(&self) -> usize {
        self.kernel.scratch(Target::Gpu)
    }

    /// Number of arguments that are read; they come first.
    pub fn reads(&self) -> usize {
        self.kernel.access().iter().filter(|&&a| a == Access::Read).count()
    }
}

impl Kernel for Unsummed {
    fn name(&self) -> &'static str {
        self.kernel.name()
    }

    fn shape(&self) -> String {
        format!("{}, in parts", self.kernel.shape())
    }

    fn access(&self) -> Vec<Access> {
        [vec![Access::Read; self.reads()], vec![Access::Write]].concat()
    }

    fn shaders(&self) -> Vec<Shader> {
        let mut shaders = self.kernel.shaders();
        shaders.pop();
        shaders.iter_mut().for_each(|shader| shader.rebind(self.kernel.access().len(), self.reads()));
        shaders
    }

    fn operand_elements(&self) -> usize {
        self.kernel.operand_elements()
    }

    fn run(&self, args: &Args) {
        // Vectors of cache lines, from which a range aligned like arguments is taken.
        let memory = |bytes: usize| vec![[0u8; HOST_ALIGN]; bytes.div_ceil(HOST_ALIGN) + 1];
        let raw = |memory: &mut Vec<[u8; HOST_ALIGN]>, bytes: usize| {
            let pointer = memory.as_mut_ptr().cast::<u8>();
            let pointer = pointer.wrapping_add(pointer.align_offset(HOST_ALIGN));
            RawArg { pointer, bytes, access: Access::Write }
        };
        let bytes = |sum: &PartialSum| sum.count * DType::BYTES;
        let mut outputs: Vec<_> = self.sums.iter().map(|sum| memory(bytes(sum))).collect();
        let results: Vec<RawArg> =
            outputs.iter_mut().zip(&self.sums).map(|(memory, sum)| raw(memory, bytes(sum))).collect();
        let scratch = self.kernel.scratch(Target::Cpu);
        let mut own = memory(scratch);
        let own = (scratch > 0).then(|| raw(&mut own, scratch));
        let reads = (0..self.reads()).map(|a| args.raw(a));
        // SAFETY: arguments that are only read, and newly allocated memory.
        self.kernel.run(&unsafe { Args::new(reads.chain(results.iter().copied()).chain(own)) });
        let partials = args.write::<f32>(self.reads());
        partials.fill(0.0);
        for (sum, result) in self.sums.iter().zip(&results) {
            // SAFETY: the result's own length, and written above.
            let result = unsafe { std::slice::from_raw_parts(result.pointer.cast::<f32>(), sum.count) };
            result.iter().enumerate().for_each(|(i, value)| partials[sum.first + sum.step * i] = *value);
        }
    }

    fn cost(&self) -> Cost {
        self.kernel.cost()
    }
}

/// Adds up the partial results of several kernels.
///
/// Arguments: the partial results of all, read; the buffer of the results, whose other elements keep their values.
#[derive(Clone, Debug)]
pub struct SumPartials {
    /// Each sum's place in the partial results, and where its results begin in their buffer.
    pub sums: Vec<(PartialSum, usize)>,
}

impl Kernel for SumPartials {
    fn name(&self) -> &'static str {
        "sum_partials"
    }

    fn shape(&self) -> String {
        let count: usize = self.sums.iter().map(|(sum, _)| sum.count).sum();
        format!("{count} elements of {} tensors", self.sums.len())
    }

    fn access(&self) -> Vec<Access> {
        vec![Access::Read, Access::ReadWrite]
    }

    fn shaders(&self) -> Vec<Shader> {
        let (mut start, mut text) = (0, String::new());
        for (PartialSum { count, first, step, stride, terms }, to) in &self.sums {
            text += &format!(
                "    if (g >= {start}u) {{ start = {start}u; count = {count}u; first = {first}u; step = {step}u; \
                 stride = {stride}u; terms = {terms}u; to = {to}u; }}\n"
            );
            start += count.div_ceil(64);
        }
        let source = Source::new(wgsl!("sum_partials")).set("WORKGROUPS", start);
        vec![Shader::linear(source.block("segments", text.trim_end()).finish(), start, 1)]
    }

    fn run(&self, args: &Args) {
        let (partials, results) = (args.read::<f32>(0), args.write::<f32>(1));
        for &(PartialSum { count, first, step, stride, terms }, to) in &self.sums {
            for (i, result) in results[to..][..count].iter_mut().enumerate() {
                let term = |k: usize| f64::from(partials[first + step * i + stride * k]);
                *result = (0..terms).map(term).sum::<f64>() as f32;
            }
        }
    }

    fn cost(&self) -> Cost {
        let terms: usize = self.sums.iter().map(|(sum, _)| sum.count * sum.terms).sum();
        let results: usize = self.sums.iter().map(|(sum, _)| sum.count).sum();
        Cost { flops: terms as u64, bytes: 4 * (terms + results) as u64 }
    }
}
