//! Checks that mistakes panic where they are made.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Once;

thread_local! {
    static LAST: RefCell<Option<(String, String)>> = const { RefCell::new(None) };
}

fn said(payload: &dyn Any) -> String {
    let text = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// The message and the file of the panic in `f`, if there is one.
pub fn panic_of(f: &dyn Fn()) -> Option<(String, String)> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let file = info.location().map_or(String::new(), |l| l.file().to_owned());
            LAST.set(Some((said(info.payload()), file)));
            before(info);
        }));
    });
    LAST.set(None);
    catch_unwind(AssertUnwindSafe(f)).err()?;
    LAST.take()
}

/// A name, which begins with the name of the misused function, words of the message, and the mistake.
pub type Mistake = (&'static str, &'static [&'static str], fn());

/// The name of the misused function, which a case's name begins with.
pub fn subject(name: &str) -> &str {
    name.split([' ', ',', ':']).next().unwrap_or(name)
}

/// Each mistake has to panic in the file that calls this, with a message that contains the given words.
#[track_caller]
pub fn check(mistakes: &[Mistake]) {
    let here = Location::caller().file();
    let mut wrong = vec![];
    for (name, words, f) in mistakes {
        let Some((message, file)) = panic_of(f) else {
            wrong.push(format!("{name}: no panic"));
            continue;
        };
        if file != here {
            wrong.push(format!("{name}: panics at {file}: {message}"));
        } else if let Some(word) = words.iter().find(|w| !message.contains(**w)) {
            wrong.push(format!("{name}: no \"{word}\" in \"{message}\""));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
