use atlas::Study;

mod attribution;
mod faster_rcnn;
mod loss_landscape;
mod mask_rcnn;
mod metric_learning;
mod segmentation;
mod ssd;
mod style_transfer;
mod super_resolution;
mod yolo;

pub const STUDIES: &[&Study] = &[
    &segmentation::STUDY,
    &yolo::STUDY,
    &ssd::STUDY,
    &faster_rcnn::STUDY,
    &mask_rcnn::STUDY,
    &metric_learning::STUDY,
    &style_transfer::STUDY,
    &super_resolution::STUDY,
    &attribution::STUDY,
    &loss_landscape::STUDY,
];
