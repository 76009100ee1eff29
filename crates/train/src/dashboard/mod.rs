//! A live dashboard in the terminal: curves, speed, memory, and the last messages.
//!
//! ```no_run
//! use train::dashboard::{Dashboard, View};
//! let mut dashboard = Dashboard::open("resnet20 on CIFAR-10")?;
//! let mut view = View { steps: 1000, device: "cpu".into(), ..View::default() };
//! for step in 0..1000 {
//!     // ... a training step ...
//!     view.step = step + 1;
//!     dashboard.update(&view)?;
//!     if dashboard.wants_stop() {
//!         break;
//!     }
//! }
//! # Ok::<(), train::Error>(())
//! ```

mod callback;
mod chart;
mod draw;
mod format;
mod keys;
mod terminal;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use plot::Series;
use ratatui::DefaultTerminal;

use crate::{Error, Result};
pub use callback::Screen;
use keys::Keys;

/// What a dashboard shows; fields that are `None` or empty are left out.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Steps done.
    pub step: usize,
    /// Steps of the whole run; 0 if unknown.
    pub steps: usize,
    /// The epoch of this step, from 1; 0 is not shown.
    pub epoch: usize,
    /// Epochs of the whole run; 0 if there are none.
    pub epochs: usize,
    /// Time since the run began.
    pub elapsed: Duration,
    /// Recent steps per second, from which the remaining time is estimated.
    pub steps_per_s: f64,
    /// A unit and its count per second: `("images", 5120.0)`.
    pub throughput: Option<(String, f64)>,
    /// Learning rate.
    pub lr: Option<f64>,
    /// The device's name.
    pub device: String,
    /// Bytes that the run holds on the device.
    pub memory: Option<u64>,
    /// Losses by step, in the upper chart.
    pub losses: Vec<Series>,
    /// Other measurements by step, in the lower chart.
    pub metrics: Vec<Series>,
    /// Messages, the newest last.
    pub messages: Vec<String>,
}

/// The minimum time between two drawings; an earlier update draws nothing.
const INTERVAL: Duration = Duration::from_millis(100);

/// The dashboard on this process's terminal, on the alternate screen. Dropping it restores the terminal; a panic restores it before
/// its message is printed.
///
/// Nothing else should write to the terminal meanwhile. `q`, Escape and Ctrl-C request a stop: [`Dashboard::wants_stop`] returns true,
/// and the training loop decides what to do; the dashboard itself ends nothing.
pub struct Dashboard {
    terminal: DefaultTerminal,
    keys: Keys,
    title: String,
    drawn: Option<Instant>,
}

impl Dashboard {
    /// Takes over the terminal.
    ///
    /// # Errors
    /// [`Error::Terminal`] when standard input or output is no terminal, or another dashboard is open.
    pub fn open(title: impl Into<String>) -> Result<Dashboard> {
        let refused = |source| Error::Terminal { source };
        let terminal = terminal::enter().map_err(refused)?;
        Ok(Dashboard { terminal, keys: Keys::listen(), title: title.into(), drawn: None })
    }

    /// Shows `view`, at most ten times a second. Call it at any rate, and [`Dashboard::redraw`] at the end.
    ///
    /// # Errors
    /// [`Error::Terminal`] when the terminal is gone.
    pub fn update(&mut self, view: &View) -> Result<()> {
        if self.is_due() { self.redraw(view) } else { Ok(()) }
    }

    /// Whether [`update`](Dashboard::update) would draw.
    pub fn is_due(&mut self) -> bool {
        self.drawn.is_none_or(|drawn| drawn.elapsed() >= INTERVAL) || self.keys.take_resized()
    }

    /// Shows `view` now.
    ///
    /// # Errors
    /// As [`Dashboard::update`].
    pub fn redraw(&mut self, view: &View) -> Result<()> {
        self.drawn = Some(Instant::now());
        // After another thread's panic the ordinary screen stays as it is.
        if !terminal::is_taken() {
            return Ok(());
        }
        let stopping = self.wants_stop();
        let drawn = self.terminal.draw(|frame| draw::screen(frame, &self.title, view, stopping));
        drawn.map(|_| ()).map_err(|source| Error::Terminal { source })
    }

    /// Whether a stop was requested.
    pub fn wants_stop(&self) -> bool {
        self.keys.wants_stop()
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        self.keys.stop();
        terminal::leave();
    }
}
