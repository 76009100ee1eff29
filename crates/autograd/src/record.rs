//! The time the host spends recording, for the profiler.

use std::cell::Cell;
use web_time::Instant;

use gpu_core::Device;

thread_local! {
    /// When this thread recorded the first node since its last evaluation, while the device is profiled.
    static SINCE: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Notes that a node was recorded.
pub(crate) fn note(device: &Device) {
    if SINCE.get().is_none() && device.profiling() {
        SINCE.set(Some(Instant::now()));
    }
}

/// Ends the recording span, when an evaluation begins.
pub(crate) fn end(device: &Device) {
    if let Some(since) = SINCE.take() {
        drop(device.span_since("record", since));
    }
}
