//! What a kernel is: WGSL and a CPU twin behind one interface.

use std::any::Any;
use std::cell::Cell;
use std::fmt::Debug;
use std::sync::Arc;

use crate::cpu::HOST_ALIGN;
use crate::kernels::{ChannelParts, PartialSum};
use crate::tune::{GpuProfile, Variants};
use crate::wgsl::{Source, call_reads, with_halves, without_unused};
use crate::{Half, limits};

/// How a kernel uses one of its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Read only.
    Read,
    /// Written; what it held before is not read.
    Write,
    /// Read and overwritten.
    ReadWrite,
}

/// Where a kernel runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// The CPU twin, in the process.
    Cpu,
    /// WGSL shaders.
    Gpu,
}

impl Target {
    /// Most arguments of one kernel, scratch memory included.
    pub fn arguments(self) -> usize {
        match self {
            Target::Cpu => limits::CPU_ARGUMENTS,
            Target::Gpu => limits::STORAGE_BUFFERS,
        }
    }
}

/// Work of one run, for the profiler.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Floating-point operations.
    pub flops: u64,
    /// Bytes read and written at least once.
    pub bytes: u64,
}

/// One dispatch: a whole WGSL module with entry point `main`, and its number of workgroups.
#[derive(Clone, Debug)]
pub struct Shader {
    source: String,
    workgroups: [u32; 3],
    numbers: usize,
    trusted: bool,
    emits: Option<usize>,
}

impl Shader {
    /// A dispatch of `workgroups`. Whatever the module does, indices are kept inside of the bindings, and loops end.
    pub fn new(source: String, workgroups: [u32; 3]) -> Shader {
        Shader { source, workgroups, numbers: 0, trusted: false, emits: None }
    }

    /// A dispatch of this crate's own code, of at least `invocations` invocations in workgroups of `size`. In release
    /// builds it runs unchecked: every index lies inside of its binding and every loop ends, for arguments of the
    /// kernel's sizes. A size of 1 counts workgroups, which a shader numbers by `group.x + group.y * groups.x`.
    pub(crate) fn linear(source: String, invocations: usize, size: u32) -> Shader {
        let workgroups = Shader::workgroups_for(invocations, size);
        Shader { source, workgroups, numbers: invocations, trusted: true, emits: None }
    }

    /// At least `invocations` invocations in workgroups of `size`, folded into two dimensions when one is too short. The shader computes
    /// its number as `gid.x + gid.y * groups.x * size` (`groups` is `@builtin(num_workgroups)`) and checks it against the count.
    pub fn workgroups_for(invocations: usize, size: u32) -> [u32; 3] {
        let groups = invocations.min(limits::ELEMENTS).div_ceil(size as usize).max(1);
        let rows = groups.div_ceil(limits::WORKGROUPS as usize);
        [groups.div_ceil(rows) as u32, rows as u32, 1]
    }

    /// The WGSL module as it is composed.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// The WGSL module that is compiled: this crate's own without functions that it does not call.
    pub fn module(&self) -> String {
        if self.trusted { without_unused(&self.source) } else { self.source.clone() }
    }

    /// Workgroups along each dimension.
    pub fn workgroups(&self) -> [u32; 3] {
        self.workgroups
    }

    /// Invocations, or workgroups, that the shader numbers in 32 bits; more than [`limits::ELEMENTS`] are refused.
    pub(crate) fn numbers(&self) -> usize {
        self.numbers
    }

    /// Sets a `const` of the module.
    pub(crate) fn set(&mut self, name: &str, value: impl std::fmt::Display) {
        self.source = Source::new(&self.source).set(name, value).finish();
    }

    /// This shader, marked as storing the kernel's results through its block `results`, `width` elements at a time; see
    /// [`Fused`](crate::kernels::Fused).
    pub(crate) fn emitting(mut self, width: usize) -> Shader {
        self.emits = Some(width);
        self
    }

    /// This shader, as one whose results are not the kernel's.
    pub(crate) fn not_emitting(mut self) -> Shader {
        self.emits = None;
        self
    }

    /// Reads the array `name` from another array of the module, of vectors of four.
    pub(crate) fn read_as(&mut self, name: &str, other: &str) {
        let binding =
            |line: &&str| line.starts_with("@group(0)") && line.contains(&format!("> {name}: array<"));
        let declared = self.source.lines().find(binding).expect("the array is bound").to_owned();
        let rest = self.source.replacen(&declared, "", 1);
        let (t, kind, element) = match declared.ends_with("array<f32>;") {
            true => ("f32", "element", "[i / 4u][i % 4u]"),
            false => ("vec4<f32>", "vector", "[i]"),
        };
        let function = format!("{other}_{kind}");
        let text = format!("\nfn {function}(i: u32) -> {t} {{\n    return {other}{element};\n}}\n");
        let there = rest.contains(&text);
        self.source = call_reads(&rest, name, &function) + if there { "" } else { &text };
    }

    /// Elements of the results that the shader [emits](Shader::emitting) at a time, if it emits any.
    pub(crate) fn emits(&self) -> Option<usize> {
        self.emits
    }

    /// Renames a binding.
    pub(crate) fn rebind(&mut self, from: usize, to: usize) {
        self.source = self.source.replace(&format!("@binding({from})"), &format!("@binding({to})"));
    }

    /// Replaces a block of the module, and appends `library` unless the module already contains it.
    pub(crate) fn block(&mut self, name: &str, text: &str, library: &str) {
        let source = Source::new(&self.source).block(name, text);
        let there = self.source.contains(library);
        self.source = if there { source.finish() } else { source.with(library).finish() };
    }

    /// The shader with an f32 argument in packed halves; `None` where [`with_halves`] can't do that.
    pub(crate) fn with_halves(self, argument: usize, half: Half, library: &str) -> Option<Shader> {
        let source = with_halves(&self.source, argument, half, library)?;
        Some(Shader { source, ..self })
    }

    /// Whether the module may be compiled without checks of bounds and loops.
    pub(crate) fn trusted(&self) -> bool {
        self.trusted
    }
}

/// A kernel with all its shapes: what to compile for a GPU, and how to compute the same on the CPU.
///
/// Arguments are bound in the order of [`access`](Kernel::access) as storage buffers `@group(0) @binding(0..)`; when
/// [`scratch`](Kernel::scratch) is not 0, a read-write scratch buffer follows as the last one. Written and
/// read-write arguments never overlap any other argument.
pub trait Kernel: Any + Debug + Send + Sync {
    /// The kernel family's name, as in `conv2d_weight_grad`.
    fn name(&self) -> &'static str;

    /// A short description that distinguishes this kernel from others of its family, mainly its sizes.
    fn shape(&self) -> String {
        let text = format!("{self:?}");
        let fields = text.split_once(" { ").map_or("", |(_, fields)| fields);
        fields.trim_end_matches(" }").to_owned()
    }

    /// How each argument is used, in binding order.
    fn access(&self) -> Vec<Access>;

    /// Bytes of scratch memory needed on `target`; its contents are undefined at the start.
    fn scratch(&self, target: Target) -> usize {
        let _ = target;
        0
    }

    /// The dispatches that make up the kernel on a GPU, run in order over the same bindings.
    fn shaders(&self) -> Vec<Shader>;

    /// Elements of the kernel's largest operand that may have more elements than its argument because it is broadcast,
    /// or computed as it is read. Shaders count them in 32 bits; on a GPU more than [`limits::ELEMENTS`] are refused.
    fn operand_elements(&self) -> usize {
        0
    }

    /// Whether element-wise code can use the results before they are stored, as [`Fused`](crate::kernels::Fused) does: each element is then
    /// emitted once, by the shaders marked as emitting.
    fn emits(&self) -> bool {
        false
    }

    /// How the kernel divides its results, if a launch can also compute [partial reductions](crate::kernels::WithParts)
    /// of their channels.
    fn parts(&self) -> Option<ChannelParts> {
        None
    }

    /// Where the terms of each output lie in scratch memory before the last dispatch, if that dispatch only adds them up:
    /// [`Unsummed`](crate::kernels::Unsummed) replaces it by one launch for many kernels.
    fn partial_sums(&self) -> Option<Vec<PartialSum>> {
        None
    }

    /// The ways to compute the kernel on a GPU of this profile, if there are several.
    fn variants(&self, gpu: &GpuProfile) -> Option<Variants> {
        let _ = gpu;
        None
    }

    /// The kernel for operands whose values are f16, if that opens up other [variants](Kernel::variants): cooperative matrices multiply them
    /// without a loss. `f16` has of every argument, if its values are f16, whether it is stored so, too.
    fn of_halves(&self, f16: &[Option<bool>]) -> Option<Arc<dyn Kernel>> {
        let _ = f16;
        None
    }

    /// The CPU twin.
    fn run(&self, args: &Args);

    /// Work of one run.
    fn cost(&self) -> Cost;
}

/// Memory of one argument during a run of a CPU twin.
#[derive(Clone, Copy)]
pub(crate) struct RawArg {
    pub pointer: *mut u8,
    pub bytes: usize,
    pub access: Access,
}

/// The arguments of a CPU twin, in binding order.
pub struct Args {
    args: [Option<(RawArg, Cell<bool>)>; limits::CPU_ARGUMENTS],
}

impl Args {
    /// # Safety
    /// Every range is valid for the life of the `Args`, aligned to [`HOST_ALIGN`], and no written range overlaps another.
    pub(crate) unsafe fn new(args: impl Iterator<Item = RawArg>) -> Args {
        let mut bound = Args { args: [const { None }; limits::CPU_ARGUMENTS] };
        for (i, arg) in args.enumerate() {
            bound.args[i] = Some((arg, Cell::new(false)));
        }
        bound
    }

    fn get<T>(&self, i: usize) -> &(RawArg, Cell<bool>) {
        const { assert!(align_of::<T>() <= HOST_ALIGN, "elements need no more than the memory's alignment") };
        self.args[i].as_ref().expect("an argument of the kernel")
    }

    /// Argument `i`, which the kernel reads.
    pub fn read<T: bytemuck::Pod>(&self, i: usize) -> &[T] {
        let arg = self.get::<T>(i).0;
        assert!(arg.access == Access::Read, "argument {i} is not read-only");
        // SAFETY: in range and aligned by `new`; nothing written overlaps it.
        unsafe { std::slice::from_raw_parts(arg.pointer.cast(), arg.bytes / size_of::<T>()) }
    }

    /// Argument `i`, which the kernel writes. Each written argument can be taken once a run.
    #[allow(clippy::mut_from_ref)] // disjoint by `new`, handed out once
    pub fn write<T: bytemuck::Pod>(&self, i: usize) -> &mut [T] {
        let (arg, taken) = self.get::<T>(i);
        assert!(arg.access != Access::Read, "argument {i} is read-only");
        assert!(!taken.replace(true), "argument {i} is already taken");
        // SAFETY: in range and aligned by `new`; overlaps nothing and is handed out once.
        unsafe { std::slice::from_raw_parts_mut(arg.pointer.cast(), arg.bytes / size_of::<T>()) }
    }

    /// The memory of argument `i`, without taking it.
    pub(crate) fn raw(&self, i: usize) -> RawArg {
        self.args[i].as_ref().expect("an argument of the kernel").0
    }

    /// Number of arguments, scratch included.
    pub fn len(&self) -> usize {
        self.args.iter().flatten().count()
    }

    /// Whether there are no arguments.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
