//! Specialising the WGSL files of `shaders/`.

use crate::Half;

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

/// The module with the f32 array at `binding` in packed halves: elements are unpacked where they are read, or packed where they are
/// written. Elements of f16 are the halves as they are. `None` if it reads other elements than f32 or vectors of four, writes other elements
/// than such vectors, or does both. A module without the binding stays as it is.
///
/// `library` has the functions for that; it is appended unless the module already contains it.
pub(crate) fn with_halves(source: &str, binding: usize, half: Half, library: &str) -> Option<String> {
    let attribute = format!("@group(0) @binding({binding}) var<storage, ");
    let Some(start) = source.find(&attribute) else { return Some(source.to_owned()) };
    let declared = &source[start + attribute.len()..];
    let (access, rest) = declared.split_once("> ")?;
    let (name, rest) = rest.split_once(": array<")?;
    let (element, _) = rest.split_once(">;")?;
    let alias = source.split_once(&format!("alias {element} = ")).and_then(|(_, rest)| rest.split_once(';'));
    let element = alias.map_or(element, |(t, _)| t);
    let (before, after) = (&source[..start], &declared[declared.find(";\n")? + 2..]);
    let declaration = |words: &str| format!("{attribute}{access}> {name}: array<{words}>;\n");
    let (half, function) = (half.wgsl(), format!("{name}_unpacked"));
    let with_function = |words: &str, body: String| {
        let declared = format!("{}\nfn {function}(i: u32) -> {body}}}\n", declaration(words));
        call_reads(before, name, &function) + &declared + &call_reads(after, name, &function)
    };
    let mut text = match (access, element) {
        ("read", "f16" | "vec4<f16>") if half == "f16" => return Some(source.to_owned()),
        ("read", "f32") => with_function(
            "u32",
            format!("f32 {{\n    return unpack_{half}({name}[i / 2u] >> (16u * (i % 2u)));\n"),
        ),
        ("read", "vec4<f32>") => {
            with_function("vec2<u32>", format!("vec4<f32> {{\n    return unpack4_{half}({name}[i]);\n"))
        }
        ("read_write", "vec4<f32>") => {
            let pack = |text| pack_writes(text, name, &format!("pack4_{half}"));
            pack(before)? + &declaration("vec2<u32>") + &pack(after)?
        }
        _ => return None,
    };
    if !source.contains(library) {
        text += library;
    }
    Some(text)
}

/// The text with `NAME[..] = PACK(..);` in place of `NAME[..] = ..;`. `None` if it uses the array in another way.
fn pack_writes(text: &str, name: &str, pack: &str) -> Option<String> {
    let (mut done, mut rest) = (String::new(), text);
    while let Some((before, index, behind)) = indexed(rest, name) {
        let (value, behind) = behind.strip_prefix(" = ")?.split_once(";\n")?;
        if indexed(index, name).is_some() || indexed(value, name).is_some() {
            return None;
        }
        done += &format!("{before}{name}[{index}] = {pack}({value});\n");
        rest = behind;
    }
    Some(done + rest)
}

/// The text with `FUNCTION(u32(..))` in place of `NAME[..]`.
pub(crate) fn call_reads(text: &str, name: &str, function: &str) -> String {
    let (mut done, mut rest) = (String::new(), text);
    while let Some((before, index, behind)) = indexed(rest, name) {
        done += &format!("{before}{function}(u32({}))", call_reads(index, name, function));
        rest = behind;
    }
    done + rest
}

/// The text before the first `NAME[..]`, its index, and the text behind it.
fn indexed<'a>(text: &'a str, name: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let whole = |at: &usize| !text[..*at].ends_with(|c: char| c.is_alphanumeric() || "_.".contains(c));
    let at = text.match_indices(&format!("{name}[")).map(|(at, _)| at).find(whole)?;
    let inside = &text[at + name.len() + 1..];
    let mut open = 1;
    let close = inside.find(|c| {
        open += i32::from(c == '[') - i32::from(c == ']');
        open == 0
    })?;
    Some((&text[..at], &inside[..close], &inside[close + 1..]))
}

/// The module without the functions that nothing else of it calls, which compilers of shaders spend time on. Functions begin with `fn` at
/// the start of a line, and end with a `}` there.
pub(crate) fn without_unused(source: &str) -> String {
    let pieces = pieces(source);
    let mut used: Vec<bool> = pieces.iter().map(|(name, _)| name.is_none()).collect();
    let mut open: Vec<usize> = (0..pieces.len()).filter(|&i| used[i]).collect();
    while let Some(i) = open.pop() {
        for word in pieces[i].1.split(|c: char| !c.is_alphanumeric() && c != '_') {
            let called = pieces.iter().position(|(name, _)| *name == Some(word));
            if let Some(j) = called.filter(|&j| !used[j]) {
                used[j] = true;
                open.push(j);
            }
        }
    }
    pieces.iter().zip(used).filter(|(_, used)| *used).map(|((_, text), _)| *text).collect()
}

/// A module in parts: functions by name, each with the comment before it, and the text between them. An entry point, which follows its
/// attributes, belongs to the latter.
fn pieces(source: &str) -> Vec<(Option<&str>, &str)> {
    let mut pieces = vec![];
    // Where the piece begins, and where the comment that ends it.
    let (mut start, mut comment, mut at) = (0, 0, 0);
    let (mut inside, mut attributes) = (None, false);
    for line in source.split_inclusive('\n') {
        let text = line.trim_end();
        if inside.is_none() && !attributes && text.starts_with("fn ") {
            pieces.push((None, &source[start..comment]));
            inside = text["fn ".len()..].split('(').next();
            start = comment;
        }
        at += line.len();
        if inside.is_some() && (text == "}" || text.starts_with("fn ") && text.ends_with('}')) {
            pieces.push((inside.take(), &source[start..at]));
            start = at;
        }
        attributes = text.starts_with('@') && !text.ends_with(';');
        if !text.starts_with("//") || text.starts_with("//!") {
            comment = at;
        }
    }
    pieces.push((None, &source[start..]));
    pieces
}

#[cfg(test)]
mod tests {
    use super::{Source, with_halves, without_unused};
    use crate::Half;

    #[test]
    fn halves_are_unpacked_where_they_are_read_and_packed_where_they_are_written() {
        let text = "@group(0) @binding(1) var<storage, read> b: array<f32>;\nfn f(i: i32) -> f32 { return ab[1] + b[2 * i[b[0]]]; }\n";
        let got = with_halves(text, 1, Half::BF16, "// library\n").unwrap();
        assert_eq!(
            got,
            "@group(0) @binding(1) var<storage, read> b: array<u32>;\n\nfn b_unpacked(i: u32) -> f32 {\n    \
             return unpack_bf16(b[i / 2u] >> (16u * (i % 2u)));\n}\n\
             fn f(i: i32) -> f32 { return ab[1] + b_unpacked(u32(2 * i[b_unpacked(u32(0))])); }\n// library\n"
        );
        let vectors = "alias T = vec4<f32>;\n@group(0) @binding(0) var<storage, read> x: array<T>;\n";
        let got = with_halves(vectors, 0, Half::F16, "").unwrap();
        assert!(got.contains("x: array<vec2<u32>>;") && got.contains("return unpack4_f16(x[i]);"), "{got}");
        assert_eq!(with_halves(text, 0, Half::F16, ""), Some(text.to_owned()));
        let written = "@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;\nfn f(i: u32) { y[i + 1u] = v * 2.0;\n }\n";
        let got = with_halves(written, 2, Half::F16, "").unwrap();
        assert!(
            got.contains("y: array<vec2<u32>>;") && got.contains("y[i + 1u] = pack4_f16(v * 2.0);"),
            "{got}"
        );
        assert_eq!(with_halves(&written.replace("v * 2.0", "y[i]"), 2, Half::F16, ""), None);
        assert_eq!(with_halves(&written.replace("] =", "] +="), 2, Half::F16, ""), None);
        let words = "@group(0) @binding(0) var<storage, read> x: array<u32>;\n";
        assert_eq!(with_halves(words, 0, Half::F16, ""), None);
    }

    #[test]
    fn sets_constants_and_blocks() {
        let text = "const N: u32 = 4u;\nfn f() {\n    //!begin body\n    return;\n    //!end body\n}\n";
        let got = Source::new(text).set("N", 7).block("body", "    let x = N;").finish();
        assert_eq!(
            got,
            "const N: u32 = u32(7);\nfn f() {\n    //!begin body\n    let x = N;\n    //!end body\n}\n"
        );
    }

    #[test]
    fn functions_that_nothing_calls_are_left_out() {
        let text = "const N: u32 = 1u;\n\n// Calls c.\nfn a(x: f32) -> f32 {\n    return c(x);\n}\n\nfn b() -> f32 { return a(1.0); }\n\
                    // Of c.\nfn c(x: f32) -> f32 { return x; }\n@compute @workgroup_size(64)\nfn main() {\n    y[0] = a(0.0);\n}\n";
        let got = without_unused(text);
        assert_eq!(got, text.replace("fn b() -> f32 { return a(1.0); }\n", ""));
        let unused = text.replace("y[0] = a(0.0)", "y[0] = b0").replace("fn b(", "// Of b.\nfn b(");
        let kept = "const N: u32 = 1u;\n\n\n@compute @workgroup_size(64)\nfn main() {\n    y[0] = b0;\n}\n";
        assert_eq!(without_unused(&unused), kept);
    }
}
