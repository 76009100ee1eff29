// The programs are modules here; their `main` is not called.
#![allow(dead_code)]

use studies::Study;

#[path = "../../../../../examples/vision/attribution.rs"]
mod attribution;
#[path = "../../../../../examples/vision/faster_rcnn.rs"]
mod faster_rcnn;
#[path = "../../../../../examples/vision/loss_landscape.rs"]
mod loss_landscape;
#[path = "../../../../../examples/vision/metric_learning.rs"]
mod metric_learning;
#[path = "../../../../../examples/vision/segmentation.rs"]
mod segmentation;
#[path = "../../../../../examples/vision/ssd.rs"]
mod ssd;
#[path = "../../../../../examples/vision/style_transfer.rs"]
mod style_transfer;
#[path = "../../../../../examples/vision/super_resolution.rs"]
mod super_resolution;
#[path = "../../../../../examples/vision/yolo.rs"]
mod yolo;

pub const STUDIES: &[&Study] = &[
    &segmentation::STUDY,
    &yolo::STUDY,
    &ssd::STUDY,
    &faster_rcnn::STUDY,
    &metric_learning::STUDY,
    &style_transfer::STUDY,
    &super_resolution::STUDY,
    &attribution::STUDY,
    &loss_landscape::STUDY,
];
