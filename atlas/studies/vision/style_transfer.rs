//! Neural style transfer (Gatys, Ecker and Bethge 2016): the pixels of an image are optimised to match the features that a convolutional
//! network computes for one picture, and the Gram matrices of the features for another. The network need not be trained (Ustyuzhaninov et
//! al. 2017): `cargo run --release -p wgrad-atlas -- style_transfer`. `--data` gives photographs, such as
//! `--data atlas/fixtures/photographs`.

use std::path::Path;

use atlas::prelude::*;
use wgrad::data::{Fit, ImageFolder, Loader, LoaderOptions, Normalize};

pub const STUDY: Study = Study {
    name: "style_transfer",
    about: "An image gets the content of one picture and the texture of another.",
    on_gpu: true,
    data: Some(PICTURES),
    run,
};

const PICTURES: &str = "a directory with a picture content/*.jpg and a picture style/*.jpg";

/// Channels of both layers.
const MAPS: usize = 48;
/// Weight of the style loss relative to the content loss.
const STYLE: f32 = 1e6;
/// Weight of the differences between neighbouring pixels; without it, noise remains that the network does not respond to.
const SMOOTH: f32 = 0.03;

/// The features of both layers of a fixed random network: two convolutions with ReLU, with average pooling in between. The kernels are
/// wide, as untrained ones need to be.
fn features(params: &Params) -> impl Fn(&Tensor) -> [Tensor; 2] + use<> {
    let [fine, coarse] = [("fine", 3, 7), ("coarse", MAPS, 5)].map(|(name, from, kernel)| {
        let conv = Conv2d::new(&params.path(name), from, MAPS, kernel).padding(kernel / 2);
        conv.padding_mode(Padding::Reflect).init(Init::HE_FAN_OUT).build()
    });
    params.freeze("*");
    move |image| {
        let first = fine.forward(image).relu();
        let second = coarse.forward(&first.avg_pool2d(Pool2d::new(2), true, None)).relu();
        [first, second]
    }
}

/// Wavy bands of three colours, values from -1 to 1, `[1, 3, side, side]`.
fn waves(device: &Device, side: usize) -> Result<Tensor> {
    const COLOURS: [[f32; 3]; 3] = [[0.9, 0.7, -0.2], [-0.8, -0.2, 0.7], [0.8, -0.6, -0.7]];
    let band = |i: usize| {
        let (x, y) = ((i % side) as f32, (i / side) as f32);
        ((0.55 * (x + 0.6 * y) + 1.5 * (0.3 * (y - 0.4 * x)).sin()) / 2.1).rem_euclid(3.0) as usize
    };
    let values: Vec<f32> =
        (0..3 * side * side).map(|i| COLOURS[band(i % (side * side))][i / (side * side)]).collect();
    Ok(Tensor::from_slice(device, &values, &[1, 3, side, side])?)
}

/// The first picture of content and the first of style, resized to 128 rows and 192 columns, values from -1 to 1, `[1, 3, 128, 192]` each.
fn photographs(device: &Device, path: &Path) -> Result<[Tensor; 2]> {
    let set = ImageFolder::new(path)?;
    let classes: Vec<&str> = set.classes().iter().map(String::as_str).collect();
    ensure!(classes == ["content", "style"], "{}: has {classes:?}; give {PICTURES}", path.display());
    let style = set.labels().iter().filter(|&&label| label == 0).count();
    let fit = Some(Fit::Resize { size: [128, 192] });
    let half = Normalize { mean: vec![0.5; 3], std: vec![0.5; 3] };
    let loader =
        Loader::new(set.subset([0, style])?.into(), LoaderOptions { fit, ..LoaderOptions::eval(2, half) })?;
    let images = loader.epoch(0).next().context("a batch")?.to_device(device)?.images;
    Ok([0, 1].map(|i| images.narrow(0, i, 1).detach()))
}

/// The mean squared difference of neighbouring pixels.
fn variation(image: &Tensor) -> Tensor {
    let along = |dim: isize| {
        let n = image.size(dim);
        (image.narrow(dim, 1, n - 1) - image.narrow(dim, 0, n - 1)).square().mean_all()
    };
    along(2) + along(3)
}

fn run(lab: &mut Lab) -> Result<()> {
    let (side, steps) = (lab.pick(48, 24), lab.pick(400, 150));
    let [content, style] = match lab.data() {
        Some(path) => photographs(lab.device(), path)?,
        None => {
            let [scenes, _] = synthetic::scenes(1, 0, side, 4);
            [scenes.to_device(lab.device())?[0].clone(), waves(lab.device(), side)?]
        }
    };
    let features = features(&lab.params());
    // Evaluated once, not in every step.
    let fixed = |image: &Tensor| -> Result<[Tensor; 2]> {
        let maps = features(image);
        for map in &maps {
            map.fetch()?;
        }
        Ok(maps)
    };
    let (of_content, of_style) = (fixed(&content)?, fixed(&style)?);
    let losses = |maps: &[Tensor; 2]| {
        let content = perceptual_loss(&maps[1..], &of_content[1..]);
        (content, style_loss(maps, &of_style))
    };

    let params = lab.params();
    let image = params.param("image", content.shape(), Init::ZEROS);
    image.set(&content);
    lab.fit("pixels", steps, &mut Adam::new(&params), Cosine::new(0.05, 0.0, steps), |_| {
        let (content, style) = losses(&features(&image.value()));
        Ok(content + style * STYLE + variation(&image.value()) * SMOOTH)
    })?;
    let result = image.value().clamp(-1.0, 1.0);

    let loss = |image: &Tensor| -> Result<[f64; 2]> {
        let (content, style) = losses(&features(image));
        Ok([content.item()?.into(), style.item()?.into()])
    };
    let [of_content, of_style, of_result] = [loss(&content)?, loss(&style)?, loss(&result)?];
    lab.expect("content loss of the content", of_content[0], ..1e-9);
    lab.expect("style loss of the style", of_style[1], ..1e-9);
    lab.expect_same(
        "style loss of the result against the content's",
        of_result[1] / of_content[1],
        ..0.15,
        0.03,
    );
    lab.expect("content loss of the result against the style's", of_result[0] / of_style[0], ..0.75);

    let mut tiles = Tiles::new(content.size(2), content.size(3));
    for (label, image) in [("content", &content), ("style", &style), ("result", &result)] {
        let pixels = image.to_vec::<f32>()?;
        tiles
            .add(label, pixels.iter().map(|v| ((v + 1.0) * 127.5).round().clamp(0.0, 255.0) as u8).collect());
    }
    lab.picture("style_transfer", |path| {
        plot::Figure::new("Style transfer").images(&tiles.images(), 3).save(path)
    })
}
