//! Image classifiers from LeNet to the vision transformer: parameter counts equal to those of torchvision and the papers, and small members
//! of each family, which memorise eight images: `cargo run --release -p wgrad-atlas -- architectures`.

use atlas::prelude::*;
use atlas::synthetic::{digits, shapes};
use wgrad::models::{
    AlexNet, CifarCnn, DenseNet, EfficientNet, EfficientNetOptions, GoogLeNet, LeNet, MnistCnn, MobileNetV2,
    PreActResNet, Vgg,
};

pub const STUDY: Study = Study {
    name: "architectures",
    about: "LeNet to the vision transformer: exact numbers of parameters, and eight images learned by heart.",
    on_gpu: false,
    data: None,
    run,
};

/// Builds a network for 1000 classes (10 for small images) under the given parameters.
type Build = fn(&Params);

/// Names and parameter counts, oldest first: those of torchvision's models, or of the papers where torchvision has none. torchvision's
/// `vgg16_bn` and `vgg19_bn` are the paper's networks with batch norm.
const PUBLISHED: [(&str, usize, Build); 33] = [
    ("LeNet-5", 61_706, |p| drop(LeNet::new(p, 1, 10))),
    ("MNIST CNN", 34_826, |p| drop(MnistCnn::new(p, 10))),
    ("CIFAR CNN", 2_168_362, |p| drop(CifarCnn::new(p, 10))),
    ("AlexNet", 61_100_840, |p| drop(AlexNet::new(p, 1000))),
    ("VGG-11", 132_868_840, |p| drop(Vgg::imagenet(p, 11, 1000))),
    ("VGG-16", 138_365_992, |p| drop(Vgg::imagenet(p, 16, 1000))),
    ("VGG-19", 143_678_248, |p| drop(Vgg::imagenet(p, 19, 1000))),
    ("GoogLeNet", 6_624_904, |p| drop(GoogLeNet::without_aux(p, 1000))),
    ("GoogLeNet with auxiliary classifiers", 13_004_888, |p| drop(GoogLeNet::new(p, 1000))),
    ("ResNet-18", 11_689_512, |p| drop(ResNet::imagenet(p, 18, 1000))),
    ("ResNet-34", 21_797_672, |p| drop(ResNet::imagenet(p, 34, 1000))),
    ("ResNet-50", 25_557_032, |p| drop(ResNet::imagenet(p, 50, 1000))),
    ("ResNet-101", 44_549_160, |p| drop(ResNet::imagenet(p, 101, 1000))),
    ("ResNet-152", 60_192_808, |p| drop(ResNet::imagenet(p, 152, 1000))),
    ("CIFAR ResNet-20", 269_722, |p| drop(ResNet::cifar(p, 20, 10))),
    ("CIFAR ResNet-32", 464_154, |p| drop(ResNet::cifar(p, 32, 10))),
    ("CIFAR ResNet-44", 658_586, |p| drop(ResNet::cifar(p, 44, 10))),
    ("CIFAR ResNet-56", 853_018, |p| drop(ResNet::cifar(p, 56, 10))),
    ("CIFAR ResNet-110", 1_727_962, |p| drop(ResNet::cifar(p, 110, 10))),
    ("CIFAR pre-activation ResNet-20", 272_282, |p| drop(PreActResNet::cifar(p, 20, 10))),
    ("CIFAR pre-activation ResNet-110", 1_730_522, |p| drop(PreActResNet::cifar(p, 110, 10))),
    ("Wide ResNet-50-2", 68_883_240, |p| drop(ResNet::wide(p, 50, 1000))),
    ("ResNeXt-50 32x4d", 25_028_904, |p| drop(ResNet::resnext(p, 50, 1000))),
    ("ResNeXt-101 32x8d", 88_791_336, |p| drop(ResNet::resnext(p, 101, 1000))),
    ("DenseNet-121", 7_978_856, |p| drop(DenseNet::imagenet(p, 121, 1000))),
    ("DenseNet-161", 28_681_000, |p| drop(DenseNet::imagenet(p, 161, 1000))),
    ("DenseNet-169", 14_149_480, |p| drop(DenseNet::imagenet(p, 169, 1000))),
    ("DenseNet-201", 20_013_928, |p| drop(DenseNet::imagenet(p, 201, 1000))),
    ("MobileNetV2", 3_504_872, |p| drop(MobileNetV2::new(p, 1000))),
    ("EfficientNet-B0", 5_288_548, |p| drop(EfficientNet::new(p, EfficientNetOptions::b(0, 1000)))),
    ("EfficientNet-B7", 66_347_960, |p| drop(EfficientNet::new(p, EfficientNetOptions::b(7, 1000)))),
    ("ViT-B/16", 86_567_656, |p| drop(Vit::new(p, VitOptions::new([224; 2], 16, 1000)))),
    ("ViT-B/32", 88_224_232, |p| drop(Vit::new(p, VitOptions::new([224; 2], 32, 1000)))),
];

/// The networks in the picture.
const SHOWN: [&str; 14] = [
    "LeNet-5",
    "MNIST CNN",
    "AlexNet",
    "VGG-19",
    "GoogLeNet",
    "ResNet-18",
    "ResNet-50",
    "ResNet-152",
    "CIFAR ResNet-20",
    "ResNeXt-50 32x4d",
    "DenseNet-121",
    "MobileNetV2",
    "EfficientNet-B0",
    "ViT-B/16",
];

/// Logits of images.
type Net = Box<dyn Fn(&Tensor) -> Tensor>;
type BuildNet = fn(&Params) -> Net;

/// Small members of the families, for images of 32 x 32 and ten classes.
const SMALL: [(&str, BuildNet); 9] = [
    ("CIFAR CNN", |p| {
        let net = CifarCnn::new(p, 10);
        Box::new(move |x| net.forward(x, Mode::Eval))
    }),
    ("VGG-11", |p| {
        let net = Vgg::cifar(p, 11, 10);
        Box::new(move |x| net.forward(x, Mode::Train))
    }),
    ("GoogLeNet", |p| {
        let net = GoogLeNet::without_aux(p, 10);
        Box::new(move |x| net.forward(x, Mode::Train).logits)
    }),
    ("ResNet-8", |p| {
        let net = ResNet::cifar(p, 8, 10);
        Box::new(move |x| net.forward(x, Mode::Train))
    }),
    ("pre-activation ResNet-8", |p| {
        let net = PreActResNet::cifar(p, 8, 10);
        Box::new(move |x| net.forward(x, Mode::Train))
    }),
    ("DenseNet of 2 x 3 layers", |p| {
        let net = DenseNet::new(p, 8, 16, &[3, 3], 10);
        Box::new(move |x| net.forward(x, Mode::Train))
    }),
    ("MobileNetV2", |p| {
        let net = MobileNetV2::new(p, 10);
        Box::new(move |x| net.forward(x, Mode::Train))
    }),
    ("EfficientNet of a quarter's width", |p| {
        let options =
            EfficientNetOptions { width: 0.25, depth: 0.5, drop_path: 0.0, ..EfficientNetOptions::b(0, 10) };
        let net = EfficientNet::new(p, EfficientNetOptions { dropout: 0.0, ..options });
        Box::new(move |x| net.forward(x, Mode::Train))
    }),
    ("ViT of 2 blocks", |p| {
        let net =
            Vit::new(p, VitOptions { width: 48, heads: 3, depth: 2, ..VitOptions::new([32; 2], 8, 10) });
        Box::new(move |x| net.forward(x, Mode::Train))
    }),
];

/// Networks that take too long for the small budget.
const LARGE: [&str; 3] = ["VGG-11", "GoogLeNet", "MobileNetV2"];

fn run(lab: &mut Lab) -> Result<()> {
    let mut points = Vec::new();
    for (name, published, build) in PUBLISHED {
        let params = Params::undrawn(lab.device());
        build(&params);
        let expected = published as f64..=published as f64;
        lab.expect_same(format!("{name}: parameters"), params.count() as f64, expected, 0.0);
        points.push((name, params.count() as f64));
    }
    let classes = Tensor::from_slice(lab.device(), &[0i32, 1, 2, 3, 4, 5, 6, 7], &[8])?;
    let images = shapes(8, 0, lab.seed())?.train.to_device(lab.device())?.images * 2.0 - 1.0;
    let mut panel = plot::Panel::new("Eight images by heart", "step", "cross entropy").log_y();
    let mut learn = |lab: &mut Lab, name: &str, params: &Params, net: Net, x: &Tensor| -> Result<()> {
        let steps = lab.pick(50, 35);
        // Layers of 512 channels learn at a lower rate.
        let rate = if name == "VGG-11" { 0.001 } else { 0.006 };
        let losses =
            lab.fit(name, steps, &mut Adam::new(params), Cosine::new(rate, 0.1 * rate, steps), |_| {
                Ok(net(x).cross_entropy(&classes))
            })?;
        lab.expect(format!("{name}: loss of eight images"), losses[steps - 1], ..0.3);
        let points = losses.iter().enumerate().map(|(i, &loss)| (i as f64, loss)).collect::<Vec<_>>();
        panel.series.push(plot::Series::new(name, points).exact());
        Ok(())
    };
    let of_digits = digits(8, 0, lab.seed())?.train.to_device(lab.device())?.images;
    let params = lab.params();
    let net = LeNet::new(&params, 1, 10);
    learn(lab, "LeNet-5", &params, Box::new(move |x| net.forward(x)), &of_digits)?;
    let skipped = lab.pick(&[][..], &LARGE);
    for (name, build) in SMALL.into_iter().filter(|(name, _)| !skipped.contains(name)) {
        let params = lab.params();
        let net = build(&params);
        learn(lab, name, &params, net, &images)?;
    }
    points.retain(|(name, _)| SHOWN.contains(name));
    let sizes = points.iter().enumerate().map(|(i, &(_, count))| (count / 1e6, i as f64));
    let sizes = plot::Panel::new("Parameters", "millions", "")
        .layer(plot::Points::new("", sizes).radius(6.0))
        .log_x()
        .y_names(points.iter().map(|&(name, _)| name))
        .y_down();
    lab.picture("architectures", |path| {
        plot::Figure::new("Image classifiers").panel(sizes).panel(panel).save(path)
    })
}
