//! Key presses, read while the training loop is busy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// How long the listener takes to notice that it is no longer needed.
const POLL: Duration = Duration::from_millis(50);

#[derive(Default)]
struct Heard {
    stop: AtomicBool,
    resized: AtomicBool,
    done: AtomicBool,
}

/// A thread that waits for key presses.
pub(super) struct Keys {
    heard: Arc<Heard>,
    listener: Option<JoinHandle<()>>,
}

impl Keys {
    pub fn listen() -> Keys {
        let heard = Arc::new(Heard::default());
        let listener = std::thread::spawn({
            let heard = heard.clone();
            move || listen(&heard)
        });
        Keys { heard, listener: Some(listener) }
    }

    pub fn wants_stop(&self) -> bool {
        self.heard.stop.load(Ordering::Relaxed)
    }

    /// Whether the terminal was resized since the last call.
    pub fn take_resized(&self) -> bool {
        self.heard.resized.swap(false, Ordering::Relaxed)
    }

    /// Ends the thread, so that it takes no further input from the terminal.
    pub fn stop(&mut self) {
        self.heard.done.store(true, Ordering::Relaxed);
        if let Some(listener) = self.listener.take() {
            // The thread never panics; if it did, its message was shown.
            let _ = listener.join();
        }
    }
}

fn listen(heard: &Heard) {
    while !heard.done.load(Ordering::Relaxed) {
        let event = match event::poll(POLL) {
            Ok(false) => continue,
            Ok(true) => event::read(),
            Err(error) => Err(error),
        };
        match event {
            Ok(Event::Key(key)) if asks_to_stop(&key) => heard.stop.store(true, Ordering::Relaxed),
            Ok(Event::Resize(..)) => heard.resized.store(true, Ordering::Relaxed),
            Ok(_) => {}
            // The terminal is gone: there are no more keys.
            Err(_) => return,
        }
    }
}

/// Whether the key is `q`, Escape or Ctrl-C.
pub(super) fn asks_to_stop(key: &KeyEvent) -> bool {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    let asks = match key.code {
        KeyCode::Char('c' | 'C') => control,
        KeyCode::Char('q' | 'Q') => !control,
        KeyCode::Esc => true,
        _ => false,
    };
    asks && key.kind != KeyEventKind::Release
}
