//! Two-stage detection (Faster R-CNN, Ren et al. 2015): a network proposes regions, and a second stage classifies and corrects them from
//! features pooled by region-of-interest alignment (He et al. 2017): `cargo run --release -p wgrad-atlas -- faster_rcnn`.

use atlas::detection_tiles;
use atlas::prelude::*;
use methods::detection::{AnchorGrid, BoxCoder, Match, Matcher, MultiBox, RoiAlign, detections, roi_align};
use wgrad::data::synthetic::Scenes;
use wgrad::data::{Corners, Detection, Object, box_iou};
use wgrad::models::Backbone;
use wgrad::train::metrics::{Detected, mean_average_precision};

pub const STUDY: Study = Study {
    name: "faster_rcnn",
    about: "Regions are proposed, read by RoI align, classified and corrected.",
    on_gpu: false,
    data: None,
    run,
};

pub(super) const SIDE: usize = 24;
pub(super) const CLASSES: usize = 3;
pub(super) const WIDTH: usize = 32;
pub(super) const STRIDE: f32 = 4.0;
/// Regions per image in the second stage.
const REGIONS: usize = 10;
const ALIGN: RoiAlign = RoiAlign { output: [4, 4], scale: 1.0 / STRIDE, sampling: 2, aligned: true };
const SECOND: BoxCoder = BoxCoder { weights: [10.0, 10.0, 5.0, 5.0] };

pub(super) struct Net {
    pub(super) backbone: Backbone,
    /// Heads for the objectness and the box corrections of anchors.
    proposals: [Conv2d; 2],
    anchors: MultiBox,
    hidden: Linear,
    /// Heads for the class, or background, and the box correction of regions.
    answers: [Linear; 2],
}

impl Net {
    pub(super) fn new(params: &Params) -> Net {
        let grid = AnchorGrid { stride: STRIDE, sizes: vec![9.0, 13.0], ratios: vec![1.0] };
        let conv = |name: &str, values| {
            Conv2d::new(&params.path(name), WIDTH, grid.per_cell() * values, 3).padding(1).build()
        };
        let cells = SIDE / STRIDE as usize;
        let linear = |name: &str, from, to| Linear::new(&params.path(name), from, to);
        Net {
            backbone: Backbone::new(&params.path("backbone"), 3, &[(12, 1), (24, 2), (WIDTH, 2), (WIDTH, 1)]),
            proposals: [conv("objectness", 2), conv("proposal", 4)],
            anchors: MultiBox {
                anchors: grid.anchors([cells, cells]),
                coder: BoxCoder::default(),
                matcher: Matcher { foreground: 0.6, background: 0.3, every_object: true },
            },
            hidden: linear("hidden", WIDTH * 16, 64),
            answers: [linear("class", 64, 1 + CLASSES), linear("place", 64, 4)],
        }
    }

    /// Logits `[N, A, 2]` and corrections `[N, A, 4]` of the anchors.
    pub(super) fn first(&self, maps: &Tensor) -> [Tensor; 2] {
        let [objectness, place] = &self.proposals;
        [MultiBox::by_anchor(&[objectness.forward(maps)], 2), MultiBox::by_anchor(&[place.forward(maps)], 4)]
    }

    /// The best `REGIONS` regions of each image, by falling score; in training, the objects themselves come first.
    pub(super) fn propose(
        &self,
        first: &[Tensor; 2],
        objects: &[&[Object]],
    ) -> Result<Vec<(usize, Corners)>> {
        let scores = first[0].softmax(2).narrow(2, 1, 1);
        let found = self.anchors.detections(&scores, &first[1], 0.0, 0.7)?;
        let mut regions = Vec::new();
        for (image, (found, objects)) in found.iter().zip(objects).enumerate() {
            let known = objects.iter().map(|o| o.corners);
            let all: Vec<Corners> = known.chain(found.iter().map(|d| d.corners)).collect();
            regions.extend(all.iter().cycle().take(REGIONS).map(|&corners| (image, corners)));
        }
        Ok(regions)
    }

    /// Logits `[R, 1 + CLASSES]` and corrections `[R, 4]` of regions.
    fn second(&self, maps: &Tensor, regions: &[(usize, Corners)]) -> [Tensor; 2] {
        let hidden = self.hidden.forward(&roi_align(maps, regions, ALIGN).flatten(1, 3)).relu();
        self.answers.each_ref().map(|answer| answer.forward(&hidden))
    }

    /// What the second stage finds in regions, as many for each image.
    pub(super) fn detect(&self, maps: &Tensor, regions: &[(usize, Corners)]) -> Result<Vec<Vec<Detection>>> {
        let [classes, deltas] = self.second(maps, regions);
        let boxes = SECOND.decode(&deltas, &of_regions(maps.device(), regions)?);
        let shape = |values| [maps.size(0), REGIONS, values];
        let scores = classes.softmax(1).narrow(1, 1, CLASSES).reshape(&shape(CLASSES));
        Ok(detections(&boxes.reshape(&shape(4)), &scores, 0.05, 0.5)?)
    }

    /// The loss of the second stage.
    fn loss(&self, maps: &Tensor, regions: &[(usize, Corners)], objects: &[&[Object]]) -> Result<Tensor> {
        let matcher = Matcher { foreground: 0.5, background: 0.5, every_object: false };
        let (mut labels, mut boxes) = (Vec::new(), Vec::new());
        for (regions, objects) in regions.chunks(REGIONS).zip(objects) {
            let corners: Vec<Corners> = regions.iter().map(|region| region.1).collect();
            let places: Vec<Corners> = objects.iter().map(|o| o.corners).collect();
            for (&region, found) in corners.iter().zip(matcher.matches(&corners, &places)) {
                let Match::Object(i) = found else {
                    labels.push(0i32);
                    boxes.push(region);
                    continue;
                };
                labels.push(objects[i].class as i32 + 1);
                boxes.push(places[i]);
            }
        }
        let labels = Tensor::from_slice(maps.device(), &labels, &[regions.len()])?;
        let wanted = SECOND.encode(&rows(maps.device(), boxes)?, &of_regions(maps.device(), regions)?);
        let [classes, deltas] = self.second(maps, regions);
        let objects = labels.gt(0.0).to(DType::F32).unsqueeze(1);
        let place = deltas.smooth_l1_loss(&wanted, 1.0, Reduction::None) * &objects;
        Ok(classes.cross_entropy(&labels) + place.sum_all() / objects.sum_all().clamp_min(1.0))
    }
}

/// Trains both stages on images and their objects. `extra` may add a loss from the maps and the numbers of a batch's images.
pub(super) fn learn(
    lab: &Lab,
    (params, net): (&Params, &Net),
    (x, train): (&Tensor, &Scenes),
    extra: impl Fn(&Tensor, &[i32]) -> Result<Option<Tensor>>,
) -> Result<()> {
    let targets = net.anchors.targets(lab.device(), &without_classes(&train.objects))?;
    let (steps, mut draws) = (lab.pick(1000, 180), lab.draws(0));
    lab.fit("both stages", steps, &mut Adam::new(params), OneCycle::new(0.008, steps), |_| {
        let numbers: Vec<i32> = (0..12).map(|_| draws.below(train.len() as u32) as i32).collect();
        let objects: Vec<&[Object]> = numbers.iter().map(|&i| &train.objects[i as usize][..]).collect();
        let images = Tensor::from_slice(x.device(), &numbers, &[numbers.len()])?;
        let maps = net.backbone.last(&x.index_select(0, &images), Mode::Train);
        let first = net.first(&maps);
        let regions = net.propose(&first, &objects)?;
        let [logits, deltas] = &first;
        let loss = net.anchors.ssd_loss(logits, deltas, &targets.select(&images));
        let loss = loss + net.loss(&maps, &regions, &objects)?;
        Ok(match extra(&maps, &numbers)? {
            Some(more) => loss + more,
            None => loss,
        })
    })?;
    Ok(())
}

/// Boxes `[R, 4]`.
fn rows(device: &Device, boxes: Vec<Corners>) -> Result<Tensor> {
    Ok(Tensor::from_slice(device, boxes.as_flattened(), &[boxes.len(), 4])?)
}

fn of_regions(device: &Device, regions: &[(usize, Corners)]) -> Result<Tensor> {
    rows(device, regions.iter().map(|region| region.1).collect())
}

fn run(lab: &mut Lab) -> Result<()> {
    let [train, test] = synthetic::scenes(lab.pick(4000, 1500), lab.pick(300, 100), SIDE, lab.seed());
    let ([x, _], [test_x, _]) = (train.to_device(lab.device())?, test.to_device(lab.device())?);
    let params = lab.params();
    let net = Net::new(&params);
    learn(lab, (&params, &net), (&x, &train), |_, _| Ok(None))?;

    let maps = net.backbone.last(&test_x, Mode::Eval);
    let regions = net.propose(&net.first(&maps), &vec![&[][..]; test.len()])?;
    let met = |(regions, object): (&[(usize, Corners)], &Object)| {
        regions.iter().any(|region| box_iou(region.1, object.corners) > 0.5)
    };
    let images = regions.chunks(REGIONS).zip(&test.objects);
    let met: Vec<bool> = images.flat_map(|(r, of)| of.iter().map(move |o| met((r, o)))).collect();
    let recall = met.iter().filter(|met| **met).count() as f64 / met.len() as f64;
    lab.expect("objects that are among the proposals", recall, 0.85..);

    let found = net.detect(&maps, &regions)?;
    let both = found.into_iter().zip(&test.objects);
    let detected: Vec<Detected> =
        both.map(|(detections, objects)| Detected { detections, objects: objects.clone() }).collect();
    let found = mean_average_precision(&detected);
    lab.expect("mAP at 0.5", found.map_50, lab.pick(0.8, 0.35)..);
    lab.figure("mAP at 0.5 to 0.95", found.map);
    let tiles = detection_tiles(&test, &detected, 12);
    lab.picture("faster_rcnn", |path| {
        plot::Figure::new("What two stages find").images(&tiles.images(), 6).save(path)
    })
}

/// The objects with a single class, for objectness.
fn without_classes(objects: &[Vec<Object>]) -> Vec<Vec<Object>> {
    objects.iter().map(|of| of.iter().map(|object| Object { class: 0, ..*object }).collect()).collect()
}
