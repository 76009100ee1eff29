//! Instance segmentation (He et al. 2017, "Mask R-CNN"): beside the class and the place, the second stage of a detector predicts which pixels of a
//! region belong to the object, one mask a class: `cargo run --release -p wgrad-atlas -- mask_rcnn`.

use atlas::prelude::*;
use methods::detection::{RoiAlign, roi_align};
use wgrad::data::synthetic::Scenes;
use wgrad::data::{Corners, Detection, Object, box_iou};
use wgrad::models::ConvTranspose2d;
use wgrad::train::plot::outlined;

use super::faster_rcnn::{CLASSES, Net, SIDE, STRIDE, WIDTH, learn};

pub const STUDY: Study = Study {
    name: "mask_rcnn",
    about: "A detector with a mask head finds the pixels of each object, better than its box does.",
    on_gpu: false,
    data: None,
    run,
};

/// Pixels of a mask a side.
const MASK: usize = 12;
const ALIGN: RoiAlign = RoiAlign { output: [MASK / 2; 2], scale: 1.0 / STRIDE, sampling: 2, aligned: true };

/// From regions to logits of their pixels.
struct MaskHead {
    hidden: Conv2d,
    larger: ConvTranspose2d,
    out: Conv2d,
}

impl MaskHead {
    fn new(params: &Params) -> MaskHead {
        MaskHead {
            hidden: Conv2d::new(&params.path("hidden"), WIDTH, WIDTH, 3).padding(1).build(),
            larger: ConvTranspose2d::new(&params.path("larger"), WIDTH, WIDTH / 2, 2).stride(2).build(),
            out: Conv2d::new(&params.path("out"), WIDTH / 2, CLASSES, 1).build(),
        }
    }

    /// Logits `[R, MASK * MASK]` of the masks of regions, each of its class.
    fn forward(&self, maps: &Tensor, regions: &[(usize, Corners)], classes: &[u32]) -> Result<Tensor> {
        let x = self.hidden.forward(&roi_align(maps, regions, ALIGN)).relu();
        let all = self.out.forward(&self.larger.forward(&x).relu()).flatten(2, 3);
        let classes: Vec<i32> = classes.iter().map(|&class| class as i32).collect();
        let classes = Tensor::from_slice(maps.device(), &classes, &[classes.len(), 1, 1])?;
        Ok(all.gather(1, &classes.expand(&[regions.len(), 1, MASK * MASK])).squeeze(&[1]))
    }
}

/// Whether the points of a region's mask, `[MASK * MASK]`, belong to an object of a class.
fn wanted(mask: &[u8], [left, top, right, bottom]: Corners, class: u32) -> impl Iterator<Item = f32> + '_ {
    let at = move |low: f32, high: f32, i: usize| {
        let place = low + (high - low) * (i as f32 + 0.5) / MASK as f32;
        place.clamp(0.0, SIDE as f32 - 1.0) as usize
    };
    (0..MASK * MASK).map(move |i| {
        let pixel = mask[at(top, bottom, i / MASK) * SIDE + at(left, right, i % MASK)];
        f32::from(u8::from(u32::from(pixel) == class + 1))
    })
}

/// The box with each side moved by up to a tenth of the box.
fn moved(corners: Corners, draws: &mut Draws) -> Corners {
    let [w, h] = [corners[2] - corners[0], corners[3] - corners[1]];
    std::array::from_fn(|i| corners[i] + draws.between(-0.1, 0.1) * if i % 2 == 0 { w } else { h })
}

/// The pixels `[SIDE * SIDE]` of a mask of logits in its box.
fn pasted(logits: &[f32], [left, top, right, bottom]: Corners) -> Vec<bool> {
    let cell = |p: usize, low: f32, high: f32| {
        let share = (p as f32 + 0.5 - low) / (high - low);
        (0.0..1.0).contains(&share).then_some((share * MASK as f32) as usize)
    };
    let at = |i: usize| Some((cell(i / SIDE, top, bottom)?, cell(i % SIDE, left, right)?));
    (0..SIDE * SIDE).map(|i| at(i).is_some_and(|(y, x)| logits[y * MASK + x] > 0.0)).collect()
}

/// The pixels of an object: those of its class in its box, which hardly overlaps others.
fn pixels(mask: &[u8], object: &Object) -> Vec<bool> {
    let [left, top, right, bottom] = object.corners;
    let inside = |i: usize| {
        let (x, y) = ((i % SIDE) as f32, (i / SIDE) as f32);
        x >= left && x < right && y >= top && y < bottom
    };
    (0..SIDE * SIDE).map(|i| inside(i) && u32::from(mask[i]) == object.class + 1).collect()
}

fn iou(a: &[bool], b: &[bool]) -> f64 {
    let count = |of: fn(bool, bool) -> bool| a.iter().zip(b).filter(|(a, b)| of(**a, **b)).count() as f64;
    count(|a, b| a && b) / count(|a, b| a || b).max(1.0)
}

fn run(lab: &mut Lab) -> Result<()> {
    let [train, test] = synthetic::scenes(lab.pick(4000, 1500), lab.pick(300, 100), SIDE, lab.seed());
    let ([x, _], [test_x, _]) = (train.to_device(lab.device())?, test.to_device(lab.device())?);
    let params = lab.params();
    let (net, head) = (Net::new(&params), MaskHead::new(&params.path("mask")));
    let draws = std::cell::RefCell::new(lab.draws(1));
    learn(lab, (&params, &net), (&x, &train), |maps, images| {
        let (mut regions, mut classes, mut masks) = (vec![], vec![], vec![]);
        for (i, &image) in images.iter().enumerate() {
            for object in &train.objects[image as usize] {
                let corners = moved(object.corners, &mut draws.borrow_mut());
                masks.extend(wanted(train.mask(image as usize), corners, object.class));
                regions.push((i, corners));
                classes.push(object.class);
            }
        }
        // One number of regions for all batches, so that they share a plan.
        let count = 2 * images.len();
        let cycle = |i: usize| i % regions.len();
        let masks: Vec<f32> =
            (0..count).flat_map(|i| masks[cycle(i) * MASK * MASK..][..MASK * MASK].iter().copied()).collect();
        let regions: Vec<_> = (0..count).map(|i| regions[cycle(i)]).collect();
        let classes: Vec<u32> = (0..count).map(|i| classes[cycle(i)]).collect();
        let logits = head.forward(maps, &regions, &classes)?;
        let masks = Tensor::from_slice(maps.device(), &masks, logits.shape())?;
        Ok(Some(logits.binary_cross_entropy_with_logits(&masks, None, None, Reduction::Mean)))
    })?;

    let maps = net.backbone.last(&test_x, Mode::Eval);
    let regions = net.propose(&net.first(&maps), &vec![&[][..]; test.len()])?;
    let found: Vec<(usize, Detection)> = net
        .detect(&maps, &regions)?
        .into_iter()
        .enumerate()
        .flat_map(|(i, found)| found.into_iter().filter(|d| d.score > 0.5).map(move |d| (i, d)))
        .collect();
    anyhow::ensure!(!found.is_empty(), "nothing was detected");
    let places: Vec<(usize, Corners)> = found.iter().map(|(i, d)| (*i, d.corners)).collect();
    let classes: Vec<u32> = found.iter().map(|(_, d)| d.class).collect();
    let logits = head.forward(&maps, &places, &classes)?.to_vec::<f32>()?;
    let masks: Vec<Vec<bool>> = found
        .iter()
        .zip(logits.chunks(MASK * MASK))
        .map(|((_, d), logits)| pasted(logits, d.corners))
        .collect();

    let (mut of_masks, mut of_boxes, mut met) = (0.0, 0.0, 0.0);
    for ((i, detection), mask) in found.iter().zip(&masks) {
        let same = |object: &&Object| {
            object.class == detection.class && box_iou(object.corners, detection.corners) > 0.5
        };
        if let Some(object) = test.objects[*i].iter().find(same) {
            let truth = pixels(test.mask(*i), object);
            of_masks += iou(mask, &truth);
            of_boxes += iou(&pasted(&[1.0; MASK * MASK], detection.corners), &truth);
            met += 1.0;
        }
    }
    let objects = test.objects.iter().map(Vec::len).sum::<usize>() as f64;
    lab.expect("objects that are found with their class", met / objects, lab.pick(0.8, 0.4)..=1.0);
    lab.figure("mean IoU of boxes with objects", of_boxes / met);
    lab.expect("mean IoU of masks", of_masks / met, lab.pick(0.8, 0.7)..=1.0);
    lab.expect("masks over boxes", (of_masks - of_boxes) / met, 0.05..);
    picture(lab, &test, &found, &masks)
}

/// The scenes with boxes, and their masks in the colours of the classes.
fn picture(lab: &mut Lab, test: &Scenes, found: &[(usize, Detection)], masks: &[Vec<bool>]) -> Result<()> {
    const ZOOM: usize = 4;
    let mut tiles = Tiles::new(ZOOM * SIDE, ZOOM * SIDE);
    for i in 0..9 {
        let here: Vec<usize> = (0..found.len()).filter(|&k| found[k].0 == i).collect();
        let boxes: Vec<_> = here.iter().map(|&k| (found[k].1.corners, found[k].1.class)).collect();
        let names: Vec<&str> = here.iter().map(|&k| Scenes::CLASSES[found[k].1.class as usize]).collect();
        let mut image = test.image(i).to_vec();
        for &k in &here {
            for p in (0..SIDE * SIDE).filter(|&p| masks[k][p]) {
                // The object's own colour, halfway to white.
                (0..3).for_each(|c| image[c * SIDE * SIDE + p] = 128 + image[c * SIDE * SIDE + p] / 2);
            }
        }
        tiles.add("scene", outlined(test.image(i), [SIDE; 2], ZOOM, &[]));
        tiles.add(names.join(", "), outlined(&image, [SIDE; 2], ZOOM, &boxes));
    }
    lab.picture("mask_rcnn", |path| {
        plot::Figure::new("Boxes and masks of new scenes").images(&tiles.images(), 6).save(path)
    })
}
