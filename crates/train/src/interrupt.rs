//! Stopping a run from outside.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use crate::Result;

/// A wish to stop, which a training loop looks at between steps. Clones share it.
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
    /// The wish of whoever presses Ctrl-C or sends SIGTERM to this process (Ctrl-C or closing the console on Windows): the same for all
    /// callers. From the first call on the signal doesn't end the process any more, but a second one does.
    ///
    /// # Errors
    /// [`Error::Signal`](crate::Error::Signal) when the system doesn't allow it, or the program handles signals itself.
    pub fn by_signal() -> Result<Interrupt> {
        static SHARED: OnceLock<Interrupt> = OnceLock::new();
        if let Some(shared) = SHARED.get() {
            return Ok(shared.clone());
        }
        let shared = SHARED.get_or_init(Interrupt::default).clone();
        let of_handler = shared.clone();
        ctrlc::set_handler(move || {
            if of_handler.requested() {
                std::process::exit(130); // as shells report SIGINT
            }
            of_handler.request();
        })?;
        Ok(shared)
    }

    /// Asks to stop.
    pub fn request(&self) {
        self.0.store(true, Relaxed);
    }

    /// Whether somebody asked to stop.
    pub fn requested(&self) -> bool {
        self.0.load(Relaxed)
    }
}
