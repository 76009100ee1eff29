//! What a function does while it is captured, beside recording operations: reading and updating states, and drawing numbers.

use std::cell::RefCell;
use std::sync::Arc;

use gpu_core::Device;

use crate::{Generator, Tensor};

/// Something whose value changes from step to step, such as a parameter.
#[derive(Clone)]
pub(crate) struct Reader {
    id: usize,
    read: Arc<dyn Fn() -> Tensor + Send + Sync>,
}

/// Something that a forward pass updates, such as a running mean.
pub(crate) struct Writer(Arc<dyn Fn(&Tensor) + Send + Sync>);

/// A generator that numbers are drawn from.
#[derive(Clone)]
pub(crate) struct Draws(pub Generator);

/// The log of one call.
#[derive(Default)]
pub(crate) struct Log {
    reads: Vec<(Tensor, Reader)>,
    pub draws: Vec<(Tensor, Draws)>,
    /// The last value of everything that was updated.
    pub updates: Vec<(Writer, Tensor)>,
    /// What it was.
    updated: Vec<usize>,
}

thread_local! {
    static LOG: RefCell<Option<Log>> = const { RefCell::new(None) };
}

/// Tells a [capture](crate::Captured) of this thread, if there is one, that `tensor` is the present value of something, numbered
/// `id` within the process, whose value at a later step `read` gives.
pub fn note_read(tensor: &Tensor, id: usize, read: impl FnOnce() -> Arc<dyn Fn() -> Tensor + Send + Sync>) {
    LOG.with_borrow_mut(|log| {
        // What the function itself has updated is computed by it.
        if let Some(log) = log.as_mut().filter(|log| !log.updated.contains(&id))
            && log.reader(tensor).is_none()
        {
            log.reads.push((tensor.clone(), Reader { id, read: read() }));
        }
    });
}

/// Tells a capture that the thing numbered `id` was updated to `value`; `write` does so at a later step.
pub fn note_update(value: &Tensor, id: usize, write: impl FnOnce() -> Arc<dyn Fn(&Tensor) + Send + Sync>) {
    LOG.with_borrow_mut(|log| {
        if let Some(log) = log {
            match log.updated.iter().position(|known| *known == id) {
                Some(at) => log.updates[at].1 = value.clone(),
                None => {
                    log.updated.push(id);
                    log.updates.push((Writer(write()), value.clone()));
                }
            }
        }
    });
}

/// Numbers were drawn.
pub(crate) fn note_draw(tensor: &Tensor, generator: &Generator) {
    LOG.with_borrow_mut(|log| {
        if let Some(log) = log {
            log.draws.push((tensor.clone(), Draws(generator.clone())));
        }
    });
}

impl Log {
    /// Calls a function, and gives what it did. A capture inside of another one is a part of that.
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
        (self.0)(value);
    }
}

impl Draws {
    pub fn next(&self, device: &Device) -> Tensor {
        self.0.next(device)
    }
}
