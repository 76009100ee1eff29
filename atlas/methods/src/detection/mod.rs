//! Parts of object detectors: boxes and their overlaps, anchors, targets, losses, suppression, and features of regions.
//!
//! | Part | Here |
//! |---|---|
//! | boxes | [`data::Corners`], [`data::box_iou`], [`generalized_box_iou`], [`generalized_box_iou_loss`] |
//! | anchors and what they stand for | [`AnchorGrid`], [`BoxCoder`], [`Matcher`] |
//! | fewer boxes | [`nms`], [`batched_nms`], [`soft_nms`], [`detections`] |
//! | regions | [`roi_align`], [`roi_pool`] |
//! | heads | [`YoloGrid`], [`MultiBox`] for SSD and RetinaNet |
//!
//! Boxes are given by their corners `[left, top, right, bottom]` in pixels of the image, whose upper left pixel fills
//! `[0, 0, 1, 1]`. What chooses among boxes works on the host; what gradients flow through works on tensors.

mod anchors;
mod boxes;
mod coder;
mod matcher;
mod multi_box;
mod nms;
mod roi_align;
mod roi_pool;
mod yolo;

pub use anchors::AnchorGrid;
pub use boxes::{generalized_box_iou, generalized_box_iou_loss};
pub use coder::BoxCoder;
pub use matcher::{Match, Matcher};
pub use multi_box::{MultiBox, MultiBoxTargets};
pub use nms::{batched_nms, detections, nms, soft_nms};
pub use roi_align::{RoiAlign, roi_align};
pub use roi_pool::roi_pool;
pub use yolo::{YoloGrid, YoloTargets};
