//! The host's time for recording, for the profiler.

use std::cell::Cell;
use std::time::Instant;

use gpu_core::Device;

thread_local! {
    /// When this thread recorded the first node since its last evaluation, while the device is profiled.
    static SINCE: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// A node was recorded.
pub(crate) fn note(device: &Device) {
    if SINCE.get().is_none() && device.profiling() {
        SINCE.set(Some(Instant::now()));
    }
}

/// Recording ends: an evaluation begins.
pub(crate) fn end(device: &Device) {
    if let Some(since) = SINCE.take() {
        drop(device.span_since("record", since));
    }
}
