//! Mistakes that beginners make, and what wgrad says to each: `docs/mistakes.md` holds exactly these messages, beside PyTorch's.
//!
//! `WGRAD_RECORD=1 cargo test -p wgrad-tests --test mistakes` writes the document again; `tests/pytorch/mistakes.py` records PyTorch's messages.

// The operating system's messages are part of the document.
#![cfg(unix)]

mod data;
mod files;
mod graphs;
mod shapes;
mod training;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;

use wgrad::prelude::*;

/// What a program does wrong, the key of what PyTorch says to it, and the program, which is given an empty directory.
type Mistake = (&'static str, &'static str, fn(&Path) -> wgrad::Result<()>);

fn cpu() -> Device {
    Device::named("cpu").unwrap()
}

fn params() -> Params {
    Params::new(&cpu(), 0)
}

fn ones(shape: &[usize]) -> Tensor {
    Tensor::ones(&cpu(), shape)
}

fn labels(values: &[i32]) -> Tensor {
    Tensor::from_slice(&cpu(), values, &[values.len()]).unwrap()
}

/// The message of the error or of the panic, with the line that a panic reports.
fn said(program: fn(&Path) -> wgrad::Result<()>) -> String {
    static PANIC: Mutex<String> = Mutex::new(String::new());
    let directory = tempfile::tempdir().unwrap();
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|info| {
        let payload = info.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or(payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("?");
        let file = info.location().map_or("?", |at| at.file());
        *PANIC.lock().unwrap() = format!("panic at {file}: {text}");
    }));
    let result = catch_unwind(AssertUnwindSafe(|| program(directory.path())));
    std::panic::set_hook(hook);
    let text = match result {
        Ok(Ok(())) => panic!("a mistake that is none"),
        Ok(Err(error)) => format!("error: {error}"),
        Err(_) => std::mem::take(&mut *PANIC.lock().unwrap()),
    };
    plain(&text, directory.path())
}

/// Without what differs from machine to machine, or from edit to edit: directories, cores, adapters, lines.
fn plain(text: &str, directory: &Path) -> String {
    let text = text.replace(&format!("{}/", directory.display()), "");
    let text = text.replace(&directory.display().to_string(), "runs").replace("tests/mistakes/", "src/");
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find(".rs:") {
        out.push_str(&rest[..at + 3]);
        rest = rest[at + 3..].trim_start_matches(|c: char| c == ':' || c.is_ascii_digit());
        rest = rest.trim_start_matches([' ']);
        if !rest.starts_with([':', ',', ')', '.']) {
            out.push_str(": ");
        }
    }
    out.push_str(rest);
    let cpu = Device::named("cpu").expect("the CPU device");
    let adapters = format!("adapter index 0..{}", Device::list().len());
    out.replace(&*cpu.info().name, "CPU")
        .replace(&adapters, "an adapter index")
        .replace('\n', " ")
        .replace('|', "\\|")
}

fn document(pytorch: &BTreeMap<String, String>) -> String {
    let mut text = include_str!("introduction.md").to_owned();
    for (title, mistakes) in [
        ("Shapes", shapes::MISTAKES),
        ("Labels and other data", data::MISTAKES),
        ("Gradients and steps", graphs::MISTAKES),
        ("Training", training::MISTAKES),
        ("Files", files::MISTAKES),
    ] {
        text += &format!("\n## {title}\n\n| mistake | wgrad | PyTorch |\n|---|---|---|\n");
        for (mistake, key, program) in mistakes {
            let torch = pytorch.get(*key).unwrap_or_else(|| panic!("{key} is not recorded"));
            text += &format!("| {mistake} | {} | {torch} |\n", said(*program));
        }
    }
    text
}

#[test]
fn the_document_holds_the_messages() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pytorch = std::fs::read_to_string(root.join("fixtures/mistakes.json")).unwrap();
    let found = document(&serde_json::from_str(&pytorch).unwrap());
    let path = root.join("../docs/mistakes.md");
    if std::env::var_os("WGRAD_RECORD").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap().replace("\r\n", "\n");
    for (found, written) in found.lines().zip(written.lines()) {
        assert_eq!(found, written);
    }
    assert_eq!(found.lines().count(), written.lines().count());
}
