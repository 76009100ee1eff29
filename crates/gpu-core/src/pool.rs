//! The memory of a device: in use and free for reuse, and the limits of both.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::buffer::{Block, Buffer, Class, Memory};
use crate::stats::Counters;

/// In-use and free memory together may exceed the peak use by an eighth, or by this many bytes if an eighth is less.
const SLACK: usize = 8 << 20;

/// Memory for reuse, and the accounts of all memory of a device.
///
/// Among the free blocks of a class and size, the one with the smallest number is reused first: the choice depends on which blocks are
/// free, not on the order in which they were returned, so that the steps of a training loop soon reuse the same blocks and need no new bind
/// groups. The pool frees memory, least recently returned first, only when an allocation finds no free block, so that a loop whose blocks
/// have settled keeps them.
#[derive(Default)]
pub(crate) struct Pool {
    accounts: Mutex<Accounts>,
    pub counters: Counters,
}

#[derive(Default)]
struct Accounts {
    free: BTreeMap<(Class, usize, u64), Free>,
    /// Number of blocks returned so far: the clock of [`Free::since`].
    returned: u64,
    /// Bytes in use by [`Class::index`].
    in_use: [usize; Class::COUNT],
    cached: usize,
    /// Most bytes in use at once.
    peak: usize,
    limit: Option<usize>,
}

struct Free {
    memory: Memory,
    since: u64,
}

/// The accounts of a device's memory, in bytes.
pub(crate) struct Balance {
    /// By [`Class::index`].
    pub in_use: [usize; Class::COUNT],
    pub cached: usize,
    pub peak: usize,
    pub limit: Option<usize>,
}

impl Pool {
    /// A buffer of at least `bytes`, from the pool or by `allocate(capacity)`; `None` when `allocate` fails, or the limit does not allow
    /// it.
    pub fn take(
        self: &Arc<Pool>,
        bytes: usize,
        class: Class,
        allocate: impl FnOnce(usize) -> Option<Memory>,
    ) -> Option<Buffer> {
        let capacity = round_up(bytes);
        let block = self.reuse(class, capacity).or_else(|| self.fresh(class, capacity, allocate))?;
        Some(Buffer::new(block, bytes, self.clone()))
    }

    fn reuse(&self, class: Class, capacity: usize) -> Option<Block> {
        let mut accounts = self.lock();
        let fitting = (class, capacity, 0)..=(class, capacity, u64::MAX);
        let &key = accounts.free.range(fitting).next()?.0;
        let memory = accounts.remove(key);
        accounts.charge(class, capacity);
        Some(Block { id: key.2, capacity, class, memory })
    }

    fn fresh(
        &self,
        class: Class,
        capacity: usize,
        allocate: impl FnOnce(usize) -> Option<Memory>,
    ) -> Option<Block> {
        // Charged before it is allocated, so that threads do not exceed the limit together.
        let evicted = self.lock().make_room(class, capacity)?;
        drop(evicted);
        match allocate(capacity) {
            Some(memory) => {
                let id = self.counters.allocations.fetch_add(1, Relaxed);
                Some(Block { id, capacity, class, memory })
            }
            None => {
                self.lock().in_use[class.index()] -= capacity;
                None
            }
        }
    }

    /// Takes a block back.
    pub fn give(&self, block: Block) {
        let mut accounts = self.lock();
        accounts.in_use[block.class.index()] -= block.capacity;
        accounts.cached += block.capacity;
        accounts.returned += 1;
        let free = Free { memory: block.memory, since: accounts.returned };
        accounts.free.insert((block.class, block.capacity, block.id), free);
    }

    /// Gives all free memory back to the system.
    pub fn clear(&self) {
        let mut accounts = self.lock();
        accounts.cached = 0;
        let free = std::mem::take(&mut accounts.free);
        drop(accounts);
        drop(free);
    }

    /// Resets the peak to the memory in use.
    pub fn reset_peak(&self) {
        let mut accounts = self.lock();
        accounts.peak = accounts.total_in_use();
    }

    pub fn set_limit(&self, limit: Option<usize>) {
        self.lock().limit = limit;
    }

    pub fn balance(&self) -> Balance {
        let Accounts { in_use, cached, peak, limit, .. } = *self.lock();
        Balance { in_use, cached, peak, limit }
    }

    fn lock(&self) -> MutexGuard<'_, Accounts> {
        self.accounts.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Accounts {
    fn total_in_use(&self) -> usize {
        self.in_use.iter().sum()
    }

    fn charge(&mut self, class: Class, capacity: usize) {
        self.in_use[class.index()] += capacity;
        self.peak = self.peak.max(self.total_in_use());
    }

    /// Charges `capacity` new bytes; returns the free memory to release for them, or `None` if the limit forbids them.
    fn make_room(&mut self, class: Class, capacity: usize) -> Option<Vec<Memory>> {
        let needed = self.total_in_use().checked_add(capacity)?;
        let limit = self.limit.unwrap_or(usize::MAX);
        if needed > limit {
            return None;
        }
        self.charge(class, capacity);
        let most = self.peak.saturating_add(SLACK.max(self.peak / 8)).min(limit);
        let mut evicted = vec![];
        while needed + self.cached > most {
            let oldest = self.free.iter().min_by_key(|(_, free)| free.since);
            let &key = oldest.expect("cached bytes are those of free blocks").0;
            evicted.push(self.remove(key));
        }
        Some(evicted)
    }

    fn remove(&mut self, key: (Class, usize, u64)) -> Memory {
        self.cached -= key.1;
        self.free.remove(&key).expect("a free block").memory
    }
}

/// The capacity for `bytes`: sizes are rounded so that nearly equal buffers can replace each other, to 256 bytes, then to
/// 1/8 of the power of two below. Rounding a capacity does not change it.
pub(crate) fn round_up(bytes: usize) -> usize {
    let step = (bytes.next_power_of_two() / 16).max(256);
    bytes.max(1).div_ceil(step) * step
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Role;
    use crate::cpu::HostMemory;

    const CLASS: Class = Class::Values(Role::Activation);

    fn take(pool: &Arc<Pool>, bytes: usize) -> Option<Buffer> {
        pool.take(bytes, CLASS, |capacity| HostMemory::new(capacity).map(Memory::Host))
    }

    fn total(pool: &Pool) -> usize {
        let balance = pool.balance();
        balance.in_use.iter().sum::<usize>() + balance.cached
    }

    #[test]
    fn capacities_waste_an_eighth_at_most() {
        for bytes in (0..20_000).chain([1 << 20, (1 << 20) + 1, (1 << 30) - 1]) {
            let capacity = round_up(bytes);
            assert!(capacity >= bytes && capacity <= bytes + (bytes / 8).max(256), "{bytes}: {capacity}");
            assert_eq!(round_up(capacity), capacity);
        }
    }

    #[test]
    fn many_sizes_stay_within_the_peak_and_an_eighth() {
        let pool = Arc::<Pool>::default();
        let most = round_up(100 << 20);
        drop(take(&pool, most));
        for bytes in (1..100).map(|mib| mib << 20) {
            drop(take(&pool, bytes));
            assert!(total(&pool) <= most + most / 8, "{} MiB after {}", total(&pool) >> 20, bytes >> 20);
        }
        assert_eq!(pool.balance().peak, most);
    }

    #[test]
    fn the_oldest_goes_first() {
        let pool = Arc::<Pool>::default();
        let size = |mib: usize| mib << 20;
        // 40 MiB at once, so 48 MiB may stay.
        let (a, b) = (take(&pool, size(16)).unwrap(), take(&pool, size(24)).unwrap());
        let ids = (a.id(), b.id());
        drop(b);
        drop(a);
        drop(take(&pool, size(12)));
        assert_eq!(total(&pool), size(28), "b had to go: 40 + 12 are too many");
        let a = take(&pool, size(16)).unwrap();
        assert_eq!(a.id(), ids.0);
        assert_ne!(take(&pool, size(24)).unwrap().id(), ids.1);
    }

    #[test]
    fn a_limit_evicts_and_then_refuses() {
        let pool = Arc::<Pool>::default();
        pool.set_limit(Some(10_240));
        drop(take(&pool, 4096));
        drop(take(&pool, 8192));
        assert_eq!(total(&pool), 8192, "4096 more would exceed it");
        let held = take(&pool, 8192).unwrap();
        assert!(take(&pool, 4096).is_none());
        assert_eq!(total(&pool), 8192, "a refusal changes nothing");
        drop(held);
        assert!(take(&pool, 4096).is_some());
        pool.set_limit(None);
        assert!(take(&pool, 1 << 20).is_some());
    }

    #[test]
    fn failures_are_not_charged() {
        let pool = Arc::<Pool>::default();
        assert!(pool.take(4096, CLASS, |_| None).is_none());
        assert_eq!(total(&pool), 0);
    }
}
