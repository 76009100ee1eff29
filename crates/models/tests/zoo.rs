//! Every network of the zoo can memorise one batch.

use autograd::{Device, Generator, Reduction, Tensor, jacobian_penalty, l1_penalty, stack};
use models::{
    Adam, Airbench, Attend, Autoencoder, Bert, BertOptions, CharRnn, CharRnnOptions, CifarCnn,
    ConvAutoencoder, DeepLab, DenseNet, EfficientNet, EfficientNetOptions, Fcn, GoogLeNet, Gpt, GptOptions,
    LeNet, Mlp, Mode, Params, PreActResNet, ResNet, Seq2Seq, Seq2SeqOptions, Tagger, TaggerOptions, UNet,
    Vae, Vit, VitOptions,
};

fn integers(device: &Device, shape: &[usize], below: usize) -> Tensor {
    let count: usize = shape.iter().product();
    let values: Vec<i32> = (0..count).map(|i| (i * 37 % 19 % below) as i32).collect();
    Tensor::from_slice(device, &values, shape).unwrap()
}

fn numbers(device: &Device, shape: &[usize]) -> Tensor {
    Generator::new(9).uniform(device, shape)
}

/// The loss on one batch must fall by a third.
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

/// The gradient of every parameter must be non-zero.
fn reaches(name: &str, params: &Params, loss: &Tensor) {
    let (gradients, all) = (loss.backward(), params.trainable());
    let size = |gradient: &Tensor| gradient.abs().sum_all();
    let sizes: Vec<Tensor> = all.iter().filter_map(|p| gradients.get(&p.value())).map(size).collect();
    assert_eq!(sizes.len(), all.len(), "{name}: parameters without gradients");
    let sizes = stack(&sizes.iter().collect::<Vec<_>>(), 0).to_vec::<f32>().unwrap();
    for (param, size) in all.iter().zip(sizes) {
        assert!(size > 0.0, "{name}: the gradient of {} is {size}", param.name());
    }
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
        Gpt::new(&params, GptOptions { vocab: 7, context: 8, width: 16, heads: 2, depth: 2, dropout: 0.0 });
    learns("GPT", &params, || entropy(&net.forward(&tokens, Mode::Train), &next));
    let sizes = CharRnnOptions { vocab: 7, embed: 8, hidden: 16, layers: 2 };
    for (name, build) in [
        ("LSTM", CharRnn::lstm as fn(&Params, CharRnnOptions) -> CharRnn),
        ("GRU", CharRnn::gru),
        ("RNN", CharRnn::rnn),
    ] {
        let params = Params::new(&device, 1);
        let net = build(&params, sizes);
        learns(name, &params, || entropy(&net.forward(&tokens, None).0, &next));
    }
    let params = Params::new(&device, 1);
    let options = BertOptions { vocab: 7, context: 8, width: 16, heads: 2, depth: 1, dropout: 0.0 };
    let net = Bert::new(&params, options);
    let segments = integers(&device, &[2, 6], 2);
    let targets = Tensor::from_slice(&device, &[-100i32, 3, -100, 1, 2, -100], &[1, 6]).unwrap();
    let targets = targets.expand(&[2, 6]);
    learns("BERT", &params, || entropy(&net.forward(&tokens, Some(&segments), None, Mode::Train), &targets));
}

#[test]
fn taggers_learn() {
    let device = Device::named("cpu").unwrap();
    let (tokens, tags) = (integers(&device, &[3, 6], 7), integers(&device, &[3, 6], 4));
    let lengths = Tensor::from_slice(&device, &[6i32, 2, 4], &[3]).unwrap();
    let params = Params::new(&device, 1);
    let net = Tagger::new(&params, TaggerOptions { vocab: 7, embed: 8, hidden: 16, tags: 4 });
    let mut opt = Adam::new(&params);
    for _ in 0..60 {
        opt.step(net.loss(&tokens, &tags, &lengths).backward(), 0.05).unwrap();
    }
    let [got, want] = [net.decode(&tokens, &lengths), tags].map(|t| t.to_vec::<i32>().unwrap());
    for (row, length) in [(0, 6), (1, 2), (2, 4)] {
        assert_eq!(got[row * 6..][..length], want[row * 6..][..length], "sequence {row}");
    }
}

#[test]
fn translators_learn() {
    let device = Device::named("cpu").unwrap();
    let (source, target) = (integers(&device, &[2, 5], 9), integers(&device, &[2, 4], 8));
    let next = integers(&device, &[2, 4], 3);
    for attend in [Attend::Additive, Attend::Dot] {
        let params = Params::new(&device, 1);
        let options = Seq2SeqOptions { source_vocab: 9, target_vocab: 8, embed: 8, hidden: 16, attend };
        let net = Seq2Seq::new(&params, options);
        let padding = integers(&device, &[2, 5], 2).eq(1.0);
        learns("seq2seq", &params, || entropy(&net.forward(&source, &target, Some(&padding)), &next));
        // Decoding step by step gives the same result as all steps at once.
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
    // Patches as large as the network's windows, as it averages finer noise away.
    let x = numbers(&device, &[4, 1, 4, 4]).repeat_interleave(7, 2).repeat_interleave(7, 3);
    let net = LeNet::new(&params, 1, 3);
    learns("LeNet", &params, || entropy(&net.forward(&x), &classes));
    let params = Params::new(&device, 1);
    let (net, x) = (Mlp::new(&params, &[5, 16, 3]), numbers(&device, &[4, 5]) * 4.0);
    learns("MLP", &params, || entropy(&net.forward(&x), &classes));
    let params = Params::new(&device, 1);
    let options = VitOptions { width: 16, heads: 2, depth: 1, ..VitOptions::new([8, 8], 4, 3) };
    let (net, x) = (Vit::new(&params, options), numbers(&device, &[4, 3, 8, 8]));
    learns("ViT", &params, || entropy(&net.forward(&x, Mode::Train), &classes));
    let params = Params::new(&device, 1);
    let (net, x) = (UNet::new(&params, 3, 4, 2), numbers(&device, &[2, 3, 8, 8]));
    let pixels = integers(&device, &[2, 8, 8], 2);
    learns("U-Net", &params, || entropy(&net.forward(&x, Mode::Train).permute(&[0, 2, 3, 1]), &pixels));
    let params = Params::new(&device, 1);
    let net = Fcn::new(&params, 3, &[4, 8, 8], 2);
    // Their predictions are coarser than pixels.
    let blocks = integers(&device, &[2, 2, 2], 2).repeat_interleave(4, 1).repeat_interleave(4, 2);
    learns("FCN", &params, || entropy(&net.forward(&x, Mode::Train).permute(&[0, 2, 3, 1]), &blocks));
    let params = Params::new(&device, 1);
    let net = DeepLab::new(&params, 3, 4, &[1, 2], 2);
    learns("DeepLab", &params, || entropy(&net.forward(&x, Mode::Train).permute(&[0, 2, 3, 1]), &blocks));
    let params = Params::new(&device, 1);
    let net = Vae::new(&params, 12, 16, 2);
    let (x, noise) = (numbers(&device, &[4, 12]).gt(0.5).to(autograd::DType::F32), numbers(&device, &[4, 2]));
    learns("VAE", &params, || net.forward(&x, &noise).loss(&x));
}

#[test]
fn residual_and_dense_networks_learn() {
    let device = Device::named("cpu").unwrap();
    let classes = integers(&device, &[4], 3);
    let params = Params::new(&device, 1);
    let (net, x) = (PreActResNet::cifar(&params, 8, 3), numbers(&device, &[4, 3, 8, 8]));
    learns("PreActResNet", &params, || entropy(&net.forward(&x, Mode::Train), &classes));
    let params = Params::new(&device, 1);
    let (net, x) = (DenseNet::new(&params, 4, 8, &[2, 2], 3), numbers(&device, &[4, 3, 16, 16]));
    learns("DenseNet", &params, || entropy(&net.forward(&x, Mode::Train), &classes));
    let params = Params::new(&device, 1);
    let (net, x) = (CifarCnn::new(&params, 3), numbers(&device, &[4, 3, 32, 32]));
    learns("CifarCnn", &params, || entropy(&net.forward(&x, Mode::Train), &classes));
    let params = Params::new(&device, 1);
    let net = Airbench::new(&params, 3);
    learns("Airbench", &params, || entropy(&net.forward(&x, Mode::Train), &classes));
}

#[test]
fn blocks_of_a_resnet_are_dropped_and_plain_networks_have_no_shortcuts() {
    let device = Device::named("cpu").unwrap();
    let images = numbers(&device, &[4, 3, 8, 8]);
    let bits = |net: &ResNet, mode| net.forward(&images, mode).to_vec::<f32>().unwrap();
    let build = || ResNet::cifar(&Params::new(&device, 1), 8, 3);
    let params = Params::new(&device, 1);
    // Drops a third, two thirds and all samples of its three blocks.
    let net = ResNet::cifar(&params, 8, 3).stochastic_depth(&params, 1.0);
    assert_eq!(bits(&net, Mode::Eval), bits(&build(), Mode::Eval));
    let gradients = net.forward(&images, Mode::Train).square().sum_all().backward();
    let slope = |name: &str| {
        let gradient = gradients.get(&params.get(name).unwrap().value());
        gradient.map_or(0.0, |gradient| gradient.square().sum_all().item().unwrap())
    };
    assert!(slope("layer1.0.conv1.weight") > 0.0 && slope("layer3.0.conv1.weight") == 0.0);

    // With branches of 0, a residual network passes its input on, a plain one nothing.
    let [residual, plain] = [build(), build().plain()].map(ResNet::zero_init_residual);
    let [residual, plain] = [residual, plain].map(|net| {
        let logits = net.forward(&images, Mode::Eval);
        (logits.narrow(0, 0, 1) - logits.narrow(0, 1, 1)).square().sum_all().item().unwrap()
    });
    assert!(residual > 0.0 && plain == 0.0, "{residual} {plain}");
}

#[test]
fn inception_and_efficient_networks_learn() {
    let device = Device::named("cpu").unwrap();
    let classes = integers(&device, &[4], 3);
    let params = Params::new(&device, 1);
    let (net, x) = (GoogLeNet::new(&params, 3), numbers(&device, &[4, 3, 32, 32]));
    reaches("GoogLeNet", &params, &net.forward(&x, Mode::Train).loss(&classes));
    let params = Params::new(&device, 1);
    let net = GoogLeNet::without_aux(&params, 3);
    learns("GoogLeNet", &params, || net.forward(&x, Mode::Train).loss(&classes));
    let params = Params::new(&device, 1);
    let options = EfficientNetOptions { width: 0.25, depth: 0.5, ..EfficientNetOptions::b(0, 3) };
    let net = EfficientNet::new(&params, options);
    let loss = || entropy(&net.forward(&x, Mode::Train), &classes);
    reaches("EfficientNet", &params, &loss());
    learns("EfficientNet", &params, loss);
}

#[test]
fn autoencoders_learn() {
    let device = Device::named("cpu").unwrap();
    let (x, noise) = (numbers(&device, &[6, 12]), Generator::new(3).normal(&device, &[6, 12]) * 0.1);
    let wrong = |output: Tensor| output.mse_loss(&x, Reduction::Mean);
    type Loss<'a> = &'a dyn Fn(&Autoencoder) -> Tensor;
    let variants: [(&str, Loss); 6] = [
        ("plain", &|net| wrong(net.forward(&x))),
        ("denoising", &|net| wrong(net.forward(&(&x + &noise)))),
        ("sparse", &|net| {
            let code = net.encode(&x).relu();
            wrong(net.decode(&code)) + l1_penalty(&[code], 1e-3)
        }),
        ("sparse by rate", &|net| {
            let code = net.encode(&x).sigmoid();
            wrong(net.decode(&code)) + code.mean(&[0], false).sparsity_kl(0.1, Reduction::Sum) * 0.1
        }),
        ("k-sparse", &|net| wrong(net.decode(&net.encode(&x).keep_topk(2, 1)))),
        ("contractive", &|net| {
            let code = net.encode(&x).sigmoid();
            wrong(net.decode(&code)) + jacobian_penalty(&code, &x) * 0.1
        }),
    ];
    for (name, loss) in variants {
        let params = Params::new(&device, 1);
        let net = Autoencoder::new(&params, &[12, 16, 4]);
        reaches(name, &params, &loss(&net));
        learns(name, &params, || loss(&net));
    }
    let params = Params::new(&device, 1);
    let (net, x) = (ConvAutoencoder::new(&params, &[2, 8, 4]), numbers(&device, &[4, 2, 8, 8]));
    let loss = || net.forward(&x).mse_loss(&x, Reduction::Mean);
    reaches("of images", &params, &loss());
    learns("of images", &params, loss);
}

/// Names and sizes as in torchvision, so that its weights can be loaded.
#[test]
fn names_and_sizes_are_torchvisions() {
    let device = Device::named("cpu").unwrap();
    let has = |params: &Params, shapes: &[(&str, &[usize])]| {
        for (name, shape) in shapes {
            let found = params.get(name).map(|p| p.value().shape().to_vec());
            assert_eq!(found.as_deref(), Some(*shape), "{name}");
        }
    };
    let params = Params::new(&device, 1);
    GoogLeNet::new(&params, 1000);
    // 57 convolutions and two more in the auxiliary classifiers, each with four tensors of batch norm, and five linear layers.
    assert_eq!((params.count(), params.all().len()), (13_004_888, 59 * 5 + 5 * 2));
    has(
        &params,
        &[
            ("conv1.conv.weight", &[64, 3, 7, 7]),
            ("conv3.bn.running_var", &[192]),
            ("inception3a.branch1.conv.weight", &[64, 192, 1, 1]),
            ("inception4b.branch2.0.conv.weight", &[112, 512, 1, 1]),
            ("inception4e.branch3.1.conv.weight", &[128, 32, 3, 3]),
            ("inception5b.branch4.1.bn.bias", &[128]),
            ("aux1.fc1.weight", &[1024, 2048]),
            ("aux2.conv.conv.weight", &[128, 528, 1, 1]),
            ("aux2.fc2.bias", &[1000]),
            ("fc.weight", &[1000, 1024]),
        ],
    );
    let params = Params::new(&device, 1);
    EfficientNet::new(&params, EfficientNetOptions::b(3, 1000));
    assert_eq!(params.count(), 12_233_232);
    has(
        &params,
        &[
            ("features.0.0.weight", &[40, 3, 3, 3]),
            ("features.1.0.block.0.0.weight", &[40, 1, 3, 3]),
            ("features.1.0.block.1.fc1.weight", &[10, 40, 1, 1]),
            ("features.1.1.block.2.1.running_mean", &[24]),
            ("features.3.0.block.1.0.weight", &[192, 1, 5, 5]),
            ("features.6.5.block.2.fc2.bias", &[1392]),
            ("features.8.0.weight", &[1536, 384, 1, 1]),
            ("classifier.1.weight", &[1000, 1536]),
        ],
    );
}

#[test]
fn resnext_is_torchvisions() {
    let device = Device::named("cpu").unwrap();
    let params = Params::new(&device, 1);
    let net = ResNet::resnext(&params, 50, 1000);
    assert_eq!(params.count(), 25_028_904);
    let shape = |name: &str| params.get(name).unwrap().value().shape().to_vec();
    assert_eq!(shape("layer1.0.conv2.weight"), [128, 4, 3, 3]);
    assert_eq!(shape("layer4.2.conv3.weight"), [2048, 1024, 1, 1]);
    // In its order, too: weights that come as a list, such as those of the benchmark, go by it.
    let weights =
        params.names().into_iter().filter(|name| name.starts_with("layer1.0.") && name.ends_with("weight"));
    let modules: Vec<_> =
        weights.map(|name| name["layer1.0.".len()..name.len() - ".weight".len()].to_string()).collect();
    assert_eq!(modules, ["conv1", "bn1", "conv2", "bn2", "conv3", "bn3", "downsample.0", "downsample.1"]);
    let summary = params.summary(&net.forward(&Tensor::zeros(&device, &[1, 3, 64, 64]), Mode::Eval));
    let last = summary.layers.last().unwrap();
    assert_eq!(
        (last.name.as_str(), last.output.as_deref(), last.parameters),
        ("fc", Some(&[1, 1000][..]), 2_049_000)
    );
    assert!(summary.layers.iter().all(|layer| layer.output.is_some()), "{summary}");
}
