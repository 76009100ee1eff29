//! Checks of every run of a graph: its device and its external buffers.

use std::sync::OnceLock;

use super::{Launch, Slot};
use crate::buffer::Buffer;
use crate::kernel::{Access, Target};
use crate::kernels::scratch::ScratchVec;
use crate::{Device, Error, Result};

pub(super) struct Check {
    pub target: Target,
    external: Vec<External>,
    /// The device of the first run, for which pipelines were compiled.
    device: OnceLock<Device>,
}

/// An external slot.
struct External {
    bytes: usize,
    /// Whether a launch writes it.
    written: bool,
}

impl Check {
    pub fn new(target: Target, slots: &[Slot], launches: &[Launch]) -> Check {
        let mut written = vec![false; slots.len()];
        for launch in launches {
            let args = launch.args().iter().zip(launch.access());
            args.filter(|(_, access)| **access != Access::Read).for_each(|(arg, _)| written[arg.slot] = true);
        }
        let external = slots.iter().zip(written).filter_map(|(slot, written)| match *slot {
            Slot::External { bytes } => Some(External { bytes, written }),
            Slot::Temp { .. } => None,
        });
        Check { target, external: external.collect(), device: OnceLock::new() }
    }

    /// # Errors
    /// [`Error::Buffer`], or [`Error::Command`] for a device that the graph was not made for.
    pub fn run(&self, device: &Device, buffers: &[Buffer]) -> Result<()> {
        let name = || device.info().to_string();
        let other_device = || {
            let reason = "the command graph is for another device".into();
            Err(Error::Command { device: name(), reason })
        };
        if device.target() != self.target || self.device.get().is_some_and(|first| first != device) {
            return other_device();
        }
        let refused = |i: usize, reason| {
            Err(Error::Buffer { buffer: format!("external buffer {i}"), device: name(), reason })
        };
        if buffers.len() != self.external.len() {
            let reason = format!("there are {} for {} slots", buffers.len(), self.external.len());
            return refused(buffers.len().min(self.external.len()), reason);
        }
        for (i, (buffer, slot)) in buffers.iter().zip(&self.external).enumerate() {
            if !device.owns(buffer) {
                return refused(i, "it belongs to another device".into());
            }
            if buffer.bytes() < slot.bytes {
                return refused(i, format!("it has {} bytes, {} are needed", buffer.bytes(), slot.bytes));
            }
        }
        match self.shared(buffers) {
            Some([i, j]) => {
                refused(j, format!("it is the memory of external buffer {i}, and one is written"))
            }
            None if self.device.get_or_init(|| device.clone()) != device => other_device(),
            None => Ok(()),
        }
    }

    /// Two slots with the same memory, of which one is written.
    fn shared(&self, buffers: &[Buffer]) -> Option<[usize; 2]> {
        let slots = buffers.iter().zip(&self.external).enumerate();
        let mut slots: ScratchVec<(u64, bool, usize)> =
            slots.map(|(i, (buffer, slot))| (buffer.id(), slot.written, i)).collect();
        // Among slots of one memory, written ones come last: it is enough to check whether the second of a pair is
        // written.
        slots.sort_unstable();
        let pairs = slots.windows(2).find(|pair| pair[0].0 == pair[1].0 && pair[1].1);
        pairs.map(|pair| [pair[0].2.min(pair[1].2), pair[0].2.max(pair[1].2)])
    }
}
