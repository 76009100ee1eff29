//! `WGRAD_PROFILE`, as a user sets it: a table or a trace at the end of the process.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use wgrad::prelude::*;

/// The body of the profiled process, which the tests below start.
#[test]
#[ignore = "started by the other tests"]
fn profiled() {
    let device = Device::named("cpu").unwrap();
    let x = Tensor::ones(&device, &[8, 8]);
    for _ in 0..3 {
        assert_eq!(x.matmul(&x).sum_all().item().unwrap(), 512.0);
    }
}

fn profile(value: &str, directory: &Path) -> Output {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "profiled", "--ignored", "--nocapture"])
        .env("WGRAD_PROFILE", value)
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    output
}

#[test]
fn table_at_the_end() {
    let output = profile("table", &std::env::temp_dir());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("CPU (") && text.contains("all launches"), "{text}");
    let product = text.lines().find(|l| l.starts_with("matmul")).expect("a row for the product");
    assert!(product.contains("[8, 8] [8, 8]  ") && product.contains(" 2 "), "{product}");
}

#[test]
fn trace_at_the_end() {
    let directory = tempfile::tempdir().unwrap();
    profile("trace.json", directory.path());
    let text = std::fs::read_to_string(directory.path().join("trace.json")).unwrap();
    let trace: Value = serde_json::from_str(&text).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let spans = |name: &str| -> Vec<&Value> {
        events.iter().filter(|e| e["ph"] == "X" && e["name"] == name).collect()
    };
    let end = |e: &Value| e["ts"].as_f64().unwrap() + e["dur"].as_f64().unwrap();
    let (products, submits) = (spans("matmul"), spans("submit"));
    assert_eq!((products.len(), submits.len()), (3, 3), "the first run is in the trace");
    for (product, submit) in products.iter().zip(&submits) {
        assert_eq!(product["args"]["shape"], "[8, 8] [8, 8]");
        assert_ne!(product["tid"], submit["tid"], "launches and host work have a row each");
        assert!(product["ts"].as_f64() >= submit["ts"].as_f64() && end(product) <= end(submit));
    }
    assert_eq!((spans("compile").len(), spans("record").len(), spans("evaluate").len()), (1, 3, 3));
    let names: Vec<&Value> = events.iter().filter(|e| e["ph"] == "M").map(|e| &e["args"]["name"]).collect();
    assert!(names.iter().any(|n| *n == "host") && names.iter().any(|n| *n == "launches"), "{names:?}");
}

#[test]
fn anything_else_is_named_and_ignored() {
    let output = profile("yes", &std::env::temp_dir());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("WGRAD_PROFILE=yes") && !text.contains("all launches"), "{text}");
}
