//! Specialising the WGSL files of `shaders/`.

/// The text of `shaders/<name>.wgsl`.
macro_rules! wgsl {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $name, ".wgsl"))
    };
}
pub(crate) use wgsl;

/// A WGSL text whose `const` lines and generated blocks are replaced by a kernel's own.
///
/// Shader files are valid WGSL with example values: `const N: u32 = 64u;` is overridden by `set("N", 128)`, and the
/// lines between `//!begin NAME` and `//!end NAME` by `block("NAME", text)`.
pub(crate) struct Source(String);

impl Source {
    pub fn new(text: &str) -> Source {
        Source(text.to_owned())
    }

    /// Sets `const name: T = ..;` to an integer, float or boolean literal of the type that the file declares.
    pub fn set(self, name: &str, value: impl std::fmt::Display) -> Source {
        let start =
            self.0.find(&format!("const {name}:")).unwrap_or_else(|| panic!("shader has no const {name}"));
        let equals = start + self.0[start..].find('=').expect("a const has a value");
        let end = equals + self.0[equals..].find(';').expect("a const ends in a semicolon");
        let kind = self.0[start..equals].split(':').nth(1).expect("a const has a type").trim();
        let text = format!("{}= {kind}({value})", &self.0[..equals]);
        Source(text + &self.0[end..])
    }

    /// Replaces the lines between `//!begin name` and `//!end name`.
    pub fn block(self, name: &str, text: &str) -> Source {
        let begin = format!("//!begin {name}\n");
        let start = self.0.find(&begin).unwrap_or_else(|| panic!("shader has no block {name}")) + begin.len();
        let end = start + self.0[start..].find(&format!("//!end {name}")).expect("a block ends");
        let indented = self.0[..end].rfind('\n').map_or(end, |n| n + 1);
        Source(format!("{}{text}\n{}", &self.0[..start], &self.0[indented..]))
    }

    /// Appends another file, such as `math.wgsl`.
    pub fn with(mut self, library: &str) -> Source {
        self.0.push('\n');
        self.0.push_str(library);
        self
    }

    pub fn finish(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::Source;

    #[test]
    fn sets_constants_and_blocks() {
        let text = "const N: u32 = 4u;\nfn f() {\n    //!begin body\n    return;\n    //!end body\n}\n";
        let got = Source::new(text).set("N", 7).block("body", "    let x = N;").finish();
        assert_eq!(
            got,
            "const N: u32 = u32(7);\nfn f() {\n    //!begin body\n    let x = N;\n    //!end body\n}\n"
        );
    }
}
