//! The side effects of a function that is being captured: states read and updated, and numbers drawn.

use std::cell::RefCell;
use std::sync::Arc;

use foldhash::HashMap;
use gpu_core::Device;

use crate::index_range::IndexRange;
use crate::{Generator, State, Tensor};

/// A tensor whose value changes from step to step, such as a parameter, and how to read it.
#[derive(Clone)]
pub(crate) struct Reader {
    id: usize,
    read: Arc<dyn Fn() -> Tensor + Send + Sync>,
}

/// A state that a forward pass updates, such as running means, with the number of updates of each part.
#[derive(PartialEq)]
pub(crate) struct Writer {
    state: State,
    times: Vec<(usize, u64)>,
}

/// A generator that numbers are drawn from.
#[derive(Clone)]
pub(crate) struct Draws(pub Generator);

/// The log of one call.
#[derive(Default)]
pub(crate) struct Log {
    reads: Vec<(Tensor, Reader)>,
    pub draws: Vec<(Tensor, Draws)>,
    /// Tensors whose values are indices, and what they must be within.
    pub indices: Vec<(Tensor, IndexRange)>,
    /// Updated states, with the update counts of their parts before the call.
    updated: Vec<(State, HashMap<usize, u64>)>,
}

thread_local! {
    static LOG: RefCell<Option<Log>> = const { RefCell::new(None) };
}

/// Tells this thread's [capture](crate::Captured), if any, that `tensor` is the current value of something in a state. `id` identifies
/// it within the process; `read` returns its value in a later step.
pub fn note_read(
    tensor: &Tensor,
    id: usize,
    state: &State,
    read: impl FnOnce() -> Arc<dyn Fn() -> Tensor + Send + Sync>,
) {
    LOG.with_borrow_mut(|log| {
        // Values that the function itself has updated are computed by it; other parts of that state are still in memory.
        let given = |log: &&mut Log| tensor.memory().is_some() || !log.has_updated(state);
        if let Some(log) = log.as_mut().filter(given)
            && log.reader(tensor).is_none()
        {
            log.reads.push((tensor.clone(), Reader { id, read: read() }));
        }
    });
}

/// Tells a capture that a state will be updated. The updates start from the state's current value, which is noted as read.
pub(crate) fn note_update(state: &State) {
    let first = LOG.with_borrow(|log| log.as_ref().is_some_and(|log| !log.has_updated(state)));
    if first {
        state.value();
        let before = (state.clone(), state.all_updates());
        LOG.with_borrow_mut(|log| log.iter_mut().for_each(|log| log.updated.push(before.clone())));
    }
}

/// Notes that numbers were drawn.
pub(crate) fn note_draw(tensor: &Tensor, generator: &Generator) {
    LOG.with_borrow_mut(|log| {
        if let Some(log) = log {
            log.draws.push((tensor.clone(), Draws(generator.clone())));
        }
    });
}

/// Notes that the values of a tensor must be within a range.
pub(crate) fn note_index(index: &Tensor, range: IndexRange) {
    LOG.with_borrow_mut(|log| log.iter_mut().for_each(|log| log.indices.push((index.clone(), range))));
}

impl Log {
    /// Calls a function, and returns its log. A capture inside of another one logs to the outer one.
    pub fn during<T>(f: impl FnOnce() -> T) -> (T, Log) {
        struct Outer(Option<Log>);
        impl Drop for Outer {
            fn drop(&mut self) {
                LOG.set(self.0.take());
            }
        }
        let outer = Outer(LOG.replace(Some(Log::default())));
        let result = f();
        let log = LOG.take().expect("set above");
        drop(outer);
        (result, log)
    }

    fn has_updated(&self, state: &State) -> bool {
        self.updated.iter().any(|(updated, _)| updated.same(state))
    }

    /// The states that were updated, and their current values.
    pub fn updates(&self) -> Vec<(Writer, Tensor)> {
        let update = |(state, before): &(State, HashMap<usize, u64>)| {
            let known = |start| before.get(&start).copied().unwrap_or(0);
            // Another thread may have dropped some updates.
            let since = |(start, all): (usize, u64)| (start, all.saturating_sub(known(start)));
            let mut times: Vec<(usize, u64)> = state.all_updates().into_iter().map(since).collect();
            times.retain(|(_, times)| *times > 0);
            times.sort_unstable();
            (Writer { state: state.clone(), times }, state.newest())
        };
        self.updated.iter().map(update).collect()
    }

    pub fn reader(&self, tensor: &Tensor) -> Option<&Reader> {
        self.reads.iter().find(|(t, _)| t.same(tensor)).map(|(_, reader)| reader)
    }

    pub fn read_tensors(&self) -> impl Iterator<Item = &Tensor> {
        self.reads.iter().map(|(t, _)| t)
    }
}

impl Reader {
    pub fn id(&self) -> usize {
        self.id
    }

    pub fn read(&self) -> Tensor {
        (self.read)()
    }
}

impl Writer {
    pub fn write(&self, value: &Tensor) {
        self.state.record_update(value, &self.times);
    }
}

impl Draws {
    pub fn next(&self, device: &Device) -> Tensor {
        self.0.next(device)
    }
}
