//! `mpirun wgrad train`: the run of several processes is that of one.

mod common;

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

const DIGITS: &str = "[data]\nkind = \"digits\"\ntrain = 400\ntest = 100\nbatch = 20\n\n[model]\nkind = \"mlp\"\nwidth = 32\n\n\
                      [train]\nepochs = 2\nclip_norm = 1.0\n\n[optimizer]\nlr = 0.005\n";
const RESNET: &str = "[data]\nkind = \"shapes\"\ntrain = 48\ntest = 16\nbatch = 8\n\n[model]\nkind = \"resnet20\"\n\n\
                      [train]\nepochs = 1\nsync_batch_norm = true\n\n[optimizer]\nkind = \"sgd\"\nlr = 0.001\n";
const TEXT: &str = "[data]\nkind = \"text\"\nbatch = 6\ncontext = 16\nsteps = 20\n\n[model]\nkind = \"gpt\"\nwidth = 16\n\
                    depth = 1\nheads = 2\ndropout = 0.0\n\n[optimizer]\nlr = 0.01\n\n[train]\nepochs = 1\n";

fn directory(name: &str, text: &str) -> TempDir {
    let directory = TempDir::new().unwrap();
    std::fs::write(directory.path().join(name), text).unwrap();
    directory
}

fn mpirun(at: &Path, processes: &str, args: &[&str]) -> Command {
    let mut command = Command::new("mpirun");
    command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    command.env("WGRAD_DEVICE", "cpu").env("RAYON_NUM_THREADS", "1").env_remove("RUST_BACKTRACE");
    command
        .current_dir(at)
        .args(["--oversubscribe", "-n", processes, env!("CARGO_BIN_EXE_wgrad")])
        .args(args);
    command
}

#[track_caller]
fn good(output: &Output) {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
}

/// The figures of these names in the log of a run in `runs`.
fn logged(at: &Path, run: &str, names: &[&str]) -> Vec<f64> {
    let log = std::fs::read_to_string(at.join("runs").join(run).join("metrics.jsonl")).unwrap();
    let figure = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        names.iter().find_map(|name| line[*name].as_f64())
    };
    let found: Vec<f64> = log.lines().filter_map(figure).collect();
    assert!(!found.is_empty(), "{log}");
    found
}

/// The losses of the steps.
fn losses(at: &Path, run: &str) -> Vec<f64> {
    logged(at, run, &["loss"])
}

/// The losses of the evaluations.
fn evaluations(at: &Path, run: &str) -> Vec<f64> {
    logged(at, run, &["test loss", "validation loss"])
}

#[track_caller]
fn alike(one: &[f64], other: &[f64], tolerance: f64) {
    assert_eq!(one.len(), other.len());
    let far = one.iter().zip(other).map(|(a, b)| (a - b).abs() / a.abs()).fold(0.0, f64::max);
    assert!(far < tolerance, "{far}");
}

#[test]
fn losses_do_not_depend_on_the_number_of_processes() {
    for (name, text) in [("digits", DIGITS), ("resnet", RESNET), ("text", TEXT)] {
        let directory = directory("one.toml", text);
        let at = directory.path();
        good(&common::wgrad(at, &["train", "one.toml", "--out", "runs/one"]));
        let one = losses(at, "one");
        assert!(one.len() >= 6, "{name}");
        // Three processes divide a batch of 20 or 8 unevenly.
        for processes in ["2", "3"] {
            let out = format!("runs/{processes}");
            let output = mpirun(at, processes, &["train", "one.toml", "--out", &out]).output().unwrap();
            good(&output);
            alike(&one, &losses(at, processes), 1e-4);
            // Each rank measures a part of the test data, or all.
            alike(&evaluations(at, "one"), &evaluations(at, processes), 1e-4);
            // Only rank 0 prints and writes weights.
            let printed = String::from_utf8_lossy(&output.stdout);
            assert_eq!(printed.matches("output: runs/").count(), 1, "{printed}");
            assert!(at.join("runs").join(processes).join("checkpoints").read_dir().unwrap().count() > 0);
            let other = at.join("runs").join(processes).join("ranks/1");
            assert_eq!(other.join("checkpoints").read_dir().unwrap().count(), 0);
            alike(&one, &losses(at, &format!("{processes}/ranks/1")), 1e-4);
        }
    }
}

#[test]
fn a_run_goes_on_with_another_number_of_processes() {
    let directory = directory("digits.toml", DIGITS);
    let at = directory.path();
    good(&mpirun(at, "2", &["train", "digits.toml", "--out", "runs/whole"]).output().unwrap());
    let whole = losses(at, "whole");
    good(&mpirun(at, "2", &["train", "digits.toml", "--stop-after", "25"]).output().unwrap());
    good(&mpirun(at, "3", &["train", "digits.toml", "--resume", "--stop-after", "33"]).output().unwrap());
    good(&common::wgrad(at, &["train", "digits.toml", "--resume"]));
    alike(&whole, &losses(at, "digits"), 1e-4);
}

/// A rank that is killed ends all others within ten seconds; the run goes on without it.
#[test]
fn a_killed_rank_ends_all() {
    let directory = directory("digits.toml", &DIGITS.replace("epochs = 2", "epochs = 500"));
    let at = directory.path();
    let mut command = mpirun(at, "2", &["train", "digits.toml"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut running = command.spawn().unwrap();
    let checkpoints = at.join("runs/digits/checkpoints");
    let start = Instant::now();
    while checkpoints.read_dir().map_or(0, Iterator::count) == 0 {
        assert!(start.elapsed() < Duration::from_secs(60) && running.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(20));
    }
    let found = Command::new("pgrep").args(["-P", &running.id().to_string()]).output().unwrap();
    let ranks: Vec<String> = String::from_utf8_lossy(&found.stdout).lines().map(str::to_owned).collect();
    assert_eq!(ranks.len(), 2);
    assert!(Command::new("kill").args(["-9", &ranks[1]]).status().unwrap().success());
    let killed = Instant::now();
    assert!(!running.wait().unwrap().success());
    // A process that has ended and is not waited for is a zombie.
    let alive = |rank: &String| {
        let stat = Command::new("ps").args(["-o", "stat=", "-p", rank]).output().unwrap().stdout;
        !stat.is_empty() && !stat.starts_with(b"Z")
    };
    while ranks.iter().any(alive) {
        assert!(killed.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(20));
    }
    let done = losses(at, "digits").len();
    good(&common::wgrad(at, &["train", "digits.toml", "--resume", "--stop-after", &(done + 20).to_string()]));
    assert!(losses(at, "digits").len() >= done);
}

#[test]
fn ranks_that_differ_are_refused() {
    let directory = directory("a.toml", DIGITS);
    let at = directory.path();
    std::fs::write(at.join("b.toml"), DIGITS.replace("lr = 0.005", "lr = 0.001")).unwrap();
    let program = env!("CARGO_BIN_EXE_wgrad");
    let other = [":", "-n", "1", program, "train", "b.toml", "--out", "runs/one"];
    let args = [&["train", "a.toml", "--out", "runs/one"][..], &other].concat();
    let output = mpirun(at, "1", &args).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(complaint.contains("\"lr\": 0.0010") && complaint.contains("\"lr\": 0.0049"), "{complaint}");
}

/// Local steps and compressed gradients learn as well as the mean of all gradients, and with the same parameters everywhere.
#[test]
fn slow_links() {
    for (name, extra) in [
        ("local", "local_steps = 10\n"),
        ("local-int8", "local_steps = 10\ncompression = \"int8\"\n"),
        ("int8", "compression = \"int8\"\n"),
        ("top-k", "compression = { top-k = 0.1 }\n"),
    ] {
        let directory =
            directory("digits.toml", &DIGITS.replace("epochs = 2\n", &format!("epochs = 4\n{extra}")));
        let at = directory.path();
        let train = |more: &[&str]| {
            let args = [&["--json", "train", "digits.toml"], more].concat();
            let output = mpirun(at, "2", &args).output().unwrap();
            good(&output);
            serde_json::from_slice::<Value>(&output.stdout).unwrap()
        };
        // An uninterrupted run, and one that is resumed in the middle of an epoch.
        let whole = train(&["--out", "runs/whole"]);
        assert!(whole["best"]["value"].as_f64().unwrap() > 0.7, "{name}: {whole}");
        train(&["--stop-after", "33"]);
        let resumed = train(&["--resume"]);
        assert!(resumed["best"]["value"].as_f64().unwrap() > 0.7, "{name}: {resumed}");
    }
}
