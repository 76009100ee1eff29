//! Attribution of a classifier's score: gradients (Simonyan et al. 2014), integrated gradients (Sundararajan et al. 2017), occlusion
//! (Zeiler and Fergus 2014) and Grad-CAM (Selvaraju et al. 2017) highlight the shape that determines the class; also the filters and their
//! responses: `cargo run --release -p wgrad-atlas -- attribution`.

use atlas::prelude::*;
use methods::attribution::{grad_cam, input_gradient, integrated_gradients, occlusion};
use wgrad::models::Backbone;
use wgrad::train::plot::{ColorMap, Theme, colored, overlay};

pub const STUDY: Study = Study {
    name: "attribution",
    about: "Gradients, integrated gradients, occlusion and Grad-CAM find the shape that an answer is about.",
    on_gpu: false,
    data: None,
    run,
};

const SIDE: usize = 24;
const CLASSES: usize = 3;

/// Scenes with one object: images, classes and masks.
struct Set {
    x: Tensor,
    labels: Vec<i32>,
    /// A mask for each image, 1 on the object.
    masks: Vec<Vec<f32>>,
    pixels: Vec<Vec<u8>>,
}

impl Set {
    fn new(scenes: &data::synthetic::Scenes, device: &Device) -> Result<Set> {
        let single: Vec<usize> = (0..scenes.len()).filter(|&i| scenes.objects[i].len() == 1).collect();
        let rows: Vec<i32> = single.iter().map(|&i| i as i32).collect();
        let rows = Tensor::from_slice(device, &rows, &[rows.len()])?;
        let mask = |&i: &usize| scenes.mask(i).iter().map(|&m| f32::from(m.min(1))).collect();
        Ok(Set {
            x: scenes.to_device(device)?[0].index_select(0, &rows),
            labels: single.iter().map(|&i| scenes.objects[i][0].class as i32).collect(),
            masks: single.iter().map(mask).collect(),
            pixels: single.iter().map(|&i| scenes.image(i).to_vec()).collect(),
        })
    }
}

/// A convolutional network with a global maximum over its last maps, at a quarter of the resolution (Oquab et al. 2015).
struct Net {
    backbone: Backbone,
    out: Linear,
}

impl Net {
    fn logits(&self, maps: &Tensor) -> Tensor {
        self.out.forward(&maps.amax(&[2, 3], false))
    }
}

/// The share of the maps' values on the objects, relative to that of uniform maps: 1 is chance.
fn concentration(maps: &[Vec<f32>], masks: &[Vec<f32>]) -> f64 {
    let share = |(map, mask): (&Vec<f32>, &Vec<f32>)| {
        let on: f32 = map.iter().zip(mask).map(|(v, m)| v.max(0.0) * m).sum();
        let all: f32 = map.iter().map(|v| v.max(0.0)).sum();
        let chance = mask.iter().sum::<f32>() / mask.len() as f32;
        f64::from(on / all.max(f32::MIN_POSITIVE) / chance)
    };
    maps.iter().zip(masks).map(share).sum::<f64>() / maps.len() as f64
}

fn run(lab: &mut Lab) -> Result<()> {
    let [train, test] = synthetic::scenes(lab.pick(12_000, 6000), lab.pick(120, 40), SIDE, lab.seed());
    let (train, test) = (Set::new(&train, lab.device())?, Set::new(&test, lab.device())?);
    let labels = Tensor::from_slice(lab.device(), &train.labels, &[train.labels.len()])?;
    let params = lab.params();
    let net = Net {
        backbone: Backbone::new(&params.path("backbone"), 3, &[(12, 1), (24, 2), (32, 2), (32, 1)]),
        out: Linear::new(&params.path("out"), 32, CLASSES),
    };
    let (steps, mut draws) = (lab.pick(600, 170), lab.draws(0));
    lab.fit("classifier", steps, &mut Adam::new(&params), OneCycle::new(0.01, steps), |_| {
        let [x, labels] = minibatch(&mut draws, 20, [&train.x, &labels])?;
        Ok(net.logits(&net.backbone.last(&x, Mode::Train)).cross_entropy(&labels))
    })?;

    let classes = Tensor::from_slice(lab.device(), &test.labels, &[test.labels.len()])?;
    let own = classes.one_hot(CLASSES);
    let answer = |x: &Tensor| net.logits(&net.backbone.last(x, Mode::Eval));
    let score = |x: &Tensor| (answer(x) * &own).sum(&[1], false);
    let right = answer(&test.x).argmax(1, false).eq(&classes).to(DType::F32).mean_all().item()?;
    lab.expect("accuracy", right, 0.85..);

    let baseline = test.x.mean(&[2, 3], true);
    let parts = integrated_gradients(&test.x, &baseline, lab.pick(64, 24), score);
    let baseline = baseline.expand(test.x.shape());
    let difference = score(&test.x) - score(&baseline);
    let missing = (parts.sum(&[1, 2, 3], false) - &difference).abs().sum_all() / difference.abs().sum_all();
    lab.expect("what integrated gradients leave unexplained", missing.item()?, ..0.05);

    let by_image = |maps: &Tensor| -> Result<Vec<Vec<f32>>> {
        Ok(maps.to_vec::<f32>()?.chunks(SIDE * SIDE).map(<[f32]>::to_vec).collect())
    };
    let images = test.x.variable();
    let maps = net.backbone.last(&images, Mode::Eval);
    let cam = grad_cam(&maps, &(net.logits(&maps) * &own).sum(&[1], false)).unsqueeze(1);
    let cam = cam.interpolate(Resize::To(&[SIDE]), Interpolation::Linear { align_corners: false });
    let mut occluded = Vec::new();
    for (i, &label) in test.labels.iter().enumerate().take(lab.pick(40, 6)) {
        let map =
            occlusion(&test.x.select(0, i), 5, 0.0, |x| answer(x).log_softmax(1).select(1, label as usize));
        occluded.push(map.to_vec::<f32>()?);
    }
    let found = [
        ("gradient", by_image(&input_gradient(&test.x, score).abs().amax(&[1], false))?),
        ("integrated", by_image(&parts.abs().sum(&[1], false))?),
        ("occlusion", occluded),
        ("Grad-CAM", by_image(&cam)?),
    ];
    for ((name, maps), least) in found.iter().zip([2.0, 4.0, 2.0, 1.4]) {
        lab.expect(format!("{name} on the object, times chance"), concentration(maps, &test.masks), least..);
    }

    let mut tiles = Tiles::new(SIDE, SIDE);
    for i in 0..6 {
        tiles.add(data::synthetic::Scenes::CLASSES[test.labels[i] as usize], test.pixels[i].clone());
        for (name, maps) in &found {
            let high = maps[i].iter().copied().fold(1e-6, f32::max);
            tiles.add(*name, overlay(&test.pixels[i], &maps[i], 0.0, high, 0.85));
        }
    }
    lab.picture("attribution", |path| {
        plot::Figure::new("What an answer depends on").images(&tiles.images(), 5).save(path)
    })?;
    filters(lab, &params, &net, &test)
}

/// The first layer's filters, and their responses to a scene.
fn filters(lab: &mut Lab, params: &Params, net: &Net, test: &Set) -> Result<()> {
    let weight = params.get("backbone.0.0.weight").context("the first layer")?.value().to_vec::<f32>()?;
    let most = weight.iter().fold(0f32, |most, w| most.max(w.abs()));
    let mut filters = Tiles::new(3, 3);
    for (i, filter) in weight.chunks(27).enumerate() {
        filters.add(format!("filter {i}"), filter.iter().map(|w| ((w / most + 1.0) * 127.5) as u8).collect());
    }
    let first = net.backbone.forward(&test.x.narrow(0, 0, 1), Mode::Eval).swap_remove(0).to_vec::<f32>()?;
    let high = first.iter().copied().fold(0.0, f32::max);
    let mut maps = Tiles::new(SIDE, SIDE);
    for (i, map) in first.chunks(SIDE * SIDE).enumerate() {
        maps.add(format!("map {i}"), colored(map, 0.0, high, ColorMap::Viridis, Theme::Light));
    }
    lab.picture("attribution-filters", |path| {
        let figure =
            plot::Figure::new("Filters of the first layer, and what they see in one scene").columns(1);
        figure.images(&filters.images(), 6).images(&maps.images(), 6).save(path)
    })
}
