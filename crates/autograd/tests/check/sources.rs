//! Finds the public functions in the sources of the operations.

use std::path::Path;

/// A public function.
pub struct Function {
    pub name: String,
    /// Whether its documentation has a section on panics.
    pub panics: bool,
}

/// The public functions in a folder, including those made by macros.
pub fn functions(folder: impl AsRef<Path>) -> Vec<Function> {
    let mut found = vec![];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(functions(path));
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let (mut in_macro, mut panics) = (false, false);
        for line in text.lines() {
            in_macro = line.ends_with("_methods! {") || in_macro && line != "}";
            let line = line.trim();
            panics |= line == "/// # Panics";
            let name = match line.strip_prefix("pub fn ") {
                Some(rest) => rest.split(['(', '<']).next(),
                None if in_macro && !line.starts_with("///") && line.ends_with(';') => {
                    line.split(" = ").next()
                }
                None => None,
            };
            if let Some(name) = name.filter(|name| !name.starts_with('$')) {
                found.push(Function { name: name.to_owned(), panics });
            }
            // Documentation belongs to the item after it.
            if !line.starts_with("///") && !line.starts_with("#[") {
                panics = false;
            }
        }
    }
    found
}
