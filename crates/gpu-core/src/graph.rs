//! The command graph: kernel launches over buffers, recorded once and replayed with one submit.

mod check;

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use crate::buffer::{Buffer, Role};
use crate::host_call::{HostPart, host_part};
use crate::kernel::{Access, Cost, Kernel, Target};
use crate::{Device, Result, gpu, limits};
use check::Check;

/// A buffer that the launches of a graph use.
#[derive(Clone, Debug)]
pub enum Slot {
    /// Passed at each run, in order.
    External {
        /// The least size of the buffer.
        bytes: usize,
    },
    /// Memory that all graphs of the device share; its contents are undefined at the start of a run.
    Temp {
        /// Size of the memory.
        bytes: usize,
        /// What the memory is accounted as.
        role: Role,
    },
}

impl Slot {
    fn bytes(&self) -> usize {
        match *self {
            Slot::External { bytes } | Slot::Temp { bytes, .. } => bytes,
        }
    }
}

/// A range of a slot, in bytes. The offset is a multiple of [`limits::BINDING_ALIGN`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arg {
    /// Index into the graph's slots.
    pub slot: usize,
    /// First byte within the slot.
    pub offset: usize,
    /// Length in bytes.
    pub bytes: usize,
}

/// One run of a kernel over arguments.
#[derive(Clone, Debug)]
pub struct Launch {
    kernel: Arc<dyn Kernel>,
    args: Vec<Arg>,
    access: Vec<Access>,
}

impl Launch {
    /// `args` in the kernel's binding order; when the kernel needs scratch memory on the graph's target, that last.
    pub fn new(kernel: Arc<dyn Kernel>, args: Vec<Arg>) -> Launch {
        let mut access = kernel.access();
        access.resize(args.len(), Access::ReadWrite);
        Launch { kernel, args, access }
    }

    /// The kernel, with its sizes.
    pub fn kernel(&self) -> &Arc<dyn Kernel> {
        &self.kernel
    }

    /// The arguments in binding order.
    pub fn args(&self) -> &[Arg] {
        &self.args
    }

    /// The first written argument that is bound twice in a way that `target` does not allow: the ranges overlap, or, on a GPU, another
    /// argument of the same slot is read.
    pub fn bound_twice(&self, target: Target) -> Option<usize> {
        let clash = |i: usize, j: usize| {
            let (a, b) = (&self.args[i], &self.args[j]);
            let meet = a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
            let read = target == Target::Gpu && self.access[j] == Access::Read;
            i != j && a.slot == b.slot && (meet || read)
        };
        let all = 0..self.args.len();
        all.clone().find(|&i| self.access[i] != Access::Read && all.clone().any(|j| clash(i, j)))
    }

    /// Whether the launch begins with a [function outside of the device](crate::HostCall).
    pub fn begins_host_call(&self) -> bool {
        matches!(host_part(&*self.kernel), Some((_, HostPart::Start)))
    }

    pub(crate) fn access(&self) -> &[Access] {
        &self.access
    }
}

/// The buffers bound to the slots of a graph during a run.
pub(crate) struct Bindings<'a> {
    places: &'a [Place],
    external: &'a [Buffer],
    temps: &'a [Buffer],
}

/// A slot's number among the external ones, or among the temporaries by decreasing size.
#[derive(Clone, Copy)]
enum Place {
    External(usize),
    Temp(usize),
}

impl Bindings<'_> {
    pub fn buffer(&self, slot: usize) -> &Buffer {
        match self.places[slot] {
            Place::External(i) => &self.external[i],
            Place::Temp(i) => &self.temps[i],
        }
    }
}

/// Estimated host memory of a launch: its description, and on a GPU its pipeline and bind groups.
const LAUNCH_BYTES: usize = 2 << 10;
const GPU_LAUNCH_BYTES: usize = 32 << 10;

/// Launches in order, over external and temporary buffers.
pub struct CommandGraph {
    slots: Vec<Slot>,
    places: Vec<Place>,
    launches: Vec<Launch>,
    /// Bytes of the temporaries, in decreasing order.
    temps: Vec<usize>,
    check: Check,
    ran: AtomicBool,
    prepared: OnceLock<gpu::Prepared>,
}

impl CommandGraph {
    /// A graph for devices of `target`.
    ///
    /// # Panics
    /// When a launch has the wrong number of arguments (or more than [`Target::arguments`]), an argument lies
    /// outside of its slot or is not aligned, or one is [bound twice](Launch::bound_twice).
    pub fn new(target: Target, slots: Vec<Slot>, launches: Vec<Launch>) -> CommandGraph {
        for launch in &launches {
            let name = launch.kernel.name();
            let wanted = launch.kernel.access().len() + usize::from(launch.kernel.scratch(target) > 0);
            assert_eq!(launch.args.len(), wanted, "{name}: number of arguments");
            assert!(wanted <= target.arguments(), "{name}: more than {} arguments", target.arguments());
            for (i, arg) in launch.args.iter().enumerate() {
                assert!(arg.offset % limits::BINDING_ALIGN == 0, "{name}: argument {i} is not aligned");
                let end = arg.offset.checked_add(arg.bytes);
                assert!(
                    end.is_some_and(|end| end <= slots[arg.slot].bytes()),
                    "{name}: argument {i} is out of range"
                );
            }
            let twice = launch.bound_twice(target);
            assert!(twice.is_none(), "{name}: argument {} is written and bound twice", twice.unwrap());
        }
        let (places, temps) = place(&slots);
        let check = Check::new(target, &slots, &launches);
        CommandGraph {
            slots,
            places,
            launches,
            temps,
            check,
            ran: AtomicBool::new(false),
            prepared: OnceLock::new(),
        }
    }

    /// The launches in the order of their execution.
    pub fn launches(&self) -> &[Launch] {
        &self.launches
    }

    /// The slots that [`Arg::slot`] counts.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Bytes of temporary memory.
    pub fn temp_bytes(&self) -> usize {
        self.temps.iter().sum()
    }

    /// An estimate of the host memory that the graph takes once it has run.
    pub fn host_bytes(&self) -> usize {
        let launch = match self.check.target {
            Target::Cpu => LAUNCH_BYTES,
            Target::Gpu => GPU_LAUNCH_BYTES,
        };
        self.launches.len() * launch
    }

    /// Work of one run.
    pub fn cost(&self) -> Cost {
        self.launches
            .iter()
            .map(|l| l.kernel.cost())
            .fold(Cost::default(), |a, b| Cost { flops: a.flops + b.flops, bytes: a.bytes + b.bytes })
    }

    /// Runs the graph over the external buffers, in the order of the external slots. On a GPU this queues the work and
    /// returns; on the CPU it returns when the work is done. A graph runs on one device only.
    ///
    /// # Errors
    /// [`Error::Buffer`](crate::Error::Buffer), before anything is done, for a wrong number of buffers, one that is too
    /// small, one of another device, or the same memory in two slots of which a launch writes one; out of memory for
    /// temporaries, a shader that does not compile, a kernel that panics, a lost device, or an error of earlier work. After a
    /// panic of a CPU twin, everything that the graph writes is undefined; other errors leave all buffers as they were.
    pub fn run(&self, device: &Device, external: &[Buffer]) -> Result<()> {
        self.check.run(device, external)?;
        // Held until the run is submitted: the arena may drop its blocks meanwhile.
        let temps = device.temporaries(&self.temps)?;
        let bindings = Bindings { places: &self.places, external, temps: &temps };
        device.execute(self, &bindings, self.ran.load(Relaxed))?;
        self.ran.store(true, Relaxed);
        Ok(())
    }

    /// Compiles the graph for `device`, which otherwise happens at the first run.
    ///
    /// # Errors
    /// [`Error::TooLarge`](crate::Error::TooLarge) or [`Error::TooManyElements`](crate::Error::TooManyElements) when the device cannot bind
    /// an argument or count an operand of a launch, or an error of a shader that does not compile.
    pub fn prepare(&self, device: &Device) -> Result<()> {
        device.prepare(self)
    }

    pub(crate) fn prepared(&self, make: impl FnOnce() -> Result<gpu::Prepared>) -> Result<&gpu::Prepared> {
        if self.prepared.get().is_none() {
            let _ = self.prepared.set(make()?);
        }
        Ok(self.prepared.get().expect("set above"))
    }
}

/// The place of every slot, and the bytes of the temporaries in the order of their places.
fn place(slots: &[Slot]) -> (Vec<Place>, Vec<usize>) {
    let is_temp = |&i: &usize| matches!(slots[i], Slot::Temp { .. });
    let (mut temps, external): (Vec<usize>, Vec<usize>) = (0..slots.len()).partition(is_temp);
    temps.sort_by_key(|&i| std::cmp::Reverse(slots[i].bytes()));
    let mut places = vec![Place::External(0); slots.len()];
    external.iter().enumerate().for_each(|(n, &i)| places[i] = Place::External(n));
    temps.iter().enumerate().for_each(|(n, &i)| places[i] = Place::Temp(n));
    (places, temps.iter().map(|&i| slots[i].bytes()).collect())
}

impl std::fmt::Debug for CommandGraph {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        writeln!(f, "{} launches, {} bytes of temporaries", self.launches.len(), self.temp_bytes())?;
        for launch in &self.launches {
            let slots: Vec<usize> = launch.args.iter().map(|a| a.slot).collect();
            writeln!(f, "  {:?} {slots:?}", launch.kernel)?;
        }
        Ok(())
    }
}
