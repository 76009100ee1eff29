//! Parts of object detectors: boxes and their overlaps, anchors, targets, losses, suppression, and features of regions.
//!
//! | Part | Here |
//! |---|---|
//! | boxes | [`data::Corners`], [`data::box_iou`], [`generalized_box_iou`], [`generalized_box_iou_loss`] |
//! | anchors and their targets | [`AnchorGrid`], [`BoxCoder`], [`Matcher`] |
//! | suppression | [`nms`], [`batched_nms`], [`soft_nms`], [`detections`] |
//! | regions | [`roi_align`], [`roi_pool`] |
//! | heads | [`YoloGrid`], [`MultiBox`] for SSD and RetinaNet |
//!
//! Boxes are given by their corners `[left, top, right, bottom]` in pixels of the image, whose upper left pixel covers `[0, 0, 1, 1]`.
//! Selection among boxes runs on the host; everything differentiable runs on tensors.

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
