//! The program as a user runs it.

mod common;

use std::path::Path;

use autograd::{Device, Tensor};
use serde_json::Value;
use tempfile::TempDir;

use common::{fails, wgrad};

const DIGITS: &str = "[data]\nkind = \"digits\"\ntrain = 400\ntest = 100\nbatch = 20\n\n[model]\nkind = \"mlp\"\nwidth = 32\n\n\
                      [train]\nepochs = 2\n\n[optimizer]\nlr = 0.005\n";

const TEXT: &str = "[data]\nkind = \"text\"\nbatch = 4\ncontext = 16\nsteps = 10\n\n[model]\nkind = \"gpt\"\nwidth = 16\ndepth = 1\n\
                    heads = 2\n\n[optimizer]\nlr = 0.01\n\n[train]\nepochs = 3\nclip_norm = 1.0\n";

/// The output of a command with `--json`.
fn json(directory: &Path, args: &[&str]) -> Value {
    let output = wgrad(directory, &[&["--json"], args].concat());
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {complaint}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{args:?}: {e}"))
}

fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = TempDir::new().unwrap();
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

#[test]
fn images_from_training_to_answers() {
    let directory = directory(&[("digits.toml", DIGITS)]);
    let at = directory.path();
    let trained = json(at, &["train", "digits.toml"]);
    assert_eq!((trained["steps"].as_u64(), trained["complete"].as_bool()), (Some(40), Some(true)));
    let accuracy = trained["best"]["value"].as_f64().unwrap();
    assert!(accuracy > 0.5, "{trained}");
    for file in
        ["config.json", "environment.json", "metrics.jsonl", "curves.png", "report.html", "best.safetensors"]
    {
        assert!(at.join("runs/digits").join(file).exists(), "{file}");
    }
    let measured = json(at, &["eval", "runs/digits"]);
    assert_eq!(measured["test accuracy"].as_f64(), Some(accuracy));
    let matrix = measured["confusion"].as_array().unwrap();
    let right: u64 = (0..10).map(|i| matrix[i][i].as_u64().unwrap()).sum();
    assert!((right as f64 / 100.0 - accuracy).abs() < 1e-9);
    // A test image saved as a file can be classified.
    let set = data::synthetic::digits(400, 100, 42).test;
    let file = at.join("digit.png");
    image::GrayImage::from_raw(28, 28, set.image(0).to_vec()).unwrap().save(&file).unwrap();
    let answers = json(at, &["predict", "runs/digits", "digit.png", "--top", "10"]);
    let classes = answers[0]["classes"].as_array().unwrap();
    let sum: f64 = classes.iter().map(|c| c["probability"].as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-4 && classes.len() == 10, "{answers}");
    let exported = json(at, &["export", "runs/digits", "--out", "digits.onnx"]);
    assert_eq!(exported["shape"], serde_json::json!(["batch", 1, 28, 28]));
    assert!(exported["output"].as_str().unwrap().starts_with("logits of "), "{exported}");
    let model = onnx::load(&Device::named("cpu").unwrap(), at.join("digits.onnx")).unwrap();
    let pixels: Vec<f32> = set.image(0).iter().map(|&b| f32::from(b)).collect();
    let trained_on = data::synthetic::digits(400, 100, 42).train.mean_std();
    let normalized: Vec<f32> =
        pixels.iter().map(|p| (p / 255.0 - trained_on.mean[0]) / trained_on.std[0]).collect();
    let image = Tensor::from_slice(model.params().device(), &normalized, &[1, 1, 28, 28]).unwrap();
    let probabilities = model.run(&[("input", &image)]).unwrap()[0].softmax(1).to_vec::<f32>().unwrap();
    for class in classes {
        let index = set.classes().iter().position(|name| class["class"] == **name).unwrap();
        assert!((f64::from(probabilities[index]) - class["probability"].as_f64().unwrap()).abs() < 1e-4);
    }
    let summary = json(at, &["summary", "runs/digits"]);
    assert_eq!(summary["parameters"].as_u64(), Some((784 * 32 + 32 + 32 * 32 + 32 + 32 * 10 + 10) as u64));
    let profile = json(at, &["profile", "digits.toml", "--steps", "1"]);
    assert!(profile["launches"].as_u64().unwrap() > 5 && profile["step_ms"].as_f64().unwrap() > 0.0);
    let plot = json(at, &["plot", "runs/digits", "--out", "picture.png", "--only", "loss"]);
    assert_eq!(plot["panels"], serde_json::json!(["loss"]));
    assert!(std::fs::read(at.join("picture.png")).unwrap().starts_with(b"\x89PNG"));
    assert!(
        fails(at, &["plot", "runs/digits", "--only", "bleu"]).contains("there are [\"loss\", \"accuracy\"]")
    );
    assert!(
        fails(at, &["predict", "runs/digits", "digits.toml"]).contains("cannot read the image digits.toml")
    );
    // A second run moves the first one away.
    json(at, &["train", "digits.toml", "--stop-after", "3"]);
    assert!(at.join("runs/digits.1/best.safetensors").exists());
}

#[test]
fn a_text_is_learned_and_gone_on_with() {
    let directory = directory(&[("text.toml", TEXT)]);
    let at = directory.path();
    let whole = json(at, &["train", "text.toml", "--out", "whole"]);
    assert_eq!(whole["steps"].as_u64(), Some(30));
    let part = json(at, &["train", "text.toml", "--out", "parts", "--stop-after", "13"]);
    assert_eq!((part["steps"].as_u64(), part["complete"].as_bool()), (Some(13), Some(false)));
    json(at, &["train", "text.toml", "--out", "parts", "--resume"]);
    let read = |run: &str, file: &str| std::fs::read(at.join(run).join(file)).unwrap();
    assert_eq!(read("parts", "metrics.jsonl"), read("whole", "metrics.jsonl"));
    assert_eq!(read("parts", "best.safetensors"), read("whole", "best.safetensors"));
    let measured = json(at, &["eval", "parts"]);
    assert_eq!(measured["validation loss"], whole["best"]["value"]);
    let written = json(at, &["predict", "parts", "--length", "20"]);
    assert_eq!(written["text"].as_str().unwrap().chars().count(), 20);
    let exported = json(at, &["export", "parts"]);
    assert_eq!((exported["shape"][1].as_u64(), at.join("parts/model.onnx").exists()), (Some(16), true));
    assert!(fails(at, &["predict", "parts", "--prompt", "\u{1f980}"]).contains("does not occur"));
}

#[test]
fn mistakes_are_explained() {
    let directory = directory(&[("digits.toml", DIGITS)]);
    let at = directory.path();
    let with = |from: &str, to: &str| {
        assert!(DIGITS.contains(from));
        std::fs::write(at.join("wrong.toml"), DIGITS.replace(from, to)).unwrap();
        fails(at, &["train", "wrong.toml"])
    };
    assert!(with("epochs", "epoch").contains("line 12: unknown field `epoch`"));
    assert!(with("epochs", "epoch").contains("did you mean `epochs`?"));
    assert!(with("\"digits\"", "\"digit\"").contains("did you mean `digits`?"));
    assert!(with("\"mlp\"", "\"mpl\"").contains("did you mean \"mlp\"?"));
    let resnet = "\"resnet20\"\n";
    assert!(with("\"mlp\"\nwidth = 32\n", resnet).contains("reads images of 3 channels, these have 1"));
    let unused = with("\"mlp\"", "\"resnet20\"");
    assert!(
        unused.contains("wrong.toml, line 9: [model] width is not used by resnet20, which takes recompute"),
        "{unused}"
    );
    assert!(with("batch = 20", "batch = 0").contains("data.batch"));
    assert!(with("batch = 20", "batch = 401").contains("batch of 401"));
    assert!(with("epochs = 2", "epochs = \"two\"").contains("line 12"));
    assert!(with("kind = \"digits\"", "kind = ").contains("line 2"));
    assert!(with("train = 400\ntest = 100\n", "path = \"no/such/data\"\n").contains("unknown field `path`"));
    let images =
        DIGITS.replace("digits", "images").replace("train = 400\ntest = 100\n", "path = \"no/such/data\"\n");
    std::fs::write(at.join("wrong.toml"), images).unwrap();
    assert!(fails(at, &["train", "wrong.toml"]).contains("cannot read no/such/data"));
    assert!(fails(at, &["train", "missing.toml"]).contains("cannot read missing.toml"));
    assert!(fails(at, &["train", "digits.toml", "--resume"]).contains("no run in"));
    assert!(fails(at, &["eval", "nowhere"]).contains("no run in"));
    std::fs::write(at.join("file"), "in the way").unwrap();
    assert!(fails(at, &["train", "digits.toml", "--out", "file/run"]).contains("choose another directory"));
    json(at, &["train", "digits.toml"]);
    assert!(fails(at, &["train", "digits.toml", "--resume"]).contains("has 40 of 40 steps already"));
}

#[test]
fn tensors_are_renamed_and_converted() {
    let directory = directory(&[("digits.toml", DIGITS)]);
    let at = directory.path();
    json(at, &["train", "digits.toml", "--stop-after", "20"]);
    let names = |value: &Value| -> Vec<String> {
        value["tensors"].as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap().to_owned()).collect()
    };
    let best = "runs/digits/best.safetensors";
    assert_eq!(names(&json(at, &["convert", best])).len(), 6);
    let renamed =
        ["convert", best, "new.safetensors", "--rename", "fc1=first", "--only", "fc1", "--only", "fc2"];
    json(at, &renamed);
    let want = ["fc2.bias", "fc2.weight", "first.bias", "first.weight"];
    assert_eq!(names(&json(at, &["convert", "new.safetensors"])), want);
    assert!(
        fails(at, &["convert", best, "x", "--rename", "fc1=fc2"]).contains("two tensors would be called")
    );
    assert!(fails(at, &["convert", best, "x", "--rename", "fc1"]).contains("write OLD=NEW"));
    assert!(fails(at, &["convert", "digits.toml"]).contains("not a valid safetensors file"));
    std::fs::write(at.join("model.pt"), b"PK\x03\x04").unwrap();
    assert!(fails(at, &["convert", "model.pt"]).contains("not a valid file of weights"));
    let saved = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tests/fixtures/torch/state_dict.pt");
    json(at, &["convert", saved.to_str().unwrap(), "state.safetensors"]);
    let listed = json(at, &["convert", "state.safetensors"]);
    assert_eq!(names(&listed), names(&json(at, &["convert", saved.to_str().unwrap()])));
}

#[test]
fn shells_complete_the_commands() {
    let directory = TempDir::new().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = wgrad(directory.path(), &["completions", shell]);
        assert!(String::from_utf8_lossy(&output.stdout).contains("summary"), "{shell}");
    }
}

/// Under `mpirun`, a program without MPI would train as often as there are processes.
#[cfg(not(feature = "mpi"))]
#[test]
fn processes_of_mpirun_need_mpi() {
    let directory = directory(&[("digits.toml", DIGITS)]);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_wgrad"));
    command.env("OMPI_COMM_WORLD_SIZE", "2").current_dir(directory.path()).args(["train", "digits.toml"]);
    let complaint = String::from_utf8(command.output().unwrap().stderr).unwrap();
    for words in ["2 processes", "--features mpi", "apt-get install openmpi-bin"] {
        assert!(complaint.contains(words), "{complaint}");
    }
}
