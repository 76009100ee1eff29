//! `wgrad shaders`: the dispatches of a training step on real GPUs, without one.

use std::process::{Command, Output};

use serde_json::Value;

fn shaders(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wgrad"));
    command.env_remove("RUST_BACKTRACE").arg("shaders").args(args).output().expect("the program starts")
}

fn dispatches(network: &str, more: &[&str]) -> Vec<Value> {
    let output = shaders(&[&[network], more].concat());
    assert!(output.status.success(), "{network}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// The number of dispatches, and the minimum megabytes that the launches read and write.
fn step(network: &str, adapter: &str) -> (usize, f64) {
    let lines = dispatches(network, &["--adapter", adapter]);
    let first = lines.iter().filter(|line| line["stage"] == 0);
    (lines.len(), first.map(|line| line["bytes"].as_f64().unwrap()).sum::<f64>() * 1e-6)
}

/// The figures of docs/results/gpu/machine-code.md are upper bounds.
#[test]
fn dispatches_and_traffic_of_training_steps() {
    let most = [
        ("resnet20", 121, 1444.0),
        ("resnet50", 329, f64::INFINITY),
        ("lstm", 555, f64::INFINITY),
        ("gpt-mini", 110, f64::INFINITY),
        ("gpt-2", 299, f64::INFINITY),
    ];
    for (network, count, megabytes) in most {
        let (dispatches, moved) = step(network, "amd");
        assert!(dispatches <= count && moved <= megabytes, "{network}: {dispatches} dispatches, {moved} MB");
    }
}

#[test]
fn every_maker_gets_a_step() {
    for adapter in ["nvidia", "amd", "intel", "apple", "other", "software"] {
        let lines = dispatches("mlp", &["--adapter", adapter]);
        assert!(lines.iter().any(|line| line["kernel"] == "matmul"), "{adapter}");
        for line in &lines {
            let source = line["source"].as_str().unwrap();
            assert!(source.contains("@compute"), "{line}");
            assert!(line["workgroups"].as_array().unwrap().iter().all(|n| n.as_u64() > Some(0)), "{line}");
        }
    }
}

#[test]
fn each_shader_is_printed_once_where_asked() {
    let all = dispatches("gpt-mini", &[]);
    let once = dispatches("gpt-mini", &["--once"]);
    let counted: u64 = once.iter().map(|line| line["dispatches"].as_u64().unwrap()).sum();
    assert!(once.len() < all.len() && counted == all.len() as u64, "{} of {}", once.len(), all.len());
    assert!(dispatches("gpt-mini", &["--variants"]).len() > all.len());
}

#[test]
fn mistakes_name_what_there_is() {
    for (args, wanted) in [(["mlp", "voodoo"], "nvidia"), (["resnet19", "amd"], "resnet20")] {
        let output = shaders(&[args[0], "--adapter", args[1]]);
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && complaint.contains(wanted), "{complaint}");
    }
}
