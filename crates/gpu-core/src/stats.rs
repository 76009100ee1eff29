//! Counters that show what a device did.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What a device has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Kernel launches run.
    pub launches: u64,
    /// Command graphs run (one submit each on a GPU).
    pub submits: u64,
    /// Command graphs run for the first time, which is when they get memory and pipelines; all other runs are replays.
    pub compiles: u64,
    /// Compute pipelines created.
    pub pipelines: u64,
    /// Bind groups created.
    pub bind_groups: u64,
    /// Buffers newly created, for values or readbacks, because the pool had none that fits.
    pub allocations: u64,
    /// Bytes of all buffers, in use and pooled.
    pub bytes: u64,
}

impl Stats {
    /// Runs of command graphs that had run before.
    pub fn replays(&self) -> u64 {
        self.submits - self.compiles
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub launches: AtomicU64,
    pub submits: AtomicU64,
    pub compiles: AtomicU64,
    pub pipelines: AtomicU64,
    pub bind_groups: AtomicU64,
    pub allocations: AtomicU64,
}

impl Counters {
    pub fn add(counter: &AtomicU64, n: usize) {
        counter.fetch_add(n as u64, Relaxed);
    }

    pub fn snapshot(&self) -> Stats {
        Stats {
            launches: self.launches.load(Relaxed),
            submits: self.submits.load(Relaxed),
            compiles: self.compiles.load(Relaxed),
            pipelines: self.pipelines.load(Relaxed),
            bind_groups: self.bind_groups.load(Relaxed),
            allocations: self.allocations.load(Relaxed),
            bytes: 0,
        }
    }
}
