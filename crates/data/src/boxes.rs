//! Boxes by their corners: objects, detections, and the overlap of two boxes.

/// A box by its corners, `[left, top, right, bottom]`.
pub type Corners = [f32; 4];

/// What a detector found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detection {
    /// Where it is, in pixels.
    pub corners: Corners,
    /// The predicted class, from 0.
    pub class: u32,
    /// The confidence; larger is better.
    pub score: f32,
}

/// An object to detect: the ground truth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Object {
    /// Where it is, in pixels.
    pub corners: Corners,
    /// The class, from 0.
    pub class: u32,
}

/// Width times height; 0 for an empty box.
pub fn box_area(corners: Corners) -> f64 {
    let [left, top, right, bottom] = corners.map(f64::from);
    (right - left).max(0.0) * (bottom - top).max(0.0)
}

/// Intersection over union of two boxes; 0 when both are empty.
///
/// ```
/// use data::box_iou;
/// assert_eq!(box_iou([0.0, 0.0, 2.0, 2.0], [1.0, 0.0, 3.0, 2.0]), 1.0 / 3.0);
/// ```
pub fn box_iou(a: Corners, b: Corners) -> f64 {
    let both = box_area([a[0].max(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].min(b[3])]);
    let union = box_area(a) + box_area(b) - both;
    if union == 0.0 { 0.0 } else { both / union }
}
