//! The executor of a CPU device where there are no threads: work runs at once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

pub(super) struct Executor;

/// Why work could not be started; it always can, here.
pub(super) struct Nested;

impl Executor {
    pub fn new(_: Option<usize>) -> Result<Executor, rayon::ThreadPoolBuildError> {
        Ok(Executor)
    }

    pub fn threads(&self) -> usize {
        1
    }

    pub fn turn(&self) -> Result<Turn<'_>, Nested> {
        Ok(Turn(self))
    }
}

pub(super) struct Turn<'a>(
    #[expect(dead_code, reason = "as with threads, it borrows the executor")] &'a Executor,
);

impl Turn<'_> {
    pub fn run(&mut self, work: impl FnMut() + Send) -> thread::Result<()> {
        catch_unwind(AssertUnwindSafe(work))
    }
}
