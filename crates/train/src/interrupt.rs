//! Stopping a run from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// A request to stop, which a training loop checks between steps. Clones share it.
///
/// ```
/// let interrupt = train::Interrupt::default();
/// assert!(!interrupt.requested());
/// interrupt.clone().request();
/// assert!(interrupt.requested());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// The request that Ctrl-C or SIGTERM makes (on Windows: Ctrl-C or closing the console); all callers share it. After the first call
    /// of this function, the first signal only makes the request, and a second one ends the process.
    ///
    /// # Errors
    /// [`Error::Signal`](crate::Error::Signal) when the system refuses the handler, or the program already has one.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn by_signal() -> crate::Result<Interrupt> {
        use std::sync::{Mutex, PoisonError};
        static SHARED: Mutex<Option<Interrupt>> = Mutex::new(None);
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = &*shared {
            return Ok(shared.clone());
        }
        let interrupt = Interrupt::default();
        let of_handler = interrupt.clone();
        ctrlc::set_handler(move || {
            if of_handler.requested() {
                std::process::exit(130); // as shells report SIGINT
            }
            of_handler.request();
        })?;
        Ok(shared.insert(interrupt).clone())
    }

    /// Requests a stop.
    pub fn request(&self) {
        self.0.store(true, Relaxed);
    }

    /// Whether a stop was requested.
    pub fn requested(&self) -> bool {
        self.0.load(Relaxed)
    }
}
