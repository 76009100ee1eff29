//! Memory for temporaries, shared by all command graphs of a device.
//!
//! A buffer can't be bound for reading and writing at once, so the arena is a list of blocks instead of one range: the i-th
//! largest temporary of every graph is in block i. The runs of a device follow each other, on a GPU in the order of the
//! submits, and the contents of temporaries are undefined at the start of a run.

use std::sync::{Arc, Mutex, MutexGuard};

use crate::Result;
use crate::buffer::Buffer;
use crate::pool::round_up;

/// Blocks in order of decreasing size.
type Blocks = Arc<[Buffer]>;

#[derive(Default)]
pub(crate) struct Arena {
    blocks: Mutex<Blocks>,
    /// Held while blocks are replaced, which waits for the device; `blocks` is held for moments only.
    growing: Mutex<()>,
}

impl Arena {
    /// Blocks of at least `sizes` bytes; `sizes` are decreasing. Blocks that are too small are replaced; a run that already has them keeps
    /// them until it has been submitted.
    pub fn reserve(&self, sizes: &[usize], alloc: impl Fn(usize) -> Result<Buffer>) -> Result<Blocks> {
        if let Some(blocks) = self.fitting(sizes) {
            return Ok(blocks);
        }
        let _growing = lock(&self.growing);
        if let Some(blocks) = self.fitting(sizes) {
            return Ok(blocks);
        }
        // Frees blocks that are too small before larger ones are allocated.
        let mut blocks = keep_fitting(std::mem::take(&mut *lock(&self.blocks)), sizes);
        blocks.resize(blocks.len().max(sizes.len()), None);
        let filled = blocks.into_iter().enumerate().map(|(i, block)| match block {
            Some(block) => Ok(block),
            None => alloc(round_up(sizes[i])),
        });
        let blocks: Blocks = filled.collect::<Result<_>>()?;
        *lock(&self.blocks) = blocks.clone();
        Ok(blocks)
    }

    fn fitting(&self, sizes: &[usize]) -> Option<Blocks> {
        let blocks = lock(&self.blocks).clone();
        let fit = blocks.len() >= sizes.len() && blocks.iter().zip(sizes).all(|(b, &s)| b.bytes() >= s);
        fit.then_some(blocks)
    }

    /// Drops all blocks. Runs that use them keep them until they have been submitted.
    pub fn release(&self) {
        let released = std::mem::take(&mut *lock(&self.blocks));
        drop(released);
    }
}

/// The blocks, with `None` in place of those that are too small.
fn keep_fitting(blocks: Blocks, sizes: &[usize]) -> Vec<Option<Buffer>> {
    let fits = |(i, block): (usize, &Buffer)| sizes.get(i).is_none_or(|&size| block.bytes() >= size);
    blocks.iter().enumerate().map(|block| fits(block).then(|| block.1.clone())).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
