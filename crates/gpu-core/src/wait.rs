//! Waiting for what happens outside of this thread.
//!
//! Natively the thread blocks. In a browser nothing happens while a program runs, so the program's stack is suspended until a promise is
//! kept (JavaScript Promise Integration): the call from JavaScript that led here returns a promise.

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::{Signal, block_on};
#[cfg(target_arch = "wasm32")]
pub(crate) use web::{Signal, block_on};

#[cfg(not(target_arch = "wasm32"))]
mod native {
    pub(crate) use pollster::block_on;

    /// Nothing: natively, polling the device waits.
    #[derive(Clone)]
    pub(crate) struct Signal;

    impl Signal {
        pub fn new() -> Signal {
            Signal
        }

        pub fn set(&self) {}

        pub fn wait(&self) {}
    }
}

#[cfg(target_arch = "wasm32")]
mod web {
    use std::cell::RefCell;
    use std::rc::Rc;

    use js_sys::{Function, Promise};
    use wasm_bindgen::JsValue;

    /// Suspends the program until a promise is kept or broken.
    #[expect(deprecated, reason = "wasm-bindgen calls it experimental")]
    fn suspend(promise: &Promise) {
        let _ = wasm_bindgen_futures::jspi_block_on_promise(promise);
    }

    /// Suspends the program until a future is done.
    pub(crate) fn block_on<F: Future + 'static>(future: F) -> F::Output {
        let done = Rc::new(RefCell::new(None));
        let to = done.clone();
        suspend(&wasm_bindgen_futures::future_to_promise(async move {
            let output = future.await;
            *to.borrow_mut() = Some(output);
            Ok(JsValue::UNDEFINED)
        }));
        done.take().expect("the future is done")
    }

    /// An event that callbacks of the browser set.
    #[derive(Clone)]
    pub(crate) struct Signal {
        promise: Promise,
        keep: Function,
    }

    // SAFETY: a page without shared memory has one thread.
    unsafe impl Send for Signal {}
    // SAFETY: as above.
    unsafe impl Sync for Signal {}

    impl Signal {
        pub fn new() -> Signal {
            let mut keep = None;
            let promise = Promise::new(&mut |resolve, _| keep = Some(resolve));
            Signal { promise, keep: keep.expect("called at once") }
        }

        pub fn set(&self) {
            let _ = self.keep.call0(&JsValue::NULL);
        }

        pub fn wait(&self) {
            suspend(&self.promise);
        }
    }
}
