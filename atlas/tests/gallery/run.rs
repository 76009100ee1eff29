//! Runs the atlas as a user does.

use std::process::Command;

use wgrad::prelude::DeviceKind;

/// The binary under test.
pub const ATLAS: &str = env!("CARGO_BIN_EXE_atlas");

/// Runs a study, and asserts that every figure is in its range, that those of systems.md are among them, and that every picture exists.
pub fn passes(study: &str, args: &[&str]) {
    let out = tempfile::tempdir().expect("a temporary directory");
    let mut command = Command::new(ATLAS);
    command.env_remove("WGRAD_DEVICE").args([study, "--small", "--json", "--out"]).arg(out.path()).args(args);
    let output = command.output().expect("cargo test builds the atlas");
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{study} {args:?}: {said}{complained}");
    let report: serde_json::Value =
        serde_json::from_str(said.lines().next().unwrap_or_default()).expect("a line of JSON");
    assert!(!report["expected"].as_object().expect("ranges").is_empty(), "{study} expects nothing");
    crate::claims::hold(study, &report);
    for picture in report["pictures"].as_array().expect("a list") {
        let path = picture.as_str().expect("a path");
        assert!(std::fs::metadata(path).is_ok_and(|file| file.len() > 100), "{path}");
    }
}

/// Runs a study on the CPU and on a GPU adapter, if there is one, and asserts that they agree.
pub fn agrees(study: &str) {
    let gpu = gpu_core::testing::gpu().map(|gpu| match gpu.info().kind {
        DeviceKind::Software => "software",
        _ => gpu.info().backend,
    });
    match gpu {
        Some(gpu) => passes(study, &["--device", "cpu", "--against", gpu]),
        None => passes(study, &["--device", "cpu"]),
    }
}

/// The tests of an area: `name` runs on the CPU, `name: gpu` on the CPU and on a GPU adapter.
macro_rules! studies {
    ($($name:ident $(: $mark:ident)?),* $(,)?) => { $(studies!(@ $name $($mark)?);)* };
    (@ $name:ident) => {
        #[test]
        fn $name() {
            crate::run::passes(stringify!($name), &["--device", "cpu"]);
        }
    };
    (@ $name:ident gpu) => {
        #[test]
        fn $name() {
            crate::run::agrees(stringify!($name));
        }
    };
}
