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
    save_with(Export::default(), folder, name, forward, inputs)
}

fn save_with(
    options: Export,
    folder: &Path,
    name: &str,
    forward: &Forward,
    inputs: &[Tensor],
) -> anyhow::Result<()> {
    for (suffix, fold) in [("", false), ("_folded", true)] {
        let path = folder.join(format!("{name}{suffix}.onnx"));
        let names: Vec<String> = (0..inputs.len()).map(|i| format!("input{i}")).collect();
        let named: Vec<(&str, &Tensor)> = names.iter().map(String::as_str).zip(inputs).collect();
        let f = |x: &[Tensor]| vec![forward(x)];
        match options.fold_batch_norm(fold).function(f, &named, &["output"], &path) {
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
    let largest = |t: Tensor| t.abs().flatten(0, -1).amax(&[0], false).item();
    Ok(largest(a - b)? / largest(b.clone())?)
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
        "googlenet" image(3, 64)? => |p| {
            let net = GoogLeNet::without_aux(p, 10);
            // Its initial weights are so small that the input hardly changes the output.
            p.redraw("*conv.weight", Init::HE_FAN_OUT);
            net
        }, |n, x| n.forward(x, Mode::Eval).logits;
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
    several(folder, &device)
}

/// Networks of several inputs.
fn several(folder: &Path, device: &Device) -> anyhow::Result<()> {
    let p = &Params::new(device, 0);
    let (words, sentences) = (|n: usize| tokens(device, &[n], 9), |t: usize| tokens(device, &[2, t], 9));
    let vae = Vae::new(&p.path("vae"), 20, 12, 4);
    let forward: Forward = Box::new(move |x| vae.forward(&x[0], &x[1]).logits);
    save(folder, "vae", &forward, &[noise(device, &[3, 20])?, noise(device, &[3, 4])?])?;
    let vae = ConditionalVae::new(&p.path("cvae"), 20, 3, 12, 4);
    let forward: Forward = Box::new(move |x| vae.forward(&x[0], &x[1], &x[2]).logits);
    let inputs = [noise(device, &[3, 20])?, noise(device, &[3, 3])?, noise(device, &[3, 4])?];
    save(folder, "conditional_vae", &forward, &inputs)?;
    let net = MatrixFactorization::new(&p.path("mf"), 9, 9, 4);
    let forward: Forward = Box::new(move |x| net.forward(&x[0], &x[1]));
    save(folder, "matrix_factorization", &forward, &[words(2)?, sentences(3)?])?;
    let net = SkipGram::new(&p.path("skip_gram"), 9, 4);
    p.matching("skip_gram.context*").iter().for_each(|t| t.set(&noise(device, t.value().shape()).unwrap()));
    let forward: Forward = Box::new(move |x| net.products().index_select(0, &x[0]));
    save(folder, "skip_gram", &forward, &[words(3)?])?;
    for (name, attend) in [("seq2seq", Attend::Additive), ("seq2seq_dot", Attend::Dot)] {
        let options = Seq2SeqOptions { source_vocab: 9, target_vocab: 9, embed: 6, hidden: 8, attend };
        let net = Seq2Seq::new(&p.path(name), options);
        let forward: Forward = Box::new(move |x| net.forward(&x[0], &x[1], None));
        save(folder, name, &forward, &[sentences(5)?, sentences(4)?])?;
    }
    let options = TaggerOptions { vocab: 9, embed: 6, hidden: 8, tags: 3 };
    let net = Tagger::new(&p.path("tagger"), options);
    let lengths = Tensor::from_slice(device, &[5i32, 3], &[2])?;
    let forward: Forward = Box::new(move |x| net.emissions(&x[0], &x[1]));
    save(folder, "tagger", &forward, &[sentences(5)?, lengths])?;
    let layers = TransformerOptions { dim_feedforward: 32, ..TransformerOptions::default() };
    let options = TranslatorOptions {
        source_vocab: 9,
        target_vocab: 9,
        longest: 8,
        width: 16,
        heads: 2,
        depth: 1,
        layers,
    };
    let net = Translator::new(&p.path("translator"), options);
    let forward: Forward = Box::new(move |x| net.forward(&x[0], &x[1], None, Mode::Eval));
    save(folder, "translator", &forward, &[sentences(5)?, sentences(4)?])?;
    let net = Gcn::new(&p.path("gcn"), 4, 8, 3, 0.5);
    let graph = models::Graph::undirected(device, 5, &[(0, 1), (1, 2), (2, 3), (3, 4), (4, 0), (1, 3)]);
    let forward: Forward = Box::new(move |x| net.forward(&x[0], &graph, Mode::Eval));
    save_with(Export::default().fixed_shapes(true), folder, "gcn", &forward, &[noise(device, &[5, 4])?])
}
