//! A save that fails or is killed half-way leaves the old file. The test starts itself as the process to be killed.

#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use autograd::{Device, Tensor};
use models::{Init, Params};

/// The path to which the child process saves.
const CHILD: &str = "WGRAD_TEST_SAVE_TO";

const SHAPE: [usize; 2] = [300, 100];

fn model(value: f32) -> Params {
    let params = Params::new(&Device::named("cpu").unwrap(), 0);
    params.param("w", &SHAPE, Init::Constant(value));
    params
}

/// Starts the test `name` of this file in a child process, after some shell commands.
fn child(name: &str, before: &str, path: &Path) -> Child {
    Command::new("sh")
        .args(["-c", &format!("{before} exec \"$0\" --exact {name} --test-threads 1")])
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn told() -> Option<PathBuf> {
    std::env::var_os(CHILD).map(PathBuf::from)
}

/// Loads the file and checks that all elements are the same number, which is returned.
fn loaded(path: &Path) -> f32 {
    let params = model(-1.0);
    params.load(path).unwrap_or_else(|e| panic!("{e}"));
    let values = params.get("w").unwrap().value().to_vec::<f32>().unwrap();
    assert!(values.iter().all(|v| *v == values[0]), "a mixture");
    values[0]
}

#[test]
fn saves_for_ever() {
    let Some(path) = told() else { return };
    let params = model(0.0);
    let device = Device::named("cpu").unwrap();
    // Continues from the number in the file, so that every save is distinct.
    let first = loaded(&path);
    for i in 1.. {
        params.get("w").unwrap().set(&Tensor::full(&device, first + i as f32, &SHAPE));
        params.save(&path).unwrap();
    }
}

#[test]
fn killed_while_saving() {
    if told().is_some() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    model(0.0).save(&path).unwrap();
    let mut rewritten = 0;
    for round in 0..20u64 {
        let before = loaded(&path);
        let mut process = child("saves_for_ever", "", &path);
        let start = Instant::now();
        // Loads repeatedly until the first save, then lets the child save a little longer.
        while loaded(&path) == before && start.elapsed() < Duration::from_secs(60) {}
        let pause = round.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 50;
        std::thread::sleep(Duration::from_micros(pause));
        loaded(&path);
        process.kill().unwrap();
        process.wait().unwrap();
        rewritten += usize::from(loaded(&path) != before);
    }
    assert_eq!(rewritten, 20, "rounds in which the child saved");
}

#[test]
fn saves_once() {
    let Some(path) = told() else { return };
    let error = model(9.0).save(&path).unwrap_err();
    assert!(matches!(error, models::Error::Io { doing: "write", .. }), "{error}");
}

/// As on a full disk: the system rejects the rest of the file.
#[test]
fn a_file_that_grows_too_large_is_an_error() {
    if told().is_some() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    model(5.0).save(&path).unwrap();
    let status = child("saves_once", "trap '' XFSZ; ulimit -f 16;", &path).wait().unwrap();
    assert!(status.success(), "save gave no error, or another one: {status}");
    assert_eq!(loaded(&path), 5.0);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
}
