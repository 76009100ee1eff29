//! Every shader file is valid WGSL by itself and translates to every backend within the portable limits.

use std::fs;
use std::path::{Path, PathBuf};

use gpu_core::testing;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders")
}

fn read(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap()
}

/// Files that are appended to others.
const LIBRARIES: [&str; 5] =
    ["attention_scores.wgsl", "softmax_rows.wgsl", "rows.wgsl", "philox.wgsl", "math.wgsl"];

/// Whether a text calls a function of a library.
fn calls(text: &str, library: &str) -> bool {
    let functions = library.lines().filter_map(|l| l.strip_prefix("fn ")?.split('(').next());
    let called = |name: &str| {
        text.match_indices(&format!("{name}(")).any(|(i, _)| {
            !text[..i].ends_with("fn ") && !text[..i].ends_with(|c: char| c.is_alphanumeric() || c == '_')
        })
    };
    functions.into_iter().any(|name| called(name) && !text.contains(&format!("fn {name}(")))
}

fn with_libraries(name: &str) -> String {
    let mut text = read(name);
    for library in LIBRARIES.map(read) {
        if calls(&text, &library) {
            text = format!("{text}\n{library}");
        }
    }
    text
}

#[test]
fn every_file_is_a_valid_shader() {
    let mut files: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".wgsl") && !LIBRARIES.contains(&name.as_str()))
        .collect();
    files.sort();
    assert!(files.len() > 20, "{files:?}");
    for name in files {
        let text = with_libraries(&name);
        assert!(text.contains("fn main("), "{name} has no entry point");
        println!("{name}");
        testing::validate(&text);
    }
}

/// Libraries are valid together with an empty entry point.
#[test]
fn libraries_are_valid() {
    for name in ["philox.wgsl", "math.wgsl"] {
        testing::validate(&format!(
            "{}\n@compute @workgroup_size(1)\nfn main() {{}}\n",
            with_libraries(name)
        ));
    }
}

#[test]
#[should_panic(expected = "9 storage buffers")]
fn more_buffers_than_the_portable_limit_are_refused() {
    let bindings = (0..9).map(|i| format!("@group(0) @binding({i}) var<storage> b{i}: array<u32>;\n"));
    let text = bindings.collect::<String>() + "@compute @workgroup_size(1)\nfn main() {}\n";
    testing::validate(&text);
}

#[test]
#[should_panic(expected = "invocations")]
fn larger_workgroups_than_the_portable_limit_are_refused() {
    testing::validate("@compute @workgroup_size(512)\nfn main() {}\n");
}

#[test]
#[should_panic(expected = "workgroup memory")]
fn more_workgroup_memory_than_the_portable_limit_is_refused() {
    testing::validate(
        "var<workgroup> a: array<f32, 4097>;\n@compute @workgroup_size(1)\nfn main() { a[0] = 1.0; }\n",
    );
}
