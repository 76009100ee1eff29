//! Writes networks of the zoo, with an input and its output each, for `tests/pytorch/onnx_check.py`:
//! `cargo run -p wgrad-onnx --example zoo -- FOLDER`.

use std::path::Path;

use autograd::{Device, Tensor};
use models::*;
use onnx::Export;

fn noise(device: &Device, shape: &[usize]) -> anyhow::Result<Tensor> {
    let value = |i: usize| ((i * 2_654_435_761) % 2048) as f32 / 1024.0 - 1.0;
    let values: Vec<f32> = (0..shape.iter().product()).map(value).collect();
    Ok(Tensor::from_slice(device, &values, shape)?)
}

fn tokens(device: &Device, shape: &[usize], vocab: usize) -> anyhow::Result<Tensor> {
    let values: Vec<i32> = (0..shape.iter().product()).map(|i: usize| (i * 7 % vocab) as i32).collect();
    Ok(Tensor::from_slice(device, &values, shape)?)
}

type Forward = Box<dyn Fn(&[Tensor]) -> Tensor>;

fn save(folder: &Path, name: &str, forward: &Forward, inputs: &[Tensor]) -> anyhow::Result<()> {
    for (suffix, fold) in [("", false), ("_folded", true)] {
        let path = folder.join(format!("{name}{suffix}.onnx"));
        let names: Vec<String> = (0..inputs.len()).map(|i| format!("input{i}")).collect();
        let named: Vec<(&str, &Tensor)> = names.iter().map(String::as_str).zip(inputs).collect();
        let f = |x: &[Tensor]| vec![forward(x)];
        match Export::default().fold_batch_norm(fold).function(f, &named, &["output"], &path) {
            Ok(exported) => println!("{name}{suffix}: {exported:?}"),
            Err(error) => {
                println!("{name}{suffix}: FAILED {error}");
                continue;
            }
        }
        let wanted = forward(inputs);
        let imported = difference(&onnx::load(wanted.device(), &path)?.run(&named)?[0], &wanted)?;
        let y = wanted.to_vec::<f32>()?;
        println!("{name}{suffix}: imported again, difference {imported:.1e} of {} outputs", y.len());
        anyhow::ensure!(imported < 1e-5, "{name}{suffix}: the imported network differs");
        let mut shapes = vec![];
        for (i, input) in inputs.iter().enumerate() {
            let x = if input.dtype() == autograd::DType::F32 {
                bytemuck::cast_slice(&input.to_vec::<f32>()?).to_vec()
            } else {
                bytemuck::cast_slice::<i32, u8>(&input.to_vec::<i32>()?).to_vec()
            };
            std::fs::write(path.with_extension(format!("x{i}")), x)?;
            shapes.push(format!("{:?}", input.shape()));
        }
        std::fs::write(path.with_extension("y"), bytemuck::cast_slice::<f32, u8>(&y))?;
        std::fs::write(path.with_extension("shape"), format!("[{}]", shapes.join(", ")))?;
    }
    Ok(())
}

/// The largest difference, relative to the largest output.
fn difference(a: &Tensor, b: &Tensor) -> anyhow::Result<f32> {
    anyhow::ensure!(a.shape() == b.shape(), "shapes {:?} and {:?}", a.shape(), b.shape());
    Ok((a - b).abs().max_all().item()? / b.abs().max_all().item()?)
}

fn main() -> anyhow::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "target/onnx".into());
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder)?;
    let device = Device::named("cpu")?;
    let params = || Params::new(&device, 0);
    macro_rules! nets {
        ($($name:literal $shape:expr => |$p:ident| $net:expr, |$n:ident, $x:ident| $y:expr;)*) => {$({
            let $p = &params();
            let $n = $net;
            let forward: Forward = Box::new(move |inputs: &[Tensor]| {
                let $x = &inputs[0];
                $y
            });
            save(folder, $name, &forward, &[$shape])?;
        })*};
    }
    let image = |c: usize, side: usize| noise(&device, &[2, c, side, side]);
    nets! {
        "mlp" noise(&device, &[3, 20])? => |p| Mlp::new(p, &[20, 16, 5]), |n, x| n.forward(x);
        "lenet" image(1, 28)? => |p| LeNet::new(p, 1, 10), |n, x| n.forward(x);
        "mnist_cnn" image(1, 28)? => |p| MnistCnn::new(p, 10), |n, x| n.forward(x);
        "resnet20" image(3, 32)? => |p| ResNet::cifar(p, 20, 10), |n, x| n.forward(x, Mode::Eval);
        "resnet18" image(3, 64)? => |p| ResNet::imagenet(p, 18, 10), |n, x| n.forward(x, Mode::Eval);
        "resnet50" image(3, 64)? => |p| ResNet::imagenet(p, 50, 10), |n, x| n.forward(x, Mode::Eval);
        "resnext50" image(3, 64)? => |p| ResNet::resnext(p, 50, 10), |n, x| n.forward(x, Mode::Eval);
        "wide_resnet50" image(3, 64)? => |p| ResNet::wide(p, 50, 10), |n, x| n.forward(x, Mode::Eval);
        "preact_resnet20" image(3, 32)? => |p| PreActResNet::cifar(p, 20, 10), |n, x| n.forward(x, Mode::Eval);
        "alexnet" image(3, 224)? => |p| AlexNet::new(p, 10), |n, x| n.forward(x);
        "densenet" image(3, 64)? => |p| DenseNet::new(p, 8, 16, &[2, 2], 10), |n, x| n.forward(x, Mode::Eval);
        "deeplab" image(3, 32)? => |p| DeepLab::new(p, 3, 8, &[1, 2], 4), |n, x| n.forward(x, Mode::Eval);
        "fcn" image(3, 32)? => |p| Fcn::new(p, 3, &[8, 16, 16], 4), |n, x| n.forward(x, Mode::Eval);
        "googlenet" image(3, 64)? => |p| GoogLeNet::without_aux(p, 10), |n, x| n.forward(x, Mode::Eval).logits;
        "mobilenet_v2" image(3, 64)? => |p| MobileNetV2::new(p, 10), |n, x| n.forward(x, Mode::Eval);
        "vgg11" image(3, 32)? => |p| Vgg::cifar(p, 11, 10), |n, x| n.forward(x, Mode::Eval);
        "bert" tokens(&device, &[2, 8], 50)? => |p| Bert::new(p, BertOptions { vocab: 50, context: 16, width: 32, heads: 4, depth: 2, dropout: 0.1 }), |n, x| n.forward(x, None, None, Mode::Eval);
        "gpt" tokens(&device, &[2, 8], 65)? => |p| Gpt::new(p, GptOptions { vocab: 65, context: 16, width: 32, heads: 4, depth: 2, dropout: 0.1 }), |n, x| n.forward(x, Mode::Eval);
        "vit" image(3, 32)? => |p| Vit::new(p, VitOptions { width: 32, heads: 4, depth: 2, ..VitOptions::new([32, 32], 8, 10) }), |n, x| n.forward(x, Mode::Eval);
        "unet" image(3, 32)? => |p| UNet::new(p, 3, 8, 2), |n, x| n.forward(x, Mode::Eval);
        "char_lstm" tokens(&device, &[2, 6], 20)? => |p| CharRnn::lstm(p, CharRnnOptions { vocab: 20, embed: 8, hidden: 12, layers: 2 }), |n, x| n.forward(x, None).0;
        "char_gru" tokens(&device, &[2, 6], 20)? => |p| CharRnn::gru(p, CharRnnOptions { vocab: 20, embed: 8, hidden: 12, layers: 2 }), |n, x| n.forward(x, None).0;
        "char_rnn" tokens(&device, &[2, 6], 20)? => |p| CharRnn::rnn(p, CharRnnOptions { vocab: 20, embed: 8, hidden: 12, layers: 1 }), |n, x| n.forward(x, None).0;
        "autoencoder" noise(&device, &[3, 20])? => |p| Autoencoder::new(p, &[20, 8, 4]), |n, x| n.forward(x);
        "conv_autoencoder" image(1, 16)? => |p| ConvAutoencoder::new(p, &[1, 8, 16]), |n, x| n.forward(x);
        "srcnn" image(3, 16)? => |p| Srcnn::new(p, 3, [8, 8]), |n, x| n.forward(x);
        "efficientnet_b0" image(3, 64)? => |p| EfficientNet::new(p, EfficientNetOptions::b(0, 10)), |n, x| n.forward(x, Mode::Eval);
        "wavenet" tokens(&device, &[2, 12], 5)? => |p| WaveNet::new(p, WaveNetOptions { classes: 5, channels: 4, skip: 4, kernel: 3, layers: 2, stacks: 2 }), |n, x| n.forward(x);
        "vae_decoder" noise(&device, &[3, 4])? => |p| Vae::new(p, 20, 12, 4), |n, x| n.decode(x);
        "espcn" image(3, 16)? => |p| Espcn::new(p, 3, [8, 8], 2), |n, x| n.forward(x);
    }
    Ok(())
}
