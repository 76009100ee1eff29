//! Making a device's work fail at any of its fallible points.
//!
//! A test first counts the points that a run passes, and then repeats the run with each of them failing as a real fault would: an
//! allocation with [`Error::OutOfMemory`](crate::Error::OutOfMemory), a launch on the CPU with a panic, and so on.

use crate::Device;
pub use crate::faults::Point;
use crate::faults::{Strike, Watch};

/// Runs `work`; returns its result and the points that `device` passed meanwhile, in order.
pub fn count<T>(device: &Device, work: impl FnOnce() -> T) -> (T, Vec<Point>) {
    watched(device, None, work)
}

/// Runs `work`, in which the `n`-th point (from 0) that `device` passes fails. Other threads' use of the device counts, too.
pub fn fail<T>(device: &Device, n: usize, work: impl FnOnce() -> T) -> T {
    watched(device, Some((n, Strike::Fail)), work).0
}

/// Runs `work`, during which a GPU is lost at its `n`-th point (from 0). The CPU device can't be lost.
pub fn lose<T>(device: &Device, n: usize, work: impl FnOnce() -> T) -> T {
    watched(device, Some((n, Strike::Lose)), work).0
}

fn watched<T>(device: &Device, strike: Option<(usize, Strike)>, work: impl FnOnce() -> T) -> (T, Vec<Point>) {
    device.faults().watch(Some(Watch { passed: vec![], strike }));
    let done = work();
    (done, device.faults().watch(None).map_or(vec![], |watch| watch.passed))
}
