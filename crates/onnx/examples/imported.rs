//! Runs imported models on the inputs that `tests/pytorch/onnx_check.py make FOLDER` has written, and compares their outputs with
//! onnxruntime's: `cargo run --release -p wgrad-onnx --example imported -- FOLDER [DEVICE]`.

use std::path::Path;

use autograd::{Device, Tensor};

fn numbers<const N: usize, T>(path: &Path, of: fn([u8; N]) -> T) -> anyhow::Result<Vec<T>> {
    Ok(std::fs::read(path)?.as_chunks::<N>().0.iter().map(|b| of(*b)).collect())
}

/// The largest difference to onnxruntime, relative to the largest output.
fn difference(device: &Device, path: &Path) -> anyhow::Result<f32> {
    let shape: Vec<usize> = std::fs::read_to_string(path.with_extension("shape"))?
        .trim_matches(['[', ']', '\n'])
        .split(", ")
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let given = path.with_extension("x");
    let want = numbers(&path.with_extension("y"), f32::from_le_bytes)?;
    let model = onnx::load(device, path)?;
    let floats = Tensor::from_slice(device, &numbers(&given, f32::from_le_bytes)?, &shape)?;
    let name = &model.inputs()[0];
    let y = match model.run(&[(name, &floats)]) {
        // The model's inputs are integers.
        Err(onnx::Error::Input { .. }) => {
            let ints = Tensor::from_slice(device, &numbers(&given, i32::from_le_bytes)?, &shape)?;
            model.run(&[(name, &ints)])?
        }
        y => y?,
    };
    let y = y[0].to_vec::<f32>()?;
    anyhow::ensure!(y.len() == want.len(), "{} outputs, not {}", y.len(), want.len());
    let error = y.iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    Ok(error / want.iter().fold(0.0, |m: f32, v| m.max(v.abs())))
}

fn main() -> anyhow::Result<()> {
    let folder = std::env::args().nth(1).ok_or_else(|| anyhow::anyhow!("a folder is needed"))?;
    let device = Device::named(&std::env::args().nth(2).unwrap_or_else(|| "cpu".into()))?;
    let mut files: Vec<_> =
        std::fs::read_dir(folder)?.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
    files.retain(|path| path.extension().is_some_and(|e| e == "onnx") && path.with_extension("y").exists());
    files.sort();
    for path in files {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        match difference(&device, &path) {
            Ok(error) => {
                println!("| {name} | {error:.1e} | {} |", if error <= 1e-4 { "ok" } else { "FAILED" })
            }
            Err(error) => println!("| {name} | | FAILED: {error} |"),
        }
    }
    Ok(())
}
