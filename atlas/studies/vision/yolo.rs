//! One-stage detection on a grid (YOLO, Redmon et al. 2016 and 2017): each cell predicts one box, its confidence and its class; boxes are
//! trained with the generalised intersection over union (Rezatofighi et al. 2019): `cargo run --release -p wgrad-atlas -- yolo`.

use atlas::detection_tiles;
use atlas::prelude::*;
use methods::detection::YoloGrid;
use wgrad::models::Backbone;
use wgrad::train::metrics::{Detected, mean_average_precision};

pub const STUDY: Study = Study {
    name: "yolo",
    about: "A grid of cells finds the boxes and classes of shapes, each cell those that are centred on it.",
    on_gpu: false,
    data: None,
    run,
};

const SIDE: usize = 24;
const CLASSES: usize = 3;

fn run(lab: &mut Lab) -> Result<()> {
    let [train, test] = synthetic::scenes(lab.pick(4000, 1500), lab.pick(300, 100), SIDE, lab.seed());
    let ([x, _], [test_x, _]) = (train.to_device(lab.device())?, test.to_device(lab.device())?);
    let grid = YoloGrid { cells: [6, 6], stride: 4.0, prior: [11.0, 11.0], classes: CLASSES };
    let targets = grid.targets(lab.device(), &train.objects)?;

    let params = lab.params();
    let backbone = Backbone::new(&params.path("backbone"), 3, &[(12, 1), (24, 2), (40, 2), (40, 1)]);
    let head = Conv2d::new(&params.path("head"), 40, 5 + CLASSES, 1).build();
    let net = |x: &Tensor, mode| head.forward(&backbone.last(x, mode));
    let detected = |x: &Tensor| -> Result<Vec<Detected>> {
        let found = grid.detections(&net(x, Mode::Eval), 0.05, 0.5)?.into_iter();
        let both = found.zip(&test.objects);
        Ok(both.map(|(detections, objects)| Detected { detections, objects: objects.clone() }).collect())
    };
    let before = mean_average_precision(&detected(&test_x)?).map_50;

    let (steps, mut draws) = (lab.pick(1200, 200), lab.draws(0));
    lab.fit("grid", steps, &mut Adam::new(&params), OneCycle::new(0.01, steps), |_| {
        let images: Vec<i32> = (0..24).map(|_| draws.below(train.len() as u32) as i32).collect();
        let images = Tensor::from_slice(x.device(), &images, &[images.len()])?;
        Ok(grid.loss(&net(&x.index_select(0, &images), Mode::Train), &targets.select(&images)))
    })?;
    let detected = detected(&test_x)?;
    let after = mean_average_precision(&detected);
    lab.expect("mAP at 0.5, untrained", before, ..0.05);
    lab.expect("mAP at 0.5", after.map_50, lab.pick(0.85, 0.5)..);
    lab.figure("mAP at 0.5 to 0.95", after.map);
    let tiles = detection_tiles(&test, &detected, 12);
    lab.picture("yolo", |path| {
        plot::Figure::new("What a grid of 6x6 cells finds").images(&tiles.images(), 6).save(path)
    })
}
