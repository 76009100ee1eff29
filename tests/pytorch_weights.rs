//! Weights written by PyTorch give the same outputs in wgrad, and are saved as PyTorch wrote them: `tests/pytorch/roundtrip.py` has
//! recorded the weights, inputs and outputs in tests/fixtures/pytorch.

use std::collections::BTreeMap;
use std::path::PathBuf;

use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use wgrad::gpu_core::testing;
use wgrad::prelude::*;

/// A tensor of a file: type, shape and bytes.
type Stored = (Dtype, Vec<usize>, Vec<u8>);

fn fixture(name: &str) -> PathBuf {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/pytorch");
    PathBuf::from(directory).join(format!("{name}.safetensors"))
}

fn tensors(bytes: &[u8]) -> BTreeMap<String, Stored> {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let stored = |(name, t): (String, safetensors::tensor::TensorView<'_>)| {
        (name, (t.dtype(), t.shape().to_vec(), t.data().to_vec()))
    };
    file.tensors().into_iter().map(stored).collect()
}

/// The input and output that were recorded for a network.
fn recorded(name: &str, device: &Device) -> (Tensor, Vec<f32>) {
    let io = tensors(&std::fs::read(fixture("io")).unwrap());
    let (dtype, shape, bytes) = &io[&format!("{name}.x")];
    let input = match dtype {
        Dtype::I32 => Tensor::from_slice(device, &bytemuck::pod_collect_to_vec::<u8, i32>(bytes), shape),
        _ => Tensor::from_slice(device, &bytemuck::pod_collect_to_vec::<u8, f32>(bytes), shape),
    };
    (input.unwrap(), bytemuck::pod_collect_to_vec(&io[&format!("{name}.y")].2))
}

/// The largest difference, relative to the largest value of `want`.
fn difference(got: &[f32], want: &[f32]) -> f32 {
    assert!(got.len() == want.len() && got.iter().all(|v| v.is_finite()));
    let largest = |values: &mut dyn Iterator<Item = f32>| values.fold(0f32, |m, v| m.max(v.abs()));
    largest(&mut got.iter().zip(want).map(|(g, w)| g - w)) / largest(&mut want.iter().copied())
}

/// Checks a network that `build` makes with the sizes of the script, on the CPU and on a GPU adapter.
///
/// Measured differences are at most 2.4e-7, on the CPU and on a software adapter; 3e-6 leaves room for other orders of summation.
fn check<F: Fn(&Tensor) -> Tensor>(name: &str, build: impl Fn(&Params) -> F) {
    let torch = std::fs::read(fixture(name)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("again.safetensors");
    for device in testing::devices() {
        let params = Params::new(&device, 1);
        let forward = build(&params);
        let (x, want) = recorded(name, &device);
        let before = difference(&forward(&x).to_vec().unwrap(), &want);
        assert!(before > 0.1, "{name}: a new network differs by only {before}");
        params.load(fixture(name)).unwrap();
        let error = difference(&forward(&x).to_vec().unwrap(), &want);
        println!("{name}: largest difference {error:.1e} of the largest output on {}", device.info());
        assert!(error < 3e-6, "{name}: {error} on {}", device.info());
        params.save(&path).unwrap();
        assert!(tensors(&std::fs::read(&path).unwrap()) == tensors(&torch), "{name}: saved otherwise");
    }
}

#[test]
fn resnet() {
    check("resnet8", |params| {
        let net = ResNet::cifar_projected(params, 8, 10);
        move |x: &Tensor| net.forward(x, Mode::Eval)
    });
}

#[test]
fn lstm() {
    check("lstm", |params| {
        let options = RnnOptions { num_layers: 2, bidirectional: true, ..RnnOptions::default() };
        let net = Lstm::new(params, 12, 16, options);
        move |x: &Tensor| net.forward(x, None).0
    });
}

#[test]
fn gpt() {
    check("gpt", |params| {
        let options = GptOptions { vocab: 65, context: 24, width: 32, heads: 4, depth: 2, dropout: 0.0 };
        let net = Gpt::new(params, options);
        move |x: &Tensor| net.forward(x, Mode::Eval)
    });
}

#[test]
fn vit() {
    check("vit", |params| {
        let options = VitOptions { width: 32, heads: 4, depth: 2, ..VitOptions::new([16, 16], 4, 10) };
        let net = Vit::new(params, options);
        move |x: &Tensor| net.forward(x, Mode::Eval)
    });
}
