//! `wgrad train` with `[start]` as a user runs it: from a network of ten classes to one of three.

mod common;

use std::path::Path;

use safetensors::SafeTensors;
use serde_json::{Value, json};
use tempfile::TempDir;

use common::{fails, wgrad};

const BASE: &str = "[data]\nkind = \"images\"\npath = \"ten\"\nbatch = 20\n\n[model]\nkind = \"lenet\"\n\n[train]\nepochs = 1\n";

const TUNED: &str = "[data]\nkind = \"images\"\npath = \"three\"\nbatch = 6\n\n[model]\nkind = \"lenet\"\n\n[train]\nepochs = 2\n\n\
                     [start]\nweights = \"runs/base/best.safetensors\"\nnew = [\"fc3.*\"]\nfreeze = [\"conv*\"]\n\n\
                     [start.rates]\n\"fc1.*\" = 0.1\n\"fc2.weight\" = 0.5\n";

/// What a command prints.
fn says(directory: &Path, args: &[&str]) -> String {
    let output = wgrad(directory, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn json_of(directory: &Path, args: &[&str]) -> Value {
    serde_json::from_str(&says(directory, &[&["--json"], args].concat())).unwrap()
}

/// Images of evenly coloured and striped classes, 8 to train and 2 to test on for each.
fn images(folder: &Path, classes: u8) {
    for (split, count) in [("train", 8), ("test", 2)] {
        for class in 0..classes {
            let folder = folder.join(split).join(format!("class {class}"));
            std::fs::create_dir_all(&folder).unwrap();
            for i in 0..count {
                let pixel =
                    |x: u32, _| image::Luma([if x.is_multiple_of(2) { 20 * class + i } else { 25 * class }]);
                image::GrayImage::from_fn(28, 28, pixel).save(folder.join(format!("{i}.png"))).unwrap();
            }
        }
    }
}

/// A network trained on ten classes in `runs/base`, and images of three classes.
fn directory() -> TempDir {
    let directory = TempDir::new().unwrap();
    let at = directory.path();
    images(&at.join("ten"), 10);
    images(&at.join("three"), 3);
    std::fs::write(at.join("base.toml"), BASE).unwrap();
    std::fs::write(at.join("tuned.toml"), TUNED).unwrap();
    says(at, &["train", "base.toml"]);
    directory
}

/// Shape and bytes of a tensor in a run's best weights.
fn tensor(at: &Path, run: &str, name: &str) -> (Vec<usize>, Vec<u8>) {
    let bytes = std::fs::read(at.join("runs").join(run).join("best.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let view = file.tensor(name).unwrap_or_else(|e| panic!("{name}: {e}"));
    (view.shape().to_vec(), view.data().to_vec())
}

#[test]
fn a_trained_network_learns_other_classes() {
    let directory = directory();
    let at = directory.path();
    let said = says(at, &["train", "tuned.toml"]);
    for want in [
        "start:  8 of 10 tensors from runs/base/best.safetensors",
        "new 2: fc3.weight [3, 84] (in the file [10, 84]), fc3.bias [3] (in the file [10])",
        "frozen 4: conv1.weight, conv1.bias, conv2.weight, conv2.bias",
    ] {
        assert!(said.contains(want), "{want}: {said}");
    }
    for name in ["conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias"] {
        assert_eq!(tensor(at, "tuned", name), tensor(at, "base", name), "{name}: frozen");
    }
    for name in ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"] {
        let (new, old) = (tensor(at, "tuned", name), tensor(at, "base", name));
        assert!(new.0 == old.0 && new.1 != old.1, "{name}: trained");
    }
    assert_eq!(tensor(at, "tuned", "fc3.weight").0, [3, 84]);
    let report: Value =
        serde_json::from_slice(&std::fs::read(at.join("runs/tuned/start.json")).unwrap()).unwrap();
    assert_eq!(
        (report["loaded"].as_array().unwrap().len(), report["left_out"].as_array().unwrap().len()),
        (8, 0)
    );
    let head = json!({ "name": "fc3.bias", "shape": [3], "shape_in_file": [10] });
    assert_eq!(report["new"][1], head);
    assert_eq!(report["frozen"].as_array().unwrap().len(), 4);
    // The run needs its start no more, neither to be evaluated nor to be resumed.
    says(at, &["train", "tuned.toml", "--out", "whole"]);
    says(at, &["train", "tuned.toml", "--out", "parts", "--stop-after", "3"]);
    std::fs::rename(at.join("runs/base"), at.join("moved")).unwrap();
    assert!(json_of(at, &["eval", "runs/tuned"])["test accuracy"].is_number());
    says(at, &["train", "tuned.toml", "--out", "parts", "--resume"]);
    let best = |run: &str| std::fs::read(at.join(run).join("best.safetensors")).unwrap();
    assert!(best("parts") == best("whole"), "the same bits");
}

/// A learning rate of a tenth makes the first step of SGD a tenth as long.
#[test]
fn rates_scale_the_steps() {
    let directory = directory();
    let at = directory.path();
    let step = |name: &str, start: &str, optimizer: &str| {
        let (config, _) = TUNED.split_once("freeze").unwrap();
        let config = config.replace("epochs = 2", "steps = 1");
        let text = format!("{config}{start}\n[optimizer]\n{optimizer}\n[schedule]\nkind = \"constant\"\n");
        std::fs::write(at.join(format!("{name}.toml")), text).unwrap();
        says(at, &["train", &format!("{name}.toml")]);
        let floats = |run: &str| -> Vec<f32> {
            let bytes = tensor(at, run, "fc1.weight").1;
            bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
        };
        floats(name).iter().zip(floats("base")).map(|(new, old)| f64::from(new - old).abs()).sum::<f64>()
    };
    let sgd = "kind = \"sgd\"\nlr = 0.1\nweight_decay = 0.0\n";
    let (all, tenth) = (step("all", "", sgd), step("tenth", "rates = { \"fc1.*\" = 0.1 }", sgd));
    assert!(all > 0.0 && (tenth / all - 0.1).abs() < 1e-3, "{tenth} of {all}");
    // Every optimizer takes rates.
    for kind in ["adam", "adamw", "adagrad", "rmsprop", "lion", "lamb", "muon"] {
        let optimizer = format!("kind = \"{kind}\"\nlr = 0.01\nweight_decay = 0.0\n");
        let all = step("all", "", &optimizer);
        let tenth = step("tenth", "rates = { \"fc*.weight\" = 0.1 }", &optimizer);
        assert!(all > 0.0 && (tenth / all - 0.1).abs() < 0.01, "{kind}: {tenth} of {all}");
    }
}

#[test]
fn what_is_wrong_with_a_start_is_said() {
    let directory = directory();
    let at = directory.path();
    let with = |from: &str, to: &str| {
        assert!(TUNED.contains(from), "{from}");
        std::fs::write(at.join("wrong.toml"), TUNED.replace(from, to)).unwrap();
        let complaint = fails(at, &["train", "wrong.toml"]);
        assert!(!at.join("runs/wrong").exists(), "no run is made");
        complaint
    };
    for (from, to, want) in [
        ("runs/base/best", "runs/none/best", "cannot read runs/none/best.safetensors"),
        ("new = [\"fc3.*\"]\n", "", "write start.new = [\"fc3.*\"]"),
        (
            "new = [\"fc3.*\"]\n",
            "",
            "\"fc3.weight\" in runs/base/best.safetensors has F32 [10, 84], the model has F32 [3, 84]",
        ),
        (
            "\"fc3.*\"",
            "\"fc3.*\", \"f3.*\"",
            "start.new: no tensor of the network matches \"f3.*\"; did you mean \"fc3.*\"",
        ),
        (
            "[\"conv*\"]",
            "[\"cnv1.*\"]",
            "start.freeze: no parameter matches \"cnv1.*\"; did you mean \"conv1.*\"",
        ),
        ("[\"conv*\"]", "[\"*\"]", "start.freeze leaves no parameter to train"),
        ("freeze", "frieze", "unknown field `frieze`"),
        (
            "freeze",
            "ignore = [\"decoder.*\"]\nfreeze",
            "start.ignore: no tensor of runs/base/best.safetensors beyond",
        ),
        ("\"fc1.*\" = 0.1", "\"fc*\" = 0.1", "fc2.weight matches both \"fc*\" and \"fc2.weight\""),
        ("\"fc1.*\" = 0.1", "\"fc1.*\" = 0.0", "a factor of 0 for \"fc1.*\"; give one above 0"),
        ("\"fc1.*\" = 0.1", "\"conv1.*\" = 0.1", "everything that \"conv1.*\" matches is frozen"),
        (
            "\"fc1.*\" = 0.1",
            "\"fd1.*\" = 0.1",
            "start.rates: no parameter matches \"fd1.*\"; did you mean \"fc1.*\"",
        ),
    ] {
        let complaint = with(from, to);
        assert!(complaint.contains(want), "{to}: {complaint}");
    }
    // A file with other names.
    let (best, other) = ("runs/base/best.safetensors", "other.safetensors");
    says(at, &["convert", best, other, "--rename", "fc2=hidden"]);
    let complaint = with(best, other);
    assert!(
        complaint.contains("other.safetensors lacks 2 of the 10 tensors of lenet: fc2.weight, fc2.bias"),
        "{complaint}"
    );
    let complaint = with(
        "weights = \"runs/base/best.safetensors\"\nnew = [\"fc3.*\"]",
        "weights = \"other.safetensors\"\nnew = [\"fc3.*\", \"fc2.*\"]",
    );
    assert!(complaint.contains("has 2 tensors that lenet lacks: hidden.bias, hidden.weight"), "{complaint}");
    let asked =
        TUNED.replace(best, other).replace("[\"fc3.*\"]", "[\"fc3.*\", \"fc2.*\"]\nignore = [\"hidden.*\"]");
    std::fs::write(at.join("asked.toml"), asked).unwrap();
    let said = says(at, &["train", "asked.toml", "--stop-after", "1"]);
    assert!(said.contains("left out 2: hidden.bias, hidden.weight"), "{said}");
}
