//! Errors of a GPU: those of the caller's own calls, those reported later, and the loss of the device.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use wgpu::ErrorFilter;

use super::{Gpu, lock};
use crate::faults::{Point, Strike};
#[cfg(target_arch = "wasm32")]
use crate::wait::{Signal, block_on};
use crate::{Error, Result};

/// The first error since the last check that was not returned by the call that caused it. A loss of the device stays.
#[derive(Clone, Default)]
pub(super) struct Failure(Arc<Mutex<Option<Error>>>);

impl Failure {
    /// Records the errors that `device`, called `name`, reports from now on.
    pub fn watch(&self, device: &wgpu::Device, name: &str) {
        let (on_error, on_lost) = (self.clone(), self.clone());
        let (error_name, lost_name) = (name.to_owned(), name.to_owned());
        device.on_uncaptured_error(Arc::new(move |error| {
            lock(&on_error.0).get_or_insert(typed(&error_name, error));
        }));
        device.set_device_lost_callback(move |reason, message| {
            on_lost.lost(&lost_name, format!("{reason:?} {message}"));
        });
    }

    fn lost(&self, device: &str, reason: String) {
        *lock(&self.0) = Some(Error::DeviceLost { device: device.to_owned(), reason });
    }
}

impl Gpu {
    /// Reports the first error since the last check.
    pub(super) fn check(&self) -> Result<()> {
        self.alive()?;
        lock(&self.failure.0).take().map_or(Ok(()), Err)
    }

    /// Reports the loss of the device.
    fn alive(&self) -> Result<()> {
        match &*lock(&self.failure.0) {
            Some(lost @ Error::DeviceLost { .. }) => Err(lost.clone()),
            _ => Ok(()),
        }
    }

    pub fn is_lost(&self) -> bool {
        self.alive().is_err()
    }

    /// Simulates the loss of the device.
    pub fn lose(&self) {
        self.device.destroy();
        // The loss is reported when the queue is empty.
        let _ = self.poll(wgpu::PollType::wait_indefinitely());
    }

    /// Passes a fault-injection point; returns whether the work must fail there.
    pub fn passes(&self, point: Point) -> Result<bool> {
        let strike = self.faults.pass(point);
        if strike == Some(Strike::Lose) {
            self.lose();
        }
        self.alive()?;
        Ok(strike == Some(Strike::Fail))
    }

    /// Runs `call` and reports the errors of its own calls to the device, not those of other threads meanwhile.
    pub(super) fn caught<T>(&self, call: impl FnOnce() -> T) -> Result<T> {
        let filters = [ErrorFilter::Validation, ErrorFilter::OutOfMemory, ErrorFilter::Internal];
        let (done, refused) = self.scoped(&filters, call);
        self.check()?;
        refused.map_or(Ok(done), |error| Err(typed(&self.name, error)))
    }

    /// Runs `call`, and gives the first error of its own calls to the device.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn scoped<T>(
        &self,
        filters: &[ErrorFilter],
        call: impl FnOnce() -> T,
    ) -> (T, Option<wgpu::Error>) {
        let scopes: Vec<_> = filters.iter().map(|&filter| self.device.push_error_scope(filter)).collect();
        let done = call();
        let errors = scopes.into_iter().rev().filter_map(|scope| pollster::block_on(scope.pop()));
        (done, errors.last())
    }

    /// Runs `call`. In a browser, an error is known only after a round trip to another process; [`check`](Gpu::check) reports it later.
    #[cfg(target_arch = "wasm32")]
    pub(super) fn scoped<T>(&self, _: &[ErrorFilter], call: impl FnOnce() -> T) -> (T, Option<wgpu::Error>) {
        (call(), None)
    }

    /// Waits or polls for the end of submitted work.
    pub(super) fn poll(&self, until: wgpu::PollType) -> Result<()> {
        self.alive()?;
        #[cfg(target_arch = "wasm32")]
        if !matches!(until, wgpu::PollType::Poll) {
            let done = Signal::new();
            let on_done = done.clone();
            self.queue.on_submitted_work_done(move || on_done.set(()));
            block_on(done)?;
        }
        // wgpu panics when the driver reports a loss while it waits.
        let reason = match catch_unwind(AssertUnwindSafe(|| self.device.poll(until))) {
            Ok(Ok(_)) => return self.check(),
            Ok(Err(error)) => error.to_string(),
            Err(panic) => crate::cpu::message(&*panic),
        };
        self.check()?;
        self.failure.lost(&self.name, reason);
        self.check()
    }

    /// Runs `work` after all queued work is done, and discards its errors: unless the device is lost, later checks
    /// report the same as without `work`.
    pub fn discarding_errors<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = self.poll(wgpu::PollType::wait_indefinitely());
        let done = work();
        let mut failure = lock(&self.failure.0);
        if !matches!(*failure, Some(Error::DeviceLost { .. })) {
            *failure = before.err();
        }
        drop(failure);
        done
    }
}

fn typed(device: &str, error: wgpu::Error) -> Error {
    let device = device.to_owned();
    match error {
        wgpu::Error::OutOfMemory { .. } => {
            Error::OutOfMemory { device, bytes: 0, role: "the GPU's queue", in_use: 0, limit: None }
        }
        other => Error::Command { device, reason: other.to_string() },
    }
}
