//! Runs the examples as a user does.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// An example that `cargo test --workspace` has built, writing to `out`.
pub struct Example {
    pub name: &'static str,
    /// Options common to all runs.
    pub args: &'static [&'static str],
}

impl Example {
    fn path(&self) -> PathBuf {
        let test = std::env::current_exe().expect("a test has a path");
        let profile = test.parent().and_then(Path::parent).expect("target/PROFILE/deps/TEST");
        profile.join("examples").join(format!("{}{}", self.name, std::env::consts::EXE_SUFFIX))
    }

    /// Runs the example; options in `args` override the common ones.
    pub fn run(&self, out: &Path, args: &[&str]) -> Output {
        let mut command = Command::new(self.path());
        command.env_remove("WGRAD_DEVICE").env_remove("RUST_BACKTRACE").arg("--json").arg("--out").arg(out);
        for pair in self.args.chunks(2).filter(|pair| !args.contains(&pair[0])) {
            command.args(pair);
        }
        command.args(args).output().expect("cargo test --workspace builds the examples")
    }

    /// Runs the example, which must succeed, and returns its figures.
    pub fn passes(&self, out: &Path, args: &[&str]) -> serde_json::Value {
        let output = self.run(out, args);
        let (said, complained) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{args:?}: {complained}");
        serde_json::from_str(said.trim()).expect("with --json, one line of JSON on standard output")
    }

    /// Runs the example, which must fail, and returns its error message.
    pub fn fails(&self, out: &Path, args: &[&str]) -> String {
        let output = self.run(out, args);
        let complained = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {complained}");
        // Drivers may print messages first.
        let explained = complained.lines().any(|line| line.starts_with("Error: "));
        assert!(explained && !complained.contains("panicked"), "{complained}");
        complained
    }
}

/// The losses that a run logged.
#[allow(dead_code, reason = "each test includes this file, and not every example logs losses")]
pub fn losses(out: &Path) -> Vec<f64> {
    let log = std::fs::read_to_string(out.join("metrics.jsonl")).expect("a log");
    let line = |line: &str| serde_json::from_str::<serde_json::Value>(line).expect("JSON");
    log.lines().filter_map(|l| line(l).get("loss").map(|loss| loss.as_f64().expect("a number"))).collect()
}
