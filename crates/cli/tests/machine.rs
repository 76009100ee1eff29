//! `wgrad devices` and `wgrad doctor` as a user runs them.

use std::process::{Command, Output};

use serde_json::Value;

fn wgrad(device: &str, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wgrad"));
    command.env("WGRAD_DEVICE", device).env_remove("RUST_BACKTRACE").args(args);
    command.output().expect("the program starts")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn devices_are_listed_with_the_one_that_is_taken() {
    let output = wgrad("cpu", &["devices"]);
    assert!(output.status.success());
    let listed = text(&output.stdout);
    assert!(listed.contains("cpu  CPU (") && listed.contains("(taken by default)"), "{listed}");
    assert!(listed.contains("verdict"), "{listed}");
    let machine = json(&wgrad("cpu", &["devices", "--json"]));
    assert_eq!(machine["best"], "cpu");
    let devices = machine["devices"].as_array().unwrap();
    assert_eq!(devices.last().unwrap()["kind"], "cpu");
    for gpu in &devices[..devices.len() - 1] {
        assert!(gpu["limits"].as_array().unwrap().len() > 4 && gpu["driver"].is_string(), "{gpu}");
    }
    assert!(machine["verdict"]["text"].as_str().unwrap().contains("CPU"), "{machine}");
}

#[test]
fn the_cpu_is_healthy() {
    let output = wgrad("cpu", &["doctor", "--device", "cpu"]);
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}");
    for words in ["conv2d_weight_grad", "lstm_grad", "kernels agree with the CPU's", "cache directory: "] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let report = json(&wgrad("cpu", &["--json", "doctor", "--device", "cpu"]));
    assert_eq!(report["passed"], true);
    let kernels = report["tests"][0]["kernels"].as_array().unwrap();
    assert!(kernels.len() > 30 && kernels.iter().all(|k| k["passed"] == true && k["difference"] == 0.0));
}

#[test]
fn a_device_that_is_not_there_is_named_with_what_to_do() {
    let missing = if cfg!(target_os = "macos") { "dx12" } else { "metal" };
    let output = wgrad("cpu", &["doctor", "--json", "--device", missing]);
    assert_eq!(output.status.code(), Some(1));
    let report = json(&output);
    assert_eq!(report["passed"], false);
    let error = report["errors"][0].as_str().unwrap();
    assert!(error.contains(missing) && error.contains("WGRAD_DEVICE=cpu"), "{error}");

    let output = wgrad("no-such-device", &["devices"]);
    assert!(output.status.success(), "a wrong WGRAD_DEVICE is a finding, not a failure");
    let listed = text(&output.stdout);
    assert!(listed.contains("BAD: unknown device \"no-such-device\"") && listed.contains("-> "), "{listed}");
}
