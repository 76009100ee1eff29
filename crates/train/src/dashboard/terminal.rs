//! Taking over the terminal, and restoring it in every case.

use std::io::{self, IsTerminal};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use ratatui::DefaultTerminal;

/// Whether a dashboard holds the terminal.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Enters raw mode and the alternate screen.
pub(super) fn enter() -> io::Result<DefaultTerminal> {
    static HOOK: Once = Once::new();
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        return Err(io::Error::other("standard input or output is no terminal"));
    }
    if TAKEN.swap(true, Ordering::SeqCst) {
        return Err(io::Error::other("another dashboard is open"));
    }
    // A panic's message belongs on the main screen. The hook stays installed; without a dashboard it only calls the previous one.
    HOOK.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            leave();
            previous(info);
        }));
    });
    take().inspect_err(|_| leave())
}

fn take() -> io::Result<DefaultTerminal> {
    use ratatui::crossterm::{execute, terminal};
    terminal::enable_raw_mode()?;
    execute!(io::stdout(), terminal::EnterAlternateScreen)?;
    ratatui::Terminal::new(ratatui::backend::CrosstermBackend::new(io::stdout()))
}

/// Whether a dashboard holds the terminal.
pub(super) fn is_taken() -> bool {
    TAKEN.load(Ordering::SeqCst)
}

/// Restores the terminal; does nothing if no dashboard holds it.
pub(super) fn leave() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        // Also shows the cursor. Errors are ignored: the terminal may be gone.
        ratatui::restore();
        let _ = ratatui::crossterm::execute!(io::stdout(), ratatui::crossterm::cursor::Show);
    }
}
