//! What a rank asks of the other ranks, and how the answer comes back.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use crate::{Error, Result};

/// Where the result of an exchange goes, or the reason of a failure.
pub(crate) type Reply<T> = Sender<std::result::Result<T, String>>;

/// The result of an exchange, later.
pub(crate) struct Answer<T>(Receiver<std::result::Result<T, String>>);

impl<T> Answer<T> {
    /// Waits for the result, or the reason of a failure.
    pub fn wait(self) -> std::result::Result<T, String> {
        self.0.recv().unwrap_or_else(|_| Err(GONE.into()))
    }
}

/// A piece of work in which all ranks take part, in the same order on every rank.
#[cfg_attr(not(feature = "mpi"), expect(dead_code, reason = "only the thread that owns MPI reads it"))]
pub(crate) enum Work {
    /// The element-wise sum over all ranks.
    Sum(Vec<f32>, Reply<Vec<f32>>),
    /// The bytes of every rank, in the order of ranks.
    Gather(Vec<u8>, Reply<Vec<Vec<u8>>>),
    /// The bytes of rank 0.
    Broadcast(Vec<u8>, Reply<Vec<u8>>),
    /// The last one: leaves MPI, if this rank has `done` its part together with the others.
    End { done: bool },
}

/// Work, and its description, which is the same on all ranks.
#[cfg_attr(not(feature = "mpi"), expect(dead_code, reason = "only the thread that owns MPI reads it"))]
pub(crate) struct Job {
    pub what: String,
    pub work: Work,
}

/// The way to the thread that owns MPI; none for a world of one.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub jobs: Option<Sender<Job>>,
    pub rank: usize,
}

impl Link {
    /// A world of one.
    pub fn alone() -> Link {
        Link { jobs: None, rank: 0 }
    }

    /// Begins with a sum over all ranks.
    pub fn sum(&self, what: &str, values: Vec<f32>) -> Answer<Vec<f32>> {
        self.begin(what, values, Work::Sum, |values| values)
    }

    /// Begins to gather the bytes of every rank, in the order of ranks.
    pub fn gather(&self, what: &str, bytes: Vec<u8>) -> Answer<Vec<Vec<u8>>> {
        self.begin(what, bytes, Work::Gather, |bytes| vec![bytes])
    }

    /// Begins with a broadcast of the bytes of rank 0.
    pub fn broadcast(&self, what: &str, bytes: Vec<u8>) -> Answer<Vec<u8>> {
        self.begin(what, bytes, Work::Broadcast, |bytes| bytes)
    }

    /// Hands work over to the thread; a world of one has the result of `alone`.
    fn begin<I, T>(
        &self,
        what: &str,
        input: I,
        work: impl FnOnce(I, Reply<T>) -> Work,
        alone: impl FnOnce(I) -> T,
    ) -> Answer<T> {
        let (sender, receiver) = channel();
        match &self.jobs {
            // If the thread is gone, the sender is dropped, and the answer reports it.
            Some(jobs) => _ = jobs.send(Job { what: what.into(), work: work(input, sender) }),
            None => _ = sender.send(Ok(alone(input))),
        }
        Answer(receiver)
    }

    /// The result of an exchange, with its description if it has failed.
    pub fn wait<T>(&self, what: &str, answer: Answer<T>) -> Result<T> {
        answer.wait().map_err(|reason| Error::Exchange { what: what.into(), rank: self.rank, reason })
    }
}

/// Why nothing can be exchanged any more.
pub(crate) const GONE: &str = "an earlier exchange has failed. Restart from the last checkpoint";

/// Ends the thread that owns MPI.
pub(crate) struct Ending {
    pub link: Link,
    pub thread: Option<JoinHandle<()>>,
}

impl Ending {
    /// `done`: whether this rank has done its part. If not, the process is expected to end at once, and MPI to stop the other ranks.
    pub fn end(&mut self, done: bool) {
        if let (Some(jobs), Some(thread)) = (&self.link.jobs, self.thread.take()) {
            let _ = jobs.send(Job { what: "the end".into(), work: Work::End { done } });
            let _ = thread.join();
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.end(false);
    }
}
