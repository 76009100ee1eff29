//! Runs that are stopped from outside: by signals, by a full disk, by files that vanish.

#![cfg(unix)]

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const LONG: &str = "[data]\nkind = \"digits\"\ntrain = 400\ntest = 20\nbatch = 20\n\n[model]\nkind = \"mlp\"\nwidth = 64\n\n\
                    [train]\nepochs = 10000\nevaluate_every = 10\n";

fn directory() -> TempDir {
    let directory = TempDir::new().unwrap();
    std::fs::write(directory.path().join("long.toml"), LONG).unwrap();
    directory
}

/// Runs some shell commands, then starts a long training run.
fn start(directory: &Path, before: &str, args: &str) -> Child {
    let program = env!("CARGO_BIN_EXE_wgrad");
    Command::new("sh")
        .args(["-c", &format!("{before} exec {program} train long.toml {args}")])
        .env("WGRAD_DEVICE", "cpu")
        .current_dir(directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Exit status and output.
fn end(mut child: Child) -> (Option<i32>, String) {
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    (child.wait().unwrap().code(), text)
}

fn checkpoints(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory.join("runs/long/checkpoints")).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| name.ends_with(".safetensors"));
    names.sort();
    names
}

fn wait_for_a_checkpoint(directory: &Path) {
    let start = Instant::now();
    while checkpoints(directory).is_empty() {
        assert!(start.elapsed() < Duration::from_secs(60), "no checkpoint in a minute");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn signals_finish_the_step_save_and_say_how_to_go_on() {
    for signal in ["TERM", "INT"] {
        let directory = directory();
        let child = start(directory.path(), "", "");
        wait_for_a_checkpoint(directory.path());
        let kill =
            Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status().unwrap();
        assert!(kill.success());
        let (code, text) = end(child);
        assert_eq!(code, Some(0), "{text}");
        assert!(text.contains("interrupted; go on with wgrad train long.toml --resume"), "{text}");
        let steps: usize =
            text.split("stopped after ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        let last = checkpoints(directory.path()).pop().unwrap();
        assert_eq!(last, format!("step-{steps:08}.safetensors"));
        let (code, text) = end(start(directory.path(), "", &format!("--resume --stop-after {}", steps + 5)));
        assert_eq!(code, Some(0), "{text}");
        assert!(text.contains(&format!("going on after {steps} of")), "{text}");
    }
}

/// Simulates a full disk: files are limited to 40 kB, which the log exceeds some time after the first checkpoint.
#[test]
fn a_full_disk_ends_the_run_with_an_error_and_the_last_checkpoint() {
    let directory = directory();
    let (code, text) = end(start(directory.path(), "", "--stop-after 25"));
    assert_eq!(code, Some(0), "{text}");
    let before = checkpoints(directory.path());
    assert_eq!(before.len(), 2);
    let (code, text) = end(start(directory.path(), "trap '' XFSZ; ulimit -f 80;", "--resume"));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("Error: cannot write"), "{text}");
    assert_eq!(checkpoints(directory.path()), before, "the last good ones stay");
    let (code, text) = end(start(directory.path(), "", "--resume --stop-after 40"));
    assert!(code == Some(0) && text.contains("going on after 25"), "{text}");
}

#[test]
fn a_directory_that_vanishes_ends_the_run() {
    let directory = directory();
    let child = start(directory.path(), "", "");
    wait_for_a_checkpoint(directory.path());
    // The process may write during the deletion.
    while std::fs::remove_dir_all(directory.path().join("runs")).is_err() {}
    let (code, text) = end(child);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("Error: cannot write"), "{text}");
}
