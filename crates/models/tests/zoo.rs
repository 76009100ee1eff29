//! Every network of the zoo learns one batch by heart.

use autograd::{Device, Generator, Tensor};
use models::{
    Adam, Attend, Bert, BertOptions, CharRnn, CharRnnOptions, DenseNet, Gpt, GptOptions, LeNet, Mlp, Mode,
    Params, PreActResNet, ResNet, Seq2Seq, Seq2SeqOptions, UNet, Vae, Vit, VitOptions,
};

fn integers(device: &Device, shape: &[usize], below: usize) -> Tensor {
    let count: usize = shape.iter().product();
    let values: Vec<i32> = (0..count).map(|i| (i * 37 % 19 % below) as i32).collect();
    Tensor::from_slice(device, &values, shape).unwrap()
}

fn numbers(device: &Device, shape: &[usize]) -> Tensor {
    Generator::new(9).uniform(device, shape)
}

/// On one batch the loss must fall by a third.
fn learns(name: &str, params: &Params, loss: impl Fn() -> Tensor) {
    let mut opt = Adam::new(params);
    let first = loss().item().unwrap();
    let mut last = first;
    while opt.steps() < 200 && last > 0.67 * first {
        let now = loss();
        opt.step(now.backward(), 0.01).unwrap();
        last = now.item().unwrap();
    }
    assert!(last <= 0.67 * first, "{name}: from {first} to {last}");
}

/// Cross-entropy of logits `[.., classes]`.
fn entropy(logits: &Tensor, classes: &Tensor) -> Tensor {
    let rows = logits.reshape(&[classes.numel(), logits.size(-1)]);
    rows.cross_entropy(&classes.reshape(&[classes.numel()]))
}

#[test]
fn language_models_learn() {
    let device = Device::named("cpu").unwrap();
    let (tokens, next) = (integers(&device, &[2, 6], 7), integers(&device, &[2, 6], 5));
    let params = Params::new(&device, 1);
    let net =
        Gpt::new(GptOptions { vocab: 7, context: 8, width: 16, heads: 2, depth: 2, dropout: 0.0 }, &params);
    learns("GPT", &params, || entropy(&net.forward(&tokens, Mode::Train), &next));
    let sizes = CharRnnOptions { vocab: 7, embed: 8, hidden: 16, layers: 2 };
    for (name, build) in [
        ("LSTM", CharRnn::lstm as fn(CharRnnOptions, &Params) -> CharRnn),
        ("GRU", CharRnn::gru),
        ("RNN", CharRnn::rnn),
    ] {
        let params = Params::new(&device, 1);
        let net = build(sizes, &params);
        learns(name, &params, || entropy(&net.forward(&tokens, None).0, &next));
    }
    let params = Params::new(&device, 1);
    let options = BertOptions { vocab: 7, context: 8, width: 16, heads: 2, depth: 1, dropout: 0.0 };
    let net = Bert::new(options, &params);
    let segments = integers(&device, &[2, 6], 2);
    let targets = Tensor::from_slice(&device, &[-100i32, 3, -100, 1, 2, -100], &[1, 6]).unwrap();
    let targets = targets.expand(&[2, 6]);
    learns("BERT", &params, || entropy(&net.forward(&tokens, Some(&segments), None, Mode::Train), &targets));
}

#[test]
fn translators_learn() {
    let device = Device::named("cpu").unwrap();
    let (source, target) = (integers(&device, &[2, 5], 9), integers(&device, &[2, 4], 8));
    let next = integers(&device, &[2, 4], 3);
    for attend in [Attend::Additive, Attend::Dot] {
        let params = Params::new(&device, 1);
        let options = Seq2SeqOptions { source_vocab: 9, target_vocab: 8, embed: 8, hidden: 16, attend };
        let net = Seq2Seq::new(options, &params);
        let padding = integers(&device, &[2, 5], 2).eq(1.0);
        learns("seq2seq", &params, || entropy(&net.forward(&source, &target, Some(&padding)), &next));
        // Step by step as all at once.
        let whole = net.forward(&source, &target, Some(&padding)).to_vec::<f32>().unwrap();
        let encoded = net.encode(&source);
        let (mut state, mut last) = (encoded.state.clone(), None);
        for t in 0..4 {
            let (logits, after) =
                net.decode(&target.narrow(1, t, 1), &state, &encoded.outputs, Some(&padding));
            (state, last) = (after, Some(logits));
        }
        let last = last.unwrap().to_vec::<f32>().unwrap();
        assert!((last[0] - whole[3 * 8]).abs() < 1e-5 && (last[8] - whole[7 * 8]).abs() < 1e-5);
    }
}

#[test]
fn image_networks_learn() {
    let device = Device::named("cpu").unwrap();
    let classes = integers(&device, &[4], 3);
    let params = Params::new(&device, 1);
    // Patches as large as the network's windows: it averages finer noise away.
    let x = numbers(&device, &[4, 1, 4, 4]).repeat_interleave(7, 2).repeat_interleave(7, 3);
    let net = LeNet::new(1, 3, &params);
    learns("LeNet", &params, || entropy(&net.forward(&x), &classes));
    let params = Params::new(&device, 1);
    let (net, x) = (Mlp::new(&[5, 16, 3], &params), numbers(&device, &[4, 5]) * 4.0);
    learns("MLP", &params, || entropy(&net.forward(&x), &classes));
    let params = Params::new(&device, 1);
    let options = VitOptions { width: 16, heads: 2, depth: 1, ..VitOptions::new([8, 8], 4, 3) };
    let (net, x) = (Vit::new(options, &params), numbers(&device, &[4, 3, 8, 8]));
    learns("ViT", &params, || entropy(&net.forward(&x, Mode::Train), &classes));
    let params = Params::new(&device, 1);
    let (net, x) = (UNet::new(3, 4, 2, &params), numbers(&device, &[2, 3, 8, 8]));
    let pixels = integers(&device, &[2, 8, 8], 2);
    learns("U-Net", &params, || entropy(&net.forward(&x, Mode::Train).permute(&[0, 2, 3, 1]), &pixels));
    let params = Params::new(&device, 1);
    let net = Vae::new(12, 16, 2, &params);
    let (x, noise) = (numbers(&device, &[4, 12]).gt(0.5).to(autograd::DType::F32), numbers(&device, &[4, 2]));
    learns("VAE", &params, || net.forward(&x, &noise).loss(&x));
}

#[test]
fn residual_and_dense_networks_learn() {
    let device = Device::named("cpu").unwrap();
    let classes = integers(&device, &[4], 3);
    let params = Params::new(&device, 1);
    let (net, x) = (PreActResNet::cifar(8, 3, &params), numbers(&device, &[4, 3, 8, 8]));
    learns("PreActResNet", &params, || entropy(&net.forward(&x, Mode::Train), &classes));
    let params = Params::new(&device, 1);
    let (net, x) = (DenseNet::new(4, 8, &[2, 2], 3, &params), numbers(&device, &[4, 3, 16, 16]));
    learns("DenseNet", &params, || entropy(&net.forward(&x, Mode::Train), &classes));
}

#[test]
fn resnext_is_torchvisions() {
    let device = Device::named("cpu").unwrap();
    let params = Params::new(&device, 1);
    let net = ResNet::resnext(50, 1000, &params);
    assert_eq!(params.count(), 25_028_904);
    let shape = |name: &str| params.get(name).unwrap().value().shape().to_vec();
    assert_eq!(shape("layer1.0.conv2.weight"), [128, 4, 3, 3]);
    assert_eq!(shape("layer4.2.conv3.weight"), [2048, 1024, 1, 1]);
    let summary = params.summary(&net.forward(&Tensor::zeros(&device, &[1, 3, 64, 64]), Mode::Eval));
    let last = summary.layers.last().unwrap();
    assert_eq!(
        (last.name.as_str(), last.output.as_deref(), last.parameters),
        ("fc", Some(&[1, 1000][..]), 2_049_000)
    );
    assert!(summary.layers.iter().all(|layer| layer.output.is_some()), "{summary}");
}
