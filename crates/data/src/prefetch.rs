//! Iterators that background threads keep ahead of their consumer.

use std::panic;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

/// Yields what the inner iterator yields, made up to `depth` items ahead on a thread of its own; where there are no threads, when it is asked for.
///
/// Dropping it early stops the thread and waits for the item being made; a panic on the thread is resumed in the consumer.
pub(crate) enum Prefetch<T> {
    Ahead { items: Option<Receiver<T>>, thread: Option<JoinHandle<()>> },
    Asked(Box<dyn Iterator<Item = T> + Send>),
}

impl<T: Send + 'static> Prefetch<T> {
    pub(crate) fn new(depth: usize, items: impl Iterator<Item = T> + Send + 'static) -> Prefetch<T> {
        if cfg!(target_arch = "wasm32") {
            return Prefetch::Asked(Box::new(items));
        }
        let (sender, receiver) = sync_channel(depth);
        let thread = thread::spawn(move || {
            for item in items {
                if sender.send(item).is_err() {
                    return; // the consumer has gone
                }
            }
        });
        Prefetch::Ahead { items: Some(receiver), thread: Some(thread) }
    }
}

impl<T> Iterator for Prefetch<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let (items, thread) = match self {
            Prefetch::Ahead { items, thread } => (items, thread),
            Prefetch::Asked(items) => return items.next(),
        };
        let item = items.as_ref()?.recv().ok();
        if item.is_none()
            && let Some(thread) = thread.take()
            && let Err(cause) = thread.join()
        {
            panic::resume_unwind(cause);
        }
        item
    }
}

impl<T> Drop for Prefetch<T> {
    fn drop(&mut self) {
        let Prefetch::Ahead { items, thread } = self else { return };
        *items = None; // makes the thread's next send fail
        if let Some(thread) = thread.take() {
            // A panic that had no receiver has printed its message already.
            let _ = thread.join();
        }
    }
}

/// Takes one item of each iterator in turn, until the one in turn has no more.
pub(crate) struct Lanes<T> {
    lanes: Vec<Prefetch<T>>,
    turn: usize,
}

impl<T: Send + 'static> Lanes<T> {
    pub(crate) fn new(lanes: Vec<Prefetch<T>>) -> Lanes<T> {
        Lanes { lanes, turn: 0 }
    }
}

impl<T: Send + 'static> Iterator for Lanes<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let item = self.lanes[self.turn].next()?;
        self.turn = (self.turn + 1) % self.lanes.len();
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn a_panic_reaches_the_consumer() {
        let mut items = Prefetch::new(2, (0..5).map(|i| if i == 3 { panic!("bad item") } else { i }));
        assert_eq!(items.by_ref().take(3).collect::<Vec<_>>(), [0, 1, 2]);
        let cause = panic::catch_unwind(panic::AssertUnwindSafe(|| items.next())).unwrap_err();
        assert_eq!(cause.downcast_ref::<&str>(), Some(&"bad item"));
        assert_eq!(items.next(), None);
    }

    #[test]
    fn dropping_early_stops_the_thread() {
        let made = Arc::new(AtomicUsize::new(0));
        let counter = made.clone();
        let mut items = Prefetch::new(2, (0..).inspect(move |_| _ = counter.fetch_add(1, Ordering::SeqCst)));
        assert_eq!(items.next(), Some(0));
        drop(items);
        // The thread has been joined, so that it holds no reference to the counter.
        assert_eq!(Arc::strong_count(&made), 1);
        assert!(made.load(Ordering::SeqCst) <= 5);
    }

    #[test]
    fn lanes_take_turns() {
        let lane = |first| Prefetch::new(1, (first..7).step_by(3));
        let mut items = Lanes::new((0..3).map(lane).collect());
        assert_eq!(items.by_ref().collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(items.next(), None);
    }

    #[test]
    fn an_exhausted_iterator_stays_exhausted() {
        let mut items = Prefetch::new(0, 0..2);
        assert_eq!(items.by_ref().count(), 2);
        assert_eq!((items.next(), items.next()), (None, None));
    }
}
