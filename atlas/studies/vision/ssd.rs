//! One-stage detection with anchors: SSD (Liu et al. 2016) classifies and corrects the anchors of two feature maps, trained with hard
//! negative mining; RetinaNet (Lin et al. 2017) has a feature pyramid with one head for all its levels, and the focal loss:
//! `cargo run --release -p wgrad-atlas -- ssd`.

use atlas::detection_tiles;
use atlas::prelude::*;
use methods::detection::{AnchorGrid, BoxCoder, Matcher, MultiBox};
use wgrad::models::Backbone;
use wgrad::train::metrics::{Detected, mean_average_precision};

pub const STUDY: Study = Study {
    name: "ssd",
    about: "SSD and RetinaNet find shapes by classifying and correcting anchors.",
    on_gpu: false,
    data: None,
    run,
};

const SIDE: usize = 24;
const CLASSES: usize = 3;
/// Channels of the feature maps, the heads and the pyramid.
const WIDTH: usize = 32;
/// Anchors per cell: a small one and a large one.
const ANCHORS: usize = 2;

/// From images and mode to class logits `[N, A, ..]` and corrections `[N, A, 4]` of all anchors.
type Net = Box<dyn Fn(&Tensor, Mode) -> [Tensor; 2]>;

/// Feature maps of strides 4 and 8.
fn maps(params: &Params) -> impl Fn(&Tensor, Mode) -> [Tensor; 2] + 'static {
    let stages = [(12, 1), (24, 2), (WIDTH, 2), (WIDTH, 1), (WIDTH, 2)];
    let backbone = Backbone::new(&params.path("backbone"), 3, &stages);
    move |x, mode| {
        let maps = backbone.forward(x, mode);
        [maps[3].clone(), maps[4].clone()]
    }
}

/// A separate head for each map, with the background as a class.
fn ssd(params: &Params) -> Net {
    let maps = maps(params);
    let head = |name: &str, map: usize, values: usize| {
        Conv2d::new(&params.path(name).path(map), WIDTH, ANCHORS * values, 3).padding(1).build()
    };
    let [class, place] =
        [("class", 1 + CLASSES), ("place", 4)].map(|(name, n)| [0, 1].map(|i| head(name, i, n)));
    Box::new(move |x, mode| {
        let maps = maps(x, mode);
        let of = |heads: &[Conv2d; 2], values| {
            MultiBox::by_anchor(&[0, 1].map(|i| heads[i].forward(&maps[i])), values)
        };
        [of(&class, 1 + CLASSES), of(&place, 4)]
    })
}

/// Heads of three convolutions for both levels of a pyramid, in which the finer level includes the coarser one.
fn retina_net(params: &Params) -> Net {
    let maps = maps(params);
    let conv = |name: &str, to, kernel: usize| {
        Conv2d::new(&params.path(name), WIDTH, to, kernel).padding(kernel / 2).build()
    };
    let lateral = ["lateral0", "lateral1"].map(|name| conv(name, WIDTH, 1));
    let tower = |name: &str| [0, 1].map(|i| conv(&format!("{name}_tower.{i}"), WIDTH, 3));
    let (class_tower, place_tower) = (tower("class"), tower("place"));
    let (class, place) = (conv("class", ANCHORS * CLASSES, 3), conv("place", ANCHORS * 4, 3));
    // An initial class probability of 0.05 per anchor, so that the many background anchors do not dominate the loss.
    params.redraw("class.bias", Init::Constant(-(19f32.ln())));
    Box::new(move |x, mode| {
        let [fine, coarse] = maps(x, mode);
        let coarse = lateral[1].forward(&coarse);
        let fine = lateral[0].forward(&fine) + coarse.interpolate(Resize::By(&[2.0]), Interpolation::Nearest);
        let of = |tower: &[Conv2d; 2], head: &Conv2d, values| {
            let through = |level: &Tensor| {
                let inner = tower.iter().fold(level.relu(), |x, conv| conv.forward(&x).relu());
                head.forward(&inner)
            };
            MultiBox::by_anchor(&[&fine, &coarse].map(through), values)
        };
        [of(&class_tower, &class, CLASSES), of(&place_tower, &place, 4)]
    })
}

fn run(lab: &mut Lab) -> Result<()> {
    let [train, test] = synthetic::scenes(lab.pick(4000, 1500), lab.pick(300, 100), SIDE, lab.seed());
    let ([x, _], [test_x, _]) = (train.to_device(lab.device())?, test.to_device(lab.device())?);
    let anchors = [(4.0, [8.0, 10.0]), (8.0, [12.0, 15.0])].map(|(stride, sizes)| {
        let cells = SIDE / stride as usize;
        AnchorGrid { stride, sizes: sizes.to_vec(), ratios: vec![1.0] }.anchors([cells, cells])
    });
    let boxes = MultiBox {
        anchors: anchors.concat(),
        coder: BoxCoder { weights: [10.0, 10.0, 5.0, 5.0] },
        matcher: Matcher { foreground: 0.5, background: 0.4, every_object: true },
    };
    let targets = boxes.targets(lab.device(), &train.objects)?;
    let steps = lab.pick(1000, 170);
    for (name, build) in [("SSD", ssd as fn(&Params) -> Net), ("RetinaNet", retina_net)] {
        let params = lab.params();
        let (net, focal, mut draws) = (build(&params), name == "RetinaNet", lab.draws(0));
        lab.fit(name, steps, &mut Adam::new(&params), OneCycle::new(0.01, steps), |_| {
            let images: Vec<i32> = (0..16).map(|_| draws.below(train.len() as u32) as i32).collect();
            let images = Tensor::from_slice(x.device(), &images, &[images.len()])?;
            let [classes, deltas] = net(&x.index_select(0, &images), Mode::Train);
            let targets = targets.select(&images);
            Ok(match focal {
                true => boxes.retina_loss(&classes, &deltas, &targets),
                false => boxes.ssd_loss(&classes, &deltas, &targets),
            })
        })?;
        let [classes, deltas] = net(&test_x, Mode::Eval);
        let scores = if focal { classes.sigmoid() } else { classes.softmax(2).narrow(2, 1, CLASSES) };
        let found = boxes.detections(&scores, &deltas, 0.05, 0.5)?.into_iter().zip(&test.objects);
        let detected = found.map(|(detections, objects)| Detected { detections, objects: objects.clone() });
        let detected: Vec<Detected> = detected.collect();
        let found = mean_average_precision(&detected);
        lab.expect(format!("mAP at 0.5 of {name}"), found.map_50, lab.pick(0.85, 0.35)..);
        lab.figure(format!("mAP at 0.5 to 0.95 of {name}"), found.map);
        let picture = if focal { "ssd-retinanet" } else { "ssd" };
        let tiles = detection_tiles(&test, &detected, 12);
        lab.picture(picture, |path| {
            plot::Figure::new(format!("What {name} finds")).images(&tiles.images(), 6).save(path)
        })?;
    }
    Ok(())
}
