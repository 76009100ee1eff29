//! Semantic segmentation: U-Net (Ronneberger et al. 2015), FCN (Long et al. 2015) and DeepLab with atrous spatial pyramid pooling (Chen et
//! al. 2017) predict the class of every pixel of small scenes, compared with a network that sees one pixel at a time:
//! `cargo run --release -p wgrad-atlas -- segmentation`.

use atlas::prelude::*;
use wgrad::models::{DeepLab, Fcn, UNet};
use wgrad::train::plot::{ColorMap, Theme, colored};

pub const STUDY: Study = Study {
    name: "segmentation",
    about: "U-Net, FCN and DeepLab find circles, squares and triangles pixel by pixel.",
    on_gpu: false,
    data: None,
    run,
};

/// The background and the three shapes.
const CLASSES: usize = 4;

/// From images and mode to logits `[N, CLASSES, H, W]`.
type Net = Box<dyn Fn(&Tensor, Mode) -> Tensor>;
type Build = fn(&Params) -> Net;

/// Classifies each pixel from its own colour alone.
fn pixels(params: &Params) -> Net {
    let [hidden, out] = [("hidden", 3, 32), ("out", 32, CLASSES)]
        .map(|(name, from, to)| Conv2d::new(&params.path(name), from, to, 1).build());
    Box::new(move |x, _| out.forward(&hidden.forward(x).relu()))
}

fn u_net(params: &Params) -> Net {
    let net = UNet::new(params, 3, 6, CLASSES);
    Box::new(move |x, mode| net.forward(x, mode))
}

fn fcn(params: &Params) -> Net {
    let net = Fcn::new(params, 3, &[12, 24, 48], CLASSES);
    Box::new(move |x, mode| net.forward(x, mode))
}

fn deep_lab(params: &Params) -> Net {
    let net = DeepLab::new(params, 3, 8, &[1, 2, 4], CLASSES);
    Box::new(move |x, mode| net.forward(x, mode))
}

/// The networks, with their number of steps in the small budget, and how much better than pixels alone they have to be after it.
const NETS: [(&str, Build, usize, f64); 4] = [
    ("pixels alone", pixels, 50, 0.0),
    ("U-Net", u_net, 600, 0.35),
    ("FCN", fcn, 200, 0.08),
    ("DeepLab", deep_lab, 200, 0.1),
];

fn run(lab: &mut Lab) -> Result<()> {
    let side = lab.pick(32, 24);
    let [train, test] = synthetic::scenes(lab.pick(4000, 1500), lab.pick(200, 60), side, lab.seed());
    let ([x, masks], [test_x, test_masks]) = (train.to_device(lab.device())?, test.to_device(lab.device())?);
    // Most pixels are background, which gets a smaller weight.
    let weight = Tensor::from_slice(lab.device(), &[0.3f32, 1.0, 1.0, 1.0], &[CLASSES])?;
    let mut answers = Vec::new();
    let mut found = Vec::new();
    for (name, build, small, _) in NETS {
        let (params, steps) = (lab.params(), lab.pick(500, small));
        let (net, mut opt, mut draws) = (build(&params), Adam::new(&params), lab.draws(0));
        lab.fit(name, steps, &mut opt, OneCycle::new(lab.pick(0.02, 0.01), steps), |_| {
            let [x, masks] = minibatch(&mut draws, lab.pick(12, 8), [&x, &masks])?;
            Ok(net(&x, Mode::Train).cross_entropy_with(
                &masks,
                CrossEntropy { weight: Some(&weight), ignore_index: -1, ..CrossEntropy::default() },
            ))
        })?;
        let logits = net(&test_x, Mode::Eval);
        let mut matrix = metrics::ConfusionMatrix::new(lab.device(), CLASSES)?;
        matrix.update(&logits, &test_masks);
        found.push(matrix.compute()?.iou(metrics::Average::Macro));
        answers.push((name, logits.argmax(1, false).to_vec::<i32>()?));
    }
    lab.expect("mean IoU of pixels alone", found[0], 0.15..0.4);
    for ((name, .., least), iou) in NETS.iter().zip(&found).skip(1) {
        lab.figure(format!("mean IoU of {name}"), *iou);
        lab.expect(format!("{name} over pixels alone"), iou - found[0], lab.pick(0.4, *least)..);
    }

    let area = side * side;
    let mask = |values: &[f32]| colored(values, 0.0, 1.0, ColorMap::Classes, Theme::Light);
    let mut tiles = Tiles::new(side, side);
    for i in 0..6 {
        tiles.add("scene", test.image(i).to_vec());
        let truth: Vec<f32> = test.mask(i).iter().map(|&m| m.into()).collect();
        tiles.add("mask", mask(&truth));
        for (name, classes) in &answers {
            let classes: Vec<f32> = classes[i * area..][..area].iter().map(|&c| c as f32).collect();
            tiles.add(*name, mask(&classes));
        }
    }
    lab.picture("segmentation", |path| {
        let title = "Segmentation of scenes that were not trained on";
        plot::Figure::new(title).images(&tiles.images(), 6).save(path)
    })
}
