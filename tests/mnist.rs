//! The mnist example as a user runs it: that it learns and is reproducible, and its errors.

mod common;

use common::{Example, losses};
use tempfile::TempDir;
use wgrad::data::{ImageSet, synthetic};
use wgrad::gpu_core::testing;

const MNIST: Example =
    Example { name: "mnist", args: &["--device", "cpu", "--epochs", "2", "--batch", "20"] };

/// Writes a set as MNIST's two files.
fn write(directory: &TempDir, split: &str, set: &ImageSet) {
    let file = |what: &str, dims: &[usize], values: &[u8]| {
        let mut bytes = vec![0, 0, 8, dims.len() as u8];
        dims.iter().for_each(|&d| bytes.extend((d as u32).to_be_bytes()));
        bytes.extend(values);
        let name = format!("{split}-{what}-idx{}-ubyte", dims.len());
        std::fs::write(directory.path().join(name), bytes).expect("a temporary directory can be written");
    };
    let [_, height, width] = set.shape();
    file("images", &[set.len(), height, width], set.pixels());
    let labels: Vec<u8> = set.labels().iter().map(|&l| l as u8).collect();
    file("labels", &[set.len()], &labels);
}

fn digits() -> TempDir {
    let directory = TempDir::new().expect("a temporary directory");
    let dataset = synthetic::digits(600, 100, 3);
    write(&directory, "train", &dataset.train);
    write(&directory, "t10k", &dataset.test);
    directory
}

#[test]
fn learns_and_repeats_itself() {
    let (data, outs) = (digits(), [(); 3].map(|()| TempDir::new().unwrap()));
    let args = ["--data", data.path().to_str().unwrap()];
    let figures = MNIST.passes(outs[0].path(), &args);
    assert_eq!((figures["steps"].as_u64(), figures["parameters"].as_u64()), (Some(48), Some(34_826)));
    let accuracy = figures["test_accuracy"].as_f64().unwrap();
    assert!(accuracy > 0.5, "{figures}");
    for file in ["best.safetensors", "metrics.jsonl", "config.json", "curves.png", "predictions.png"] {
        assert!(outs[0].path().join(file).metadata().unwrap().len() > 100, "{file}");
    }
    assert_eq!(MNIST.passes(outs[1].path(), &args), figures);
    assert_eq!(losses(outs[1].path()), losses(outs[0].path()), "the same bits");
    let figures = MNIST.passes(outs[2].path(), &[&args[..], &["--model", "mlp"]].concat());
    assert_eq!(figures["parameters"].as_u64(), Some(235_146));
    assert!(figures["test_accuracy"].as_f64().unwrap() > 0.5, "{figures}");
}

#[test]
fn devices_agree() {
    if testing::gpu().is_none() {
        return;
    }
    let (data, out) = (digits(), TempDir::new().unwrap());
    let run = |device| {
        let args = ["--data", data.path().to_str().unwrap(), "--epochs", "1", "--device", device];
        MNIST.passes(&out.path().join(device), &args)["val_loss"].as_f64().unwrap()
    };
    let (cpu, gpu) = (run("cpu"), run("software"));
    assert!((cpu - gpu).abs() < 1e-2 * cpu, "{cpu} on the CPU, {gpu} on the GPU");
}

#[test]
fn says_what_is_wrong() {
    let (data, out) = (digits(), TempDir::new().unwrap());
    let path = data.path().to_str().unwrap();
    let fails = |args: &[&str]| MNIST.fails(out.path(), args);
    assert!(fails(&["--data", "no/such/path"]).contains("no/such/path"));
    assert!(fails(&["--data", path, "--batch", "1000"]).contains("batch"));
    assert!(fails(&["--data", path, "--validation", "1"]).contains("--validation"));
    assert!(fails(&["--device", "tpu"]).contains("tpu"));
    write(&data, "train", &synthetic::shapes(10, 0, 0).train);
    assert!(fails(&["--data", path]).contains("train-images"), "three times the pixels");
}
