//! Emitting launches and element-wise steps.

use std::sync::Arc;

use gpu_core::kernels::{Halves, MatMul, Packed, SharedCopy};
use gpu_core::{Access, Arg, DType, Half, Kernel, Launch, Layout, Role, Target, limits};

use super::Lower;
use crate::compile::expr::Expr;
use crate::compile::place::{self, Place, SlotKind};
use crate::compile::schedule::{MAX_CODE, MapStep, Step};

impl Lower<'_> {
    /// Whether the plan is for the CPU or a GPU.
    pub fn target(&self) -> Target {
        self.device.target()
    }

    /// Buffers that one launch may bind, scratch memory included.
    pub fn buffers(&self) -> usize {
        self.target().arguments()
    }

    /// Whether one launch can compute an expression.
    pub fn fits(&self, expr: &Expr) -> bool {
        expr.slots().len() < self.buffers() && expr.len() <= MAX_CODE
    }

    /// Temporary memory for `numel` elements, live from the first to the last launch that uses it.
    pub fn temp(&mut self, numel: usize) -> Arg {
        let bytes = numel * DType::BYTES;
        let slot = self.slot(SlotKind::Temp, bytes, Role::Activation);
        Arg { slot, offset: 0, bytes }
    }

    /// Temporary memory as an operand of `shape`.
    pub fn temp_expr(&self, arg: Arg, shape: &[usize]) -> Expr {
        Expr::load(Place::new(arg.slot, Layout::contiguous(shape)), DType::F32)
    }

    /// Appends a launch, with the scratch memory that the kernel needs. A launch that writes nothing is left out.
    pub fn launch(&mut self, kernel: impl Kernel + 'static, args: &[Arg]) {
        let access = kernel.access();
        if access.iter().zip(args).all(|(a, arg)| *a == Access::Read || arg.bytes == 0) {
            return;
        }
        let mut args = args.to_vec();
        let kernel = self.unpacking(Arc::new(kernel), &mut args);
        let sizes: Vec<usize> = args.iter().map(|arg| arg.bytes).collect();
        let kernel = self.device.tuned(kernel, &sizes);
        self.copy_reads_of_written_slots(&access, &mut args);
        let scratch = kernel.scratch(self.target());
        if scratch > 0 {
            args.push(self.temp(scratch.div_ceil(DType::BYTES)));
        }
        self.steps.push(Step::Kernel(Launch::new(kernel, args)));
    }

    /// The kernel for operands of which some are packed, or have values of f16. If it can't unpack them, they are copied.
    fn unpacking(&mut self, kernel: Arc<dyn Kernel>, args: &mut [Arg]) -> Arc<dyn Kernel> {
        let of = |arg: &Arg| self.packed.iter().find(|(a, _)| a == arg).map(|&(_, halves)| halves);
        let halves: Vec<Option<Halves>> = args.iter().map(of).collect();
        let unpacked: Vec<usize> = (0..args.len()).filter(|&a| self.unpacked.contains(&args[a])).collect();
        if halves.iter().all(Option::is_none) && unpacked.is_empty() {
            return kernel;
        }
        if let Some(packed) = Packed::on(self.target(), kernel.clone(), halves.clone()) {
            let packed = packed.sharing(match self.target() {
                Target::Cpu => shared_copies(&kernel.access(), &halves, args),
                Target::Gpu => vec![],
            });
            return match packed.of_f16_values(unpacked) {
                Some(of_values) => Arc::new(of_values),
                None if halves.iter().all(Option::is_none) => kernel,
                None => Arc::new(packed),
            };
        }
        for (arg, halves) in args.iter_mut().zip(halves) {
            let Some(Halves { half, count, .. }) = halves else { continue };
            let layout = Layout::new(vec![count], vec![1], arg.offset / Half::BYTES);
            let place = Place { slot: arg.slot, layout, half: Some(half) };
            *arg = self.write_dense(Expr::load(place, DType::F32));
        }
        kernel
    }

    /// Copies operands whose slot is also written: a buffer can't be bound for reading and writing at once, not even at different
    /// ranges.
    fn copy_reads_of_written_slots(&mut self, access: &[Access], args: &mut [Arg]) {
        for i in 0..args.len() {
            let written = |(a, arg): (&Access, &Arg)| *a != Access::Read && arg.slot == args[i].slot;
            if access[i] == Access::Read && access.iter().zip(&*args).any(written) {
                let words = args[i].bytes / DType::BYTES;
                let layout = Layout::new(vec![words], vec![1], args[i].offset / DType::BYTES);
                args[i] = self.write_dense(Expr::load(Place::new(args[i].slot, layout), DType::U32));
            }
        }
    }

    /// A matrix product of strided operands into dense memory.
    pub(crate) fn matmul(&mut self, a: (Arg, Layout), b: (Arg, Layout), out: Arg) {
        self.launch(MatMul::new(a.1, b.1), &[a.0, b.0, out]);
    }

    /// Computes an expression into memory.
    pub(super) fn write(&mut self, expr: Expr, to: Place) {
        if to.layout.numel() == 0 {
            return;
        }
        // A buffer can't be bound for reading and for writing at once.
        let expr = if expr.slots().contains(&to.slot) {
            let dtype = expr.dtype();
            Expr::load(self.dense_temp(expr, None), dtype)
        } else {
            expr
        };
        let expr = match to.half {
            Some(half) => expr.packed_as(half),
            None => expr,
        };
        // Neighbouring invocations should write neighbouring elements.
        let order = to.memory_order();
        let layout = to.layout.permute(&order);
        let expr = expr.view(layout.shape(), |l| Some(l.permute(&order))).expect("permuting always works");
        let to = Place { layout, ..to };
        self.steps.push(Step::Map(MapStep::new(expr, to)));
    }

    /// As [`write_dense`](Lower::write_dense), packed as `half` if given.
    pub(super) fn dense_temp(&mut self, expr: Expr, half: Option<Half>) -> Place {
        let layout = Layout::contiguous(expr.shape());
        let slot = self.slot(SlotKind::Temp, place::bytes(expr.numel(), half), Role::Activation);
        let place = Place { slot, layout, half };
        self.write(expr, place.clone());
        place
    }

    /// Computes an expression into a dense temporary.
    pub(super) fn write_dense(&mut self, expr: Expr) -> Arg {
        let place = self.dense_temp(expr, None);
        Arg { slot: place.slot, offset: 0, bytes: place.layout.numel() * DType::BYTES }
    }
}

/// The packed operands that lie in the memory of earlier ones, such as queries, keys and values of one projection. The earlier ones are bound
/// up to their ends.
fn shared_copies(access: &[Access], halves: &[Option<Halves>], args: &mut [Arg]) -> Vec<SharedCopy> {
    let read = |a: usize| halves[a].filter(|_| access[a] == Access::Read);
    let mut shared: Vec<SharedCopy> = vec![];
    for argument in 0..args.len() {
        let inside = |of: usize| {
            let (whole, part) = (args[of], args[argument]);
            let first = part.offset.checked_sub(whole.offset)? / Half::BYTES;
            let same = read(of)?.half == read(argument)?.half && whole.slot == part.slot;
            let alone = shared.iter().all(|shared| shared.argument != of);
            let aligned = (first * DType::BYTES).is_multiple_of(limits::BINDING_ALIGN);
            let fits = same && alone && aligned && part.offset < whole.offset + whole.bytes;
            fits.then_some(SharedCopy { argument, of, first })
        };
        if let Some(found) = (0..argument).find_map(inside) {
            let end = args[argument].offset + args[argument].bytes;
            args[found.of].bytes = args[found.of].bytes.max(end - args[found.of].offset);
            shared.push(found);
        }
    }
    shared
}
