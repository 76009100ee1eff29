//! Documentation: every layer and every network has an example that asserts a number.

#[path = "gradcheck/exported.rs"]
mod exported;

use std::path::Path;

/// The source files of a folder.
fn sources(folder: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder);
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.is_file()).map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// The documentation of an item, which is found as the start of a line.
fn documentation(source: &str, item: &str) -> Option<String> {
    let lines: Vec<&str> = source.lines().collect();
    let begins = |line: &&str| {
        line.strip_prefix(item)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    };
    let at = lines.iter().position(begins)?;
    let above = lines[..at].iter().rev().take_while(|line| line.starts_with("///") || line.starts_with("#["));
    Some(above.copied().collect::<Vec<_>>().join("\n"))
}

/// Whether an example checks values, not only shapes.
fn asserts_numbers(documentation: &str) -> bool {
    let reads = ["to_vec::<f32>()", "item()", "params.count(), "];
    documentation.contains("assert") && reads.iter().any(|read| documentation.contains(read))
}

#[test]
fn of_layers() {
    let sources = sources("layers");
    let documented = |name: &String| {
        let items = ["struct", "type"].map(|kind| format!("pub {kind} {name}"));
        let found = sources.iter().flat_map(|s| items.iter().filter_map(|item| documentation(s, item)));
        let found: Vec<String> = found.collect();
        assert_eq!(found.len(), 1, "definitions of {name}");
        asserts_numbers(&found[0])
    };
    let missing: Vec<String> = exported::layers().into_iter().filter(|name| !documented(name)).collect();
    assert!(missing.is_empty(), "layers without an example that asserts a number: {missing:?}");
}

#[test]
fn of_networks() {
    // Networks that are only parts of others are private.
    let public = |s: &String| !s.contains("pub(super) struct") && s.contains("    pub fn forward(");
    let networks: Vec<String> = sources("zoo").into_iter().filter(public).collect();
    assert!(networks.len() >= 16, "the sources are read");
    let missing = networks.iter().filter(|s| {
        let documentation: Vec<&str> = s.lines().filter(|line| line.starts_with("///")).collect();
        !asserts_numbers(&documentation.join("\n"))
    });
    let missing: Vec<&str> = missing.map(|s| s.lines().next().unwrap()).collect();
    assert!(missing.is_empty(), "networks without an example that asserts a number: {missing:?}");
}
