//! The shakespeare example as a user runs it: that it learns and can be resumed, and its errors.

mod common;

use common::{Example, losses};
use tempfile::TempDir;
use wgrad::gpu_core::testing;

/// A small network and a short run.
const SHAKESPEARE: Example = Example {
    name: "shakespeare",
    args: &[
        "--batch",
        "4",
        "--context",
        "16",
        "--width",
        "16",
        "--depth",
        "1",
        "--heads",
        "2",
        "--steps",
        "20",
        "--length",
        "12",
        "--beams",
        "2",
    ],
};

/// Writes a text that repeats one sentence, and returns its path.
fn sentences(directory: &TempDir) -> String {
    let path = directory.path().join("text.txt");
    std::fs::write(&path, "the cat sat on the mat.\n".repeat(200))
        .expect("a temporary directory can be written");
    path.to_str().expect("a UTF-8 path").to_owned()
}

#[test]
fn both_networks_learn_and_write() {
    let data = TempDir::new().unwrap();
    let data = sentences(&data);
    for model in ["gpt", "lstm"] {
        let out = TempDir::new().unwrap();
        let args = ["--model", model, "--data", &data, "--device", "cpu", "--lr", "0.02", "--warmup", "2"];
        let summary = SHAKESPEARE.passes(out.path(), &args);
        let losses = losses(out.path());
        assert_eq!((losses.len(), summary["steps"].as_u64()), (20, Some(20)));
        assert!(losses[19] < losses[0] - 0.5, "{model}: {losses:?}");
        for figure in ["validation_loss", "best_validation_loss", "train_loss", "tokens_per_s"] {
            assert!(summary[figure].is_number(), "{figure} in {summary}");
        }
        let samples = std::fs::read_to_string(out.path().join("samples.txt")).expect("samples");
        for way in ["temperature", "5 most probable", "90 %", "beam search, 2 beams"] {
            assert!(samples.contains(way), "{way} in {samples}");
        }
        let curves = std::fs::read(out.path().join("curves.png")).expect("a picture");
        assert!(curves.starts_with(b"\x89PNG"));
        assert!(out.path().join("best.safetensors").exists());
    }
}

#[test]
fn a_resumed_run_is_the_whole_run_bit_for_bit() {
    let (data, whole, parts) = (TempDir::new().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let data = sentences(&data);
    let args = ["--data", &data, "--device", "cpu", "--validate-every", "7"];
    let a = SHAKESPEARE.passes(whole.path(), &args);
    SHAKESPEARE.passes(parts.path(), &[&args[..], &["--stop", "7"]].concat());
    assert_eq!(losses(parts.path()).len(), 7);
    let b = SHAKESPEARE.passes(parts.path(), &[&args[..], &["--resume"]].concat());
    let read = |directory: &TempDir, name| std::fs::read(directory.path().join(name)).expect("a file");
    for file in ["metrics.jsonl", "best.safetensors", "samples.txt"] {
        assert_eq!(read(&whole, file), read(&parts, file), "{file}");
    }
    assert_eq!((&a["best_validation_loss"], &a["steps"]), (&b["best_validation_loss"], &b["steps"]));
    let complaint = SHAKESPEARE.fails(parts.path(), &[&args[..], &["--resume"]].concat());
    assert!(complaint.contains("has 20 of 20 steps already"), "{complaint}");
}

#[test]
fn devices_agree_on_the_first_losses() {
    let Some(gpu) = testing::gpu() else { return };
    let name =
        if gpu.info().kind == wgrad::prelude::DeviceKind::Software { "software" } else { gpu.info().backend };
    let (data, cpu, other) = (TempDir::new().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let data = sentences(&data);
    let common = ["--data", &data, "--steps", "4"];
    SHAKESPEARE.passes(cpu.path(), &[&common[..], &["--device", "cpu"]].concat());
    SHAKESPEARE.passes(other.path(), &[&common[..], &["--device", name]].concat());
    for (step, (a, b)) in losses(cpu.path()).into_iter().zip(losses(other.path())).enumerate() {
        assert!((a - b).abs() <= 1e-3 * a.abs(), "step {step}: {a} on the CPU, {b} on {name}");
    }
}

#[test]
fn bad_arguments_and_data_are_explained() {
    let (data, out) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let path = sentences(&data);
    let complain = |args: &[&str], want: &str| {
        let complaint = SHAKESPEARE.fails(&out.path().join("run"), &[&["--device", "cpu"], args].concat());
        assert!(complaint.contains(want), "{args:?}: {complaint}");
    };
    complain(&["--data", "/nowhere/at/all"], "/nowhere/at/all");
    complain(&["--data", &path, "--context", "5000"], "too few for windows of 5000");
    complain(&["--data", &path, "--prompt", "Zebra"], "'Z' does not occur");
    complain(&["--data", &path, "--prompt", ""], "an empty prompt");
    complain(&["--data", &path, "--heads", "3"], "divided among 3 heads");
    complain(&["--data", &path, "--batch", "0"], "--batch 0 trains nothing");
    complain(&["--data", &path, "--resume"], "no run in");
    complain(&["--data", &path, "--lr", "1e30"], "the loss is");
    let bytes = data.path().join("bytes.txt");
    std::fs::write(&bytes, [b'a', 0xff, b'b']).unwrap();
    complain(&["--data", bytes.to_str().unwrap()], "not UTF-8 from byte 1 on");
    std::fs::write(&bytes, "").unwrap();
    complain(&["--data", bytes.to_str().unwrap()], "the file is empty");
}

#[test]
fn checkpoints_of_other_runs_are_refused() {
    let (data, out) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let data = sentences(&data);
    let args = ["--data", &data, "--device", "cpu", "--validate-every", "2", "--stop", "2"];
    SHAKESPEARE.passes(out.path(), &args);
    let again = |more: &[&str]| SHAKESPEARE.fails(out.path(), &[&args[..6], &["--resume"], more].concat());
    assert!(again(&["--width", "32"]).contains("another model"));
    let (log, checkpoints) = (out.path().join("metrics.jsonl"), out.path().join("checkpoints"));
    let whole = std::fs::read(&log).unwrap();
    std::fs::write(&log, "{\"step\":0,\"loss\":\"one\"}\n").unwrap();
    assert!(again(&[]).contains("metrics.jsonl, line 1"));
    std::fs::write(&log, whole).unwrap();
    // A file with only weights is not a checkpoint.
    std::fs::copy(out.path().join("best.safetensors"), checkpoints.join("step-00000002.safetensors"))
        .unwrap();
    assert!(again(&[]).contains("nothing of a run"));
}
