//! Models exported by PyTorch with random weights (`tests/pytorch/onnx_check.py make`): outputs equal onnxruntime's, and one trains.

use std::path::PathBuf;

use autograd::{DType, Device, Tensor};
use gpu_core::testing;
use models::Adam;
use onnx::{OnnxModel, load};

fn fixture(name: &str, extension: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(format!("{name}.{extension}"))
}

fn words(name: &str, extension: &str) -> Vec<[u8; 4]> {
    std::fs::read(fixture(name, extension)).unwrap().as_chunks::<4>().0.to_vec()
}

/// A model and its input.
fn model(device: &Device, name: &str, shape: &[usize], dtype: DType) -> (OnnxModel, Tensor) {
    let words = words(name, "x");
    let x = if dtype.is_float() {
        let values: Vec<f32> = words.into_iter().map(f32::from_le_bytes).collect();
        Tensor::from_slice(device, &values, shape).unwrap()
    } else {
        let values: Vec<i32> = words.into_iter().map(i32::from_le_bytes).collect();
        Tensor::from_slice(device, &values, shape).unwrap()
    };
    (load(device, fixture(name, "onnx")).unwrap(), x)
}

#[test]
fn outputs_equal_onnxruntime() {
    let devices = testing::devices();
    let models = [
        ("bert", &[2, 8][..], DType::I32),
        ("gpt2_dynamo", &[2, 8], DType::I32),
        ("hf_vit", &[2, 3, 64, 64], DType::F32),
        ("planes", &[2, 3, 6, 8], DType::F32),
        ("sequences", &[2, 8, 6], DType::F32),
    ];
    for (device, (name, shape, dtype)) in devices.iter().flat_map(|d| models.map(|m| (d, m))) {
        let (model, x) = model(device, name, shape, dtype);
        let y = model.run(&[("input", &x)]).unwrap()[0].to_vec::<f32>().unwrap();
        let want: Vec<f32> = words(name, "y").into_iter().map(f32::from_le_bytes).collect();
        assert_eq!(y.len(), want.len());
        let error = y.iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        let largest = want.iter().fold(0.0, |m: f32, v| m.max(v.abs()));
        assert!(error <= 1e-5 * largest, "{}, {name}: {error} of {largest}", device.info());
    }
}

#[test]
fn a_vision_transformer_is_fine_tuned() {
    let (model, x) = model(&Device::named("cpu").unwrap(), "hf_vit", &[2, 3, 64, 64], DType::F32);
    let labels = Tensor::from_slice(x.device(), &[0i32, 1], &[2]).unwrap();
    let mut optimizer = Adam::new(model.params());
    let mut losses = vec![];
    for _ in 0..6 {
        let loss = model.run(&[("input", &x)]).unwrap()[0].cross_entropy(&labels);
        optimizer.step(loss.backward(), 0.003).unwrap();
        losses.push(loss.item().unwrap());
    }
    assert!(losses[5] < 0.5 * losses[0], "{losses:?}");
}
