//! Runs the program as a user does.

use std::path::Path;
use std::process::{Command, Output};

/// Runs `wgrad` on the CPU in a directory.
pub fn wgrad(directory: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wgrad"));
    command.env("WGRAD_DEVICE", "cpu").env_remove("RUST_BACKTRACE").current_dir(directory).args(args);
    command.output().expect("the program starts")
}

/// The error message of a command.
#[allow(dead_code)] // not every test program uses it
pub fn fails(directory: &Path, args: &[&str]) -> String {
    let output = wgrad(directory, args);
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{args:?}: {complaint}");
    assert!(complaint.contains("Error: ") && !complaint.contains("panicked"), "{complaint}");
    complaint
}
