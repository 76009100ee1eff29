//! Standard output.

use serde_json::Value;

/// Text for people, or one line of JSON for programs.
#[derive(Clone, Copy)]
pub struct Say {
    json: bool,
    /// Whether nothing is printed, as another rank does it.
    silent: bool,
}

impl Say {
    pub fn new(json: bool) -> Say {
        Say { json, silent: false }
    }

    /// The same on rank 0 of a distributed run, nothing on other ranks.
    pub fn on_main(self, is_main: bool) -> Say {
        Say { silent: !is_main, ..self }
    }

    /// Whether only JSON is printed.
    pub fn json(&self) -> bool {
        self.json
    }

    /// Prints text for people.
    pub fn text(&self, text: impl std::fmt::Display) {
        if !self.json && !self.silent {
            println!("{text}");
        }
    }

    /// Prints the result for programs.
    pub fn result(&self, result: &Value) {
        if self.json && !self.silent {
            println!("{result}");
        }
    }
}
