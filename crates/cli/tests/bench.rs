//! `wgrad bench` with a short time limit.

use std::process::Command;

use serde_json::Value;

#[test]
fn a_device_is_tested_and_timed() {
    let directory = tempfile::tempdir().unwrap();
    let run = |minutes: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wgrad"));
        command.current_dir(directory.path()).env_remove("RUST_BACKTRACE");
        command.args(["--json", "bench", "--device", "cpu", "--minutes", minutes]);
        command.output().expect("the program starts")
    };
    let output = run("0.1");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let kept = std::fs::read_to_string(directory.path().join("bench/bench.json")).unwrap();
    assert_eq!(said, serde_json::from_str::<Value>(&kept).unwrap());
    assert!(said["test"]["kernels"].as_array().unwrap().iter().all(|kernel| kernel["passed"] == true));
    let product = &said["kernels"][0];
    assert_eq!((&product["group"], &product["name"]), (&"products".into(), &"512".into()));
    // 2 * 512^3 operations per launch.
    let gflops = 2.0 * 512f64.powi(3) / (product["milliseconds"].as_f64().unwrap() * 1e6);
    assert!((product["gflops"].as_f64().unwrap() / gflops - 1.0).abs() < 1e-6, "{product}");
    // Networks that did not fit into the time are listed.
    let left_out = said["left_out"].as_array().unwrap();
    assert!(left_out.iter().any(|line| line == "gpt-2: no time left"), "{left_out:?}");
    let png = std::fs::read(directory.path().join("bench/bench.png")).unwrap();
    assert_eq!(&png[1..4], b"PNG");

    let complaint = String::from_utf8_lossy(&run("0").stderr).into_owned();
    assert!(complaint.contains("minutes"), "{complaint}");
}
