//! The table of a model's layers.

use autograd::{Device, Tensor};
use models::{
    EfficientNet, EfficientNetOptions, GoogLeNet, LayerSummary, Linear, Lstm, Mode, Params, ResNet,
    RnnOptions, Summary, Vgg,
};

fn params() -> Params {
    Params::new(&Device::named("cpu").unwrap(), 0)
}

fn image(params: &Params, side: usize) -> Tensor {
    Tensor::zeros(params.device(), &[1, 3, side, side])
}

fn layer<'a>(summary: &'a Summary, name: &str) -> &'a LayerSummary {
    summary.layers.iter().find(|l| l.name == name).unwrap()
}

#[test]
fn of_residual_networks() {
    let params = params();
    let net = ResNet::imagenet(&params, 18, 1000);
    let summary = params.summary(&net.forward(&image(&params, 224), Mode::Eval));
    assert_eq!(summary.multiply_adds(), 1_814_073_344);
    assert_eq!(layer(&summary, "conv1").multiply_adds, 64 * 112 * 112 * 3 * 49);
    assert_eq!(layer(&summary, "layer4.1.conv2").receptive_field, Some([435, 435]));
    let norm = layer(&summary, "layer4.1.bn2");
    assert_eq!((norm.output.as_deref(), norm.multiply_adds), (Some(&[1, 512, 7, 7][..]), 0));
    assert_eq!((layer(&summary, "fc").receptive_field, layer(&summary, "fc").multiply_adds), (None, 512_000));
    let training = params.summary(&net.forward(&image(&params, 224), Mode::Train));
    assert_eq!(training, summary, "as in evaluation");
}

#[test]
fn of_stacks_and_modules() {
    let params = params();
    let net = Vgg::cifar(&params.path("vgg"), 16, 10);
    let summary = params.summary(&net.forward(&image(&params, 32), Mode::Eval));
    assert_eq!(layer(&summary, "vgg.features.40").receptive_field, Some([196, 196]));
    assert_eq!(layer(&summary, "vgg.classifier.0").receptive_field, None);
    // In millions, as reported by torchvision.
    let millions = |summary: Summary| (summary.multiply_adds() as f64 / 1e6).round() as u64;
    let under = params.path("googlenet");
    let net = GoogLeNet::without_aux(&under, 1000);
    assert_eq!(millions(under.summary(&net.forward(&image(&params, 224), Mode::Eval).logits)), 1498);
    let under = params.path("efficientnet");
    let net = EfficientNet::new(&under, EfficientNetOptions::b(0, 1000));
    let summary = under.summary(&net.forward(&image(&params, 224), Mode::Eval));
    let scaled = layer(&summary, "efficientnet.features.1.0.block.2.0");
    assert_eq!(scaled.receptive_field, Some([7, 7]), "squeeze and excitation changes no window");
    assert_eq!(layer(&summary, "efficientnet.features.1.0.block.1.fc1").receptive_field, None);
    assert_eq!(millions(summary), 386);
}

#[test]
fn of_recurrent_layers_and_of_those_that_nothing_reads() {
    let params = params();
    let lstm = Lstm::new(&params.path("lstm"), 3, 5, RnnOptions::default());
    Linear::new(&params.path("unused"), 1, 1);
    let y = lstm.forward(&Tensor::zeros(params.device(), &[7, 2, 3]), None).0;
    let text = params.summary(&y).to_string();
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    // 160 weights for each of 7 steps of 2 sequences.
    assert_eq!(lines[1], ["lstm", "[7,", "2,", "5]", "-", "200", "2,240"], "{text}");
    assert_eq!(lines[2], ["unused", "-", "-", "2", "-"], "{text}");
}
