//! Weights written by PyTorch give the same outputs in wgrad, and the other way round: `tests/pytorch/roundtrip.py` writes the files
//! that this test reads, and then checks those that it writes.

use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};
use wgrad::prelude::*;

type Forward = Box<dyn Fn(&Tensor) -> Tensor>;

/// The network called `name`, with the same sizes as in the script.
fn network(name: &str, params: &Params) -> Forward {
    match name {
        "resnet18" => {
            let net = ResNet::imagenet(18, 1000, params);
            Box::new(move |x| net.forward(x, Mode::Eval))
        }
        "lstm" => {
            let options = RnnOptions { num_layers: 2, bidirectional: true, ..RnnOptions::default() };
            let net = Lstm::new(params, 24, 32, options);
            Box::new(move |x| net.forward(x, None).0)
        }
        "gpt" => {
            let options = GptOptions { vocab: 65, context: 64, width: 64, heads: 4, depth: 3, dropout: 0.0 };
            let net = Gpt::new(options, params);
            Box::new(move |x| net.forward(x, Mode::Eval))
        }
        _ => {
            let options = VitOptions { width: 48, heads: 3, depth: 3, ..VitOptions::new([32, 32], 4, 10) };
            let net = Vit::new(options, params);
            Box::new(move |x| net.forward(x, Mode::Eval))
        }
    }
}

/// The input and output stored in a file.
fn io(path: &Path, device: &Device) -> (Tensor, Vec<f32>) {
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let (x, y) = (file.tensor("x").unwrap(), file.tensor("y").unwrap());
    let words = |data: &[u8]| -> Vec<f32> { bytemuck::pod_collect_to_vec(data) };
    let input = match x.dtype() {
        Dtype::I32 => {
            let ints: Vec<i32> = bytemuck::pod_collect_to_vec(x.data());
            Tensor::from_slice(device, &ints, x.shape()).unwrap()
        }
        _ => Tensor::from_slice(device, &words(x.data()), x.shape()).unwrap(),
    };
    (input, words(y.data()))
}

fn save_io(path: &Path, x: &Tensor, y: &Tensor) {
    let bytes = |t: &Tensor| -> Vec<u8> {
        match t.dtype() {
            DType::I32 => bytemuck::cast_slice(&t.to_vec::<i32>().unwrap()).to_vec(),
            _ => bytemuck::cast_slice(&t.to_vec::<f32>().unwrap()).to_vec(),
        }
    };
    let (input, output) = (bytes(x), bytes(y));
    let dtype = if x.dtype() == DType::I32 { Dtype::I32 } else { Dtype::F32 };
    let view = |dtype, t: &Tensor, data| TensorView::new(dtype, t.shape().to_vec(), data).unwrap();
    let tensors = [("x", view(dtype, x, &input[..])), ("y", view(Dtype::F32, y, &output[..]))];
    std::fs::write(path, serialize(tensors, None).unwrap()).unwrap();
}

#[test]
#[ignore = "needs the files of tests/pytorch/roundtrip.py in WGRAD_ROUNDTRIP"]
fn weights_travel_both_ways() {
    let directory = PathBuf::from(std::env::var("WGRAD_ROUNDTRIP").expect("WGRAD_ROUNDTRIP is a directory"));
    let device = Device::named(&std::env::var("WGRAD_DEVICE").unwrap_or("cpu".into())).unwrap();
    for name in ["resnet18", "lstm", "gpt", "vit"] {
        let file = |end: &str| directory.join(format!("{name}.{end}.safetensors"));
        let params = Params::new(&device, 1);
        let forward = network(name, &params);
        let (x, want) = io(&file("torch.io"), &device);
        // First saves the network's own weights.
        params.save(file("wgrad")).unwrap();
        save_io(&file("wgrad.io"), &x, &forward(&x));
        params.load(file("torch")).unwrap();
        let got = forward(&x).to_vec::<f32>().unwrap();
        let largest = |values: &mut dyn Iterator<Item = f32>| values.fold(0f32, |m, v| m.max(v.abs()));
        let error =
            largest(&mut got.iter().zip(&want).map(|(g, w)| g - w)) / largest(&mut want.iter().copied());
        println!("{name}: largest difference {error:.1e} of the largest output");
        assert!(got.len() == want.len() && error < 1e-5, "{name}: {error}");
    }
}
