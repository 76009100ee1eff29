//! Standard output.

use serde_json::Value;

/// Text for people, or one line of JSON for programs.
pub struct Say {
    json: bool,
}

impl Say {
    pub fn new(json: bool) -> Say {
        Say { json }
    }

    /// Whether only JSON is printed.
    pub fn json(&self) -> bool {
        self.json
    }

    /// Prints text for people.
    pub fn text(&self, text: impl std::fmt::Display) {
        if !self.json {
            println!("{text}");
        }
    }

    /// Prints the result for programs.
    pub fn result(&self, result: &Value) {
        if self.json {
            println!("{result}");
        }
    }
}
