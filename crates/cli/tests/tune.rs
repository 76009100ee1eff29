//! `wgrad tune` as a user runs it.

#![cfg(unix)]

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// The objective is `(x - 0.3)^2 + (y == 'b')`.
const STUDY: &str = r#"
command = ["sh", "-c", '''test -e slow && sleep 60; n=0; test {y} = b && n=1; awk -v x={x} -v n=$n 'BEGIN { printf "{\"loss\": %.17g}\n", (x - 0.3)^2 + n }' ''']
objective = "loss"
strategy.random.trials = 6
parallel = 2

[search]
x.uniform = [0, 1]
y.choice = ["a", "b"]
"#;

fn wgrad(directory: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wgrad"));
    command.env("WGRAD_DEVICE", "cpu").env_remove("RUST_BACKTRACE").current_dir(directory).args(args);
    command
}

fn run(directory: &Path, args: &[&str]) -> Output {
    wgrad(directory, args).output().expect("the program starts")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

fn directory(study: &str) -> TempDir {
    let directory = TempDir::new().unwrap();
    std::fs::write(directory.path().join("study.toml"), study).unwrap();
    directory
}

#[test]
fn a_study_from_start_to_results() {
    let directory = directory(STUDY);
    let at = directory.path();
    let output = run(at, &["tune", "study.toml"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(said.contains("6/6  x=") && said.contains("best: trial "), "{said}");
    // All trials are in the journal; nothing runs again.
    let start = std::fs::read(at.join("runs/study/journal.jsonl")).unwrap();
    let results = json(&run(at, &["--json", "tune", "study.toml"]));
    assert_eq!(std::fs::read(at.join("runs/study/journal.jsonl")).unwrap(), start);
    assert_eq!(results["trials"].as_array().unwrap().len(), 6);
    let losses =
        results["trials"].as_array().unwrap().iter().map(|t| t["outcome"]["objective"].as_f64().unwrap());
    let least = losses.fold(f64::INFINITY, f64::min);
    let best = &results["trials"][results["best"].as_u64().unwrap() as usize];
    assert_eq!(best["outcome"]["objective"].as_f64(), Some(least));
    assert_eq!(json(&run(at, &["tune", "study.toml", "--show", "--json"])), results);
    let picture = image::open(at.join("runs/study/study.png")).unwrap();
    assert!(picture.width() >= 400 && picture.height() >= 400);
}

/// As in a terminal: Ctrl-C, then the same command again.
#[test]
fn an_interrupted_study_goes_on() {
    let directory = directory(STUDY);
    let at = directory.path();
    std::fs::write(at.join("slow"), "").unwrap();
    let child =
        wgrad(at, &["tune", "study.toml"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    while !at.join("runs/study/trials/0001/stdout.txt").exists() {
        assert!(start.elapsed() < Duration::from_secs(60), "no trial was started");
        std::thread::sleep(Duration::from_millis(20));
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(complaint.contains("interrupted; the same command goes on"), "{complaint}");
    std::fs::remove_file(at.join("slow")).unwrap();
    let results = json(&run(at, &["tune", "study.toml", "--json"]));
    assert_eq!((&results["complete"], results["trials"].as_array().unwrap().len()), (&Value::Bool(true), 6));
}

#[test]
fn what_is_wrong_with_a_study_is_said() {
    let cases = [
        (STUDY.replace("objective", "objectiv"), "unknown field `objectiv`, expected one of"),
        (
            STUDY.replace("[0, 1]", "[1, 0]"),
            "search space, x: uniform needs finite bounds low < high, not [1, 0]",
        ),
        (STUDY.replace("random", "randon"), "unknown variant `randon`"),
        (STUDY.replace("{x}", "{z}"), "{z} in the command is neither searched nor"),
    ];
    for (study, want) in cases {
        let directory = directory(&study);
        let output = run(directory.path(), &["tune", "study.toml"]);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1));
        assert!(complaint.contains("Error: ") && complaint.contains(want), "{complaint}");
    }
    let directory = directory(STUDY);
    let output = run(directory.path(), &["tune", "nothing.toml"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot read nothing.toml"));
    let output = run(directory.path(), &["tune", "study.toml", "--show"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot continue the journal"));
}
