//! A thread ends only when the work that it submitted is done.
//!
//! Software adapters compile and run shaders on threads of their own. A process that ends meanwhile destroys the compiler's tables while
//! they are in use, and is aborted ("LLVM ERROR"). The main thread's thread-locals are dropped before that.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The devices that a thread submitted to.
struct Unfinished(RefCell<Vec<wgpu::Device>>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        for device in self.0.take() {
            // A lost device has nothing left to wait for; wgpu panics when the driver reports the loss here.
            let wait = || device.poll(wgpu::PollType::wait_indefinitely());
            let _ = catch_unwind(AssertUnwindSafe(wait));
        }
    }
}

thread_local! {
    static UNFINISHED: Unfinished = const { Unfinished(RefCell::new(vec![])) };
}

/// Records that this thread submitted work to `device`.
pub(super) fn note(device: &wgpu::Device) {
    // A thread that is ending has no thread-locals: nothing waits for its work.
    let _ = UNFINISHED.try_with(|Unfinished(devices)| {
        let mut devices = devices.borrow_mut();
        if !devices.contains(device) {
            devices.push(device.clone());
        }
    });
}
