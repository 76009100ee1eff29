//! The tables of atlas/systems.md, for the tests that check them.

use std::path::{Path, PathBuf};

pub const COLUMNS: usize = 6;

/// The top of the repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A file, by its path from the top.
pub fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The tables' rows, without their headings.
pub fn rows(page: &str) -> Vec<Vec<&str>> {
    let table = page.lines().filter(|line| line.starts_with('|') && !line.starts_with("|---"));
    table.filter(|line| !line.starts_with("| System |")).map(cells).collect()
}

fn cells(line: &str) -> Vec<&str> {
    line.trim().trim_matches('|').split(" | ").map(str::trim).collect()
}

/// The text between backticks.
pub fn code(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The files of a cell with the names that follow each.
pub fn files(cell: &str) -> Vec<(&str, Vec<&str>)> {
    let mut files: Vec<(&str, Vec<&str>)> = Vec::new();
    for item in code(cell) {
        match files.last_mut() {
            Some((_, names)) if !item.contains('/') => names.push(item),
            _ => files.push((item, Vec::new())),
        }
    }
    files
}

/// The numbers of a text, without their signs, and whether each is followed by `%` or `point`. Digits that are part of a name, as in `R2` or
/// `CD-1`, are none.
pub fn numbers(text: &str) -> Vec<(f64, bool)> {
    let chars: Vec<char> = text.chars().collect();
    let digit = |i: usize| chars.get(i).is_some_and(char::is_ascii_digit);
    let letter = |i: usize| chars.get(i).is_some_and(|c| c.is_alphanumeric() || *c == '_');
    let (mut found, mut at) = (Vec::new(), 0);
    while at < chars.len() {
        if !digit(at) {
            at += 1;
            continue;
        }
        let start = at;
        while digit(at) || matches!(chars.get(at), Some('.' | ',' | '_')) && digit(at + 1) {
            at += 1;
        }
        let exponent = at + 1 + usize::from(chars.get(at + 1) == Some(&'-'));
        if chars.get(at) == Some(&'e') && digit(exponent) {
            at = (exponent..).find(|&i| !digit(i)).expect("the text ends");
        }
        let in_name =
            start > 0 && (letter(start - 1) || chars[start - 1] == '-' && start > 1 && letter(start - 2));
        if !in_name && !letter(at) {
            let number: String = chars[start..at].iter().filter(|c| !matches!(c, ',' | '_')).collect();
            let rest: String = chars[at..].iter().take(7).collect();
            let hundredths = rest.trim_start().starts_with('%') || rest.trim_start().starts_with("point");
            if let Ok(value) = number.parse() {
                found.push((value, hundredths));
            }
        }
    }
    found
}
