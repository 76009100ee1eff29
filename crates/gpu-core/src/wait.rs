//! Waiting for what happens outside of this thread.
//!
//! Whatever may wait is a future, and [`block_on`] is what the blocking functions add. Natively the thread blocks. In a browser nothing
//! happens while a program runs, so the program's stack is suspended until a promise is kept (JavaScript Promise Integration): the call from
//! JavaScript that led here returns a promise.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

#[cfg(not(target_arch = "wasm32"))]
use crate::Result;

/// Blocks until a future is done.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn block_on<F: Future>(future: F) -> Result<F::Output> {
    Ok(pollster::block_on(future))
}

#[cfg(target_arch = "wasm32")]
pub(crate) use web::block_on;

/// A value that a callback brings; a future of it, and of its clones.
pub(crate) struct Signal<T>(Arc<Mutex<State<T>>>);

struct State<T> {
    value: Option<T>,
    waker: Option<Waker>,
}

impl<T> Signal<T> {
    pub fn new() -> Signal<T> {
        Signal(Arc::new(Mutex::new(State { value: None, waker: None })))
    }

    /// Later values are ignored.
    pub fn set(&self, value: T) {
        let mut state = self.lock();
        state.value.get_or_insert(value);
        if let Some(waker) = state.waker.take() {
            drop(state);
            waker.wake();
        }
    }

    pub fn is_set(&self) -> bool {
        self.lock().value.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl<T> Clone for Signal<T> {
    fn clone(&self) -> Signal<T> {
        Signal(self.0.clone())
    }
}

impl<T: Clone> Future for Signal<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context) -> Poll<T> {
        let mut state = self.lock();
        match state.value.clone() {
            Some(value) => Poll::Ready(value),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

#[cfg(target_arch = "wasm32")]
mod web {
    use std::cell::RefCell;
    use std::rc::Rc;
    use std::task::{Context, Poll, Waker};

    use wasm_bindgen::JsValue;

    use crate::{Error, Result};

    /// Suspends the program until a future is done.
    ///
    /// # Errors
    /// [`Error::CannotWait`] where the browser cannot; the future goes on.
    #[expect(deprecated, reason = "wasm-bindgen calls it experimental")]
    pub(crate) fn block_on<F: Future + 'static>(future: F) -> Result<F::Output> {
        let mut future = Box::pin(future);
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return Ok(output);
        }
        let done = Rc::new(RefCell::new(None));
        let to = done.clone();
        let promise = wasm_bindgen_futures::future_to_promise(async move {
            let output = future.await;
            *to.borrow_mut() = Some(output);
            Ok(JsValue::UNDEFINED)
        });
        // Where a page has replaced `WebAssembly.Suspending` by nothing, this returns at once.
        let _ = wasm_bindgen_futures::jspi_block_on_promise(&promise);
        done.take().ok_or(Error::CannotWait)
    }
}

#[cfg(test)]
mod tests {
    use super::{Signal, block_on};

    #[test]
    fn a_signal_keeps_its_first_value_and_wakes_who_waits() {
        let signal = Signal::new();
        assert!(!signal.is_set());
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| block_on(signal.clone()));
            signal.set(1);
            signal.set(2);
            assert_eq!(waits.join().unwrap().unwrap(), 1);
        });
        assert_eq!(block_on(signal).unwrap(), 1);
    }
}
