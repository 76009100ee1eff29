//! Choosing between the variants of a kernel: a short timed race on the device itself, kept on disk.
//!
//! A kernel that a GPU can compute in several ways offers them as [`Variants`]. The first time a class of shapes is
//! met, its variants are raced, and the choice is kept for the adapter and its driver in [`crate::cache_directory`].
//! `WGRAD_TUNE` decides: `on` (the default in release builds on real GPUs), `off` (the default in debug builds, and on software adapters,
//! for which the order of variants was measured and whose shaders take long to compile) for the first variant, the expected best on the
//! adapter's family, or `reset` to forget stored choices. `WGRAD_FAMILY=amd` (or `nvidia`, `intel`, `apple`, `other`) makes the plans of
//! such an adapter, so that they can be tested on a software adapter.
//!
//! # The clock decides about time, never about bits
//!
//! The same seed on the same device gives the same bits in a new process, whatever choices are stored: all variants
//! that race for a class of shapes add the same products in the same order. Anything that changes the order is not
//! raced, but a pure function of the shape and the adapter's profile:
//!
//! - *Matrix products* ([`MatMul`](crate::kernels::MatMul)): the number of parts that K is split into. Within a part every form and
//!   tile adds by fused multiply-adds in the order of K.
//! - *Convolutions and their input gradients*: the form (in registers, of a subgroup, of a workgroup), and for subgroups the channels of
//!   an iteration. Tiles race.
//! - *Weight gradients of convolutions*: the form, and the chunks of pixels. Tiles race.
//! - *Products and convolutions of halves*: whether they are computed by [cooperative matrices](Cooperative), which add in an order of their own. Tiles race.
//! - *Recurrent cells*: nothing; every row adds in the order of its inputs. Rows of a tile race.
//!
//! A race checks this on its own arguments, to the bit: a variant whose results differ from those of the first one that runs is excluded.
//! Tests run all variants of several shapes. If the first variant does not compile for lack of memory, the next one takes its place.
//! Another adapter, driver or `GpuFamily` may give other bits.

mod choices;
mod cooperative;
mod race;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::{Device, Error, Kernel};
use choices::Choices;
pub use cooperative::{Cooperative, CooperativeState};

/// Manufacturers of GPUs between which the kernels' defaults differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GpuFamily {
    /// A GPU interface emulated on the CPU.
    Software,
    /// PCI vendor 0x10de.
    Nvidia,
    /// PCI vendors 0x1002 and 0x1022.
    Amd,
    /// PCI vendor 0x8086.
    Intel,
    /// Any GPU reached through Metal that is not one of the above.
    Apple,
    /// Any other manufacturer.
    Other,
}

impl GpuFamily {
    /// Every family once.
    pub const ALL: [GpuFamily; 6] = [
        GpuFamily::Software,
        GpuFamily::Nvidia,
        GpuFamily::Amd,
        GpuFamily::Intel,
        GpuFamily::Apple,
        GpuFamily::Other,
    ];
}

impl GpuFamily {
    /// The family with that name in lower case.
    pub fn named(name: &str) -> Option<GpuFamily> {
        GpuFamily::ALL.into_iter().find(|family| family.to_string() == name)
    }
}

impl fmt::Display for GpuFamily {
    /// The name in lower case.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&format!("{self:?}").to_lowercase())
    }
}

/// What the variants of a kernel depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GpuProfile {
    /// The manufacturer.
    pub family: GpuFamily,
    /// Invocations of a subgroup, if their number is the same for every shader and shaders may use subgroups.
    pub subgroup: Option<u32>,
    /// Its cooperative matrices, if it has any that kernels can use and that passed the device's test or were not tested yet.
    pub cooperative: Option<Cooperative>,
}

/// The ways to compute a kernel on a GPU. They take the same arguments, except for scratch memory, and give the same bits: a choice by the
/// clock must not change results. Variants that add in another order are not options of the same class.
pub struct Variants {
    /// Shapes that share a choice, as in `matmul 1024 1024 512`.
    pub class: String,
    /// Each with a name that is unique in the class. The first is the expected best.
    pub options: Vec<(String, Arc<dyn Kernel>)>,
    /// Whether they compute by [cooperative matrices](Cooperative), which a device tests before it uses them.
    pub cooperative: bool,
}

/// Time that a process spends on races; later classes get their first variant.
const BUDGET: Duration = Duration::from_secs(12);

/// The mode that `WGRAD_TUNE` selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    On,
    Off,
    Reset,
}

impl Mode {
    fn from(value: Option<&str>, family: GpuFamily) -> Mode {
        match value {
            Some("on") => Mode::On,
            Some("off") => Mode::Off,
            Some("reset") => Mode::Reset,
            _ if cfg!(debug_assertions) || family == GpuFamily::Software => Mode::Off,
            _ => Mode::On,
        }
    }
}

/// The choices for one device.
pub(crate) struct Tuner {
    /// Without cooperative matrices once they have failed their test.
    profile: Mutex<GpuProfile>,
    /// The result of the test of the cooperative matrices; `None` before it.
    cooperative: Mutex<Option<CooperativeState>>,
    /// `None` when tuning is off.
    tuning: Option<Tuning>,
}

struct Tuning {
    /// Locked only briefly, so that known choices need not wait for a race.
    choices: Mutex<Choices>,
    /// The time left for races; locked during a race, so that there is one at a time.
    left: Mutex<Duration>,
}

impl Tuner {
    pub fn new(adapter: &wgpu::Adapter) -> Tuner {
        let (about, mut profile) = (adapter.get_info(), profile(adapter));
        let mode = Mode::from(std::env::var("WGRAD_TUNE").ok().as_deref(), profile.family);
        if let Some(family) = std::env::var("WGRAD_FAMILY").ok().and_then(|name| GpuFamily::named(&name)) {
            profile.family = family;
        }
        let tuning = (mode != Mode::Off).then(|| {
            let owner = [about.name.as_str(), about.backend.to_str(), &about.driver, &about.driver_info];
            let mut choices = Choices::load(&owner.join(" "));
            if mode == Mode::Reset {
                choices.forget();
            }
            Tuning { choices: Mutex::new(choices), left: Mutex::new(BUDGET) }
        });
        Tuner { profile: Mutex::new(profile), cooperative: Mutex::default(), tuning }
    }

    pub fn profile(&self) -> GpuProfile {
        *lock(&self.profile)
    }

    /// Takes the device for one of another profile, whose cooperative matrices are not tested yet.
    #[cfg(feature = "testing")]
    pub fn assume(&self, profile: GpuProfile) {
        *lock(&self.profile) = profile;
        *lock(&self.cooperative) = None;
    }

    /// Whether the device computes by cooperative matrices. The first call tests them.
    pub fn cooperative(&self, device: &Device) -> CooperativeState {
        let mut tested = lock(&self.cooperative);
        if let Some(state) = &*tested {
            return state.clone();
        }
        let Some(matrices) = self.profile().cooperative else { return CooperativeState::Unavailable };
        let result = device.discarding_errors(|| cooperative::test(device, matrices));
        // A lack of memory says nothing about them: a later plan tests them again.
        let passing = matches!(result, Err(Error::OutOfMemory { .. } | Error::DeviceLost { .. }));
        // A refused shader is quoted behind the reason.
        let reason = |error: Error| error.to_string().lines().next().unwrap_or_default().to_owned();
        let state = match result.map_err(reason) {
            Ok(None) => CooperativeState::Tested(matrices),
            Ok(Some(reason)) | Err(reason) => CooperativeState::SwitchedOff(matrices, reason),
        };
        if passing {
            return state;
        }
        if let CooperativeState::SwitchedOff(_, reason) = &state {
            eprintln!(
                "warning: {}: cooperative matrices are switched off, products, convolutions and attention of f16 are computed in f32: {reason}",
                device.info()
            );
            lock(&self.profile).cooperative = None;
        }
        tested.insert(state).clone()
    }

    /// The variants of a kernel, without those by cooperative matrices that fail.
    fn variants(&self, device: &Device, kernel: &dyn Kernel) -> Option<Variants> {
        let profile = self.profile();
        let variants = kernel.variants(&profile)?;
        let fail = variants.cooperative && !matches!(self.cooperative(device), CooperativeState::Tested(_));
        if fail { kernel.variants(&GpuProfile { cooperative: None, ..profile }) } else { Some(variants) }
    }

    /// The variant of `kernel` to use for arguments of `args` bytes.
    pub fn choose(&self, device: &Device, kernel: Arc<dyn Kernel>, args: &[usize]) -> Arc<dyn Kernel> {
        let Some(Variants { class, options, .. }) = self.variants(device, &*kernel) else { return kernel };
        let first = || options[0].1.clone();
        let Some(tuning) = &self.tuning else { return first() };
        if options.len() == 1 {
            return first();
        }
        let known = || {
            let choices = lock(&tuning.choices);
            let name = choices.get(&class)?;
            options.iter().find(|(option, _)| option == name).map(|(_, kernel)| kernel.clone())
        };
        if let Some(kernel) = known() {
            return kernel;
        }
        let mut left = lock(&tuning.left);
        // Another thread may have raced the class meanwhile.
        if let Some(kernel) = known() {
            return kernel;
        }
        match race::fastest(device, &options, args, &mut left) {
            Some(winner) => {
                lock(&tuning.choices).keep(&class, &options[winner].0);
                options[winner].1.clone()
            }
            None => first(),
        }
    }
}

/// The profile of an adapter.
pub(crate) fn profile(adapter: &wgpu::Adapter) -> GpuProfile {
    let about = adapter.get_info();
    let family = match about.vendor {
        _ if about.device_type == wgpu::DeviceType::Cpu => GpuFamily::Software,
        0x10de => GpuFamily::Nvidia,
        0x1002 | 0x1022 => GpuFamily::Amd,
        0x8086 => GpuFamily::Intel,
        _ if about.backend == wgpu::Backend::Metal => GpuFamily::Apple,
        _ => GpuFamily::Other,
    };
    let fixed = about.subgroup_min_size == about.subgroup_max_size;
    let subgroups = adapter.features().contains(wgpu::Features::SUBGROUP) && fixed;
    let cooperative = Cooperative::of(adapter, family);
    GpuProfile { family, subgroup: subgroups.then_some(about.subgroup_min_size), cooperative }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
