//! One box per grid cell, in one pass.

use autograd::{CrossEntropy, Device, Reduction, Result, Tensor, cat};
use data::{Detection, Object};

use super::{detections, generalized_box_iou_loss};

/// The class of cells without an object, which the class loss leaves out.
const NONE: i32 = -100;

/// One box, its confidence and its class per grid cell (YOLO, Redmon et al. 2016): the cell that contains the centre of an object has to
/// detect it. As in YOLO v2, the output `[N, 5 + classes, rows, columns]` gives the centre as `(cell + sigmoid(x, y)) * stride`, the size
/// as `prior * exp(w, h)` and the confidence as `sigmoid(o)`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use data::Object;
/// use methods::detection::YoloGrid;
/// let device = Device::named("cpu")?;
/// let grid = YoloGrid { cells: [1, 2], stride: 8.0, prior: [6.0, 6.0], classes: 2 };
/// let targets = grid.targets(&device, &[vec![Object { corners: [9.0, 1.0, 15.0, 7.0], class: 1 }]])?;
/// // x, y, w, h, confidence, two classes; both cells predict a box at their centre, the second with high confidence and class 1.
/// let output = [[0.0f32, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [-9.0, 9.0], [0.0, 0.0], [0.0, 9.0]];
/// let output = Tensor::from_slice(&device, output.as_flattened(), &[1, 7, 1, 2])?;
/// assert!(grid.loss(&output, &targets).item()? < 1e-3);
/// let found = &grid.detections(&output, 0.5, 0.5)?[0];
/// assert_eq!((found.len(), found[0].class, found[0].corners), (1, 1, [9.0, 1.0, 15.0, 7.0]));
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct YoloGrid {
    /// Rows and columns.
    pub cells: [usize; 2],
    /// Pixels per cell.
    pub stride: f32,
    /// Width and height of a typical object.
    pub prior: [f32; 2],
    /// Number of classes; labels are `0..classes`.
    pub classes: usize,
}

/// The targets of a batch.
#[derive(Clone, Debug)]
pub struct YoloTargets {
    /// `[N, rows, columns, 4]`, 0 in cells without an object.
    boxes: Tensor,
    /// `[N, rows, columns]`, 1 in cells with an object.
    present: Tensor,
    /// `[N, rows, columns]`
    classes: Tensor,
}

impl YoloTargets {
    /// The targets of some of the images, by index `[B]`.
    pub fn select(&self, images: &Tensor) -> YoloTargets {
        let of = |tensor: &Tensor| tensor.index_select(0, images);
        YoloTargets { boxes: of(&self.boxes), present: of(&self.present), classes: of(&self.classes) }
    }
}

impl YoloGrid {
    /// The targets of images with these objects. If two objects fall into one cell, the first is used.
    ///
    /// # Errors
    /// Out of memory.
    pub fn targets(&self, device: &Device, objects: &[Vec<Object>]) -> Result<YoloTargets> {
        let [rows, columns] = self.cells;
        let cells = rows * columns;
        let mut boxes = vec![0f32; objects.len() * cells * 4];
        let mut classes = vec![NONE; objects.len() * cells];
        for (image, object) in objects.iter().enumerate().flat_map(|(i, of)| of.iter().map(move |o| (i, o))) {
            let [left, top, right, bottom] = object.corners;
            let place =
                |low: f32, high: f32, most| (((low + high) * 0.5 / self.stride) as usize).min(most - 1);
            let cell = image * cells + place(top, bottom, rows) * columns + place(left, right, columns);
            if classes[cell] == NONE {
                classes[cell] = object.class as i32;
                boxes[cell * 4..][..4].copy_from_slice(&object.corners);
            }
        }
        let present: Vec<f32> = classes.iter().map(|&c| if c == NONE { 0.0 } else { 1.0 }).collect();
        let shape = [objects.len(), rows, columns];
        Ok(YoloTargets {
            boxes: Tensor::from_slice(device, &boxes, &[shape[0], rows, columns, 4])?,
            present: Tensor::from_slice(device, &present, &shape)?,
            classes: Tensor::from_slice(device, &classes, &shape)?,
        })
    }

    /// Boxes `[N, rows, columns, 4]` of the output.
    #[track_caller]
    pub fn boxes(&self, output: &Tensor) -> Tensor {
        let [rows, columns] = self.cells;
        let want = [output.shape()[0], 5 + self.classes, rows, columns];
        assert_eq!(output.shape(), want, "YoloGrid: output [N, 5 + classes, rows, columns]");
        let corner = |i: usize| [(i % columns) as f32, (i / columns) as f32];
        let corners: Vec<f32> = (0..rows * columns).flat_map(corner).collect();
        let corners = Tensor::constant(output.device(), &corners, &[rows, columns, 2]);
        let prior = Tensor::constant(output.device(), &self.prior, &[2]);
        let cells = output.permute(&[0, 2, 3, 1]);
        let centre = (cells.narrow(3, 0, 2).sigmoid() + corners) * self.stride;
        let half = cells.narrow(3, 2, 2).clamp_max(4.0).exp() * prior * 0.5;
        cat(&[&(&centre - &half), &(&centre + &half)], 3)
    }

    /// The mean over images of: five times the [`generalized_box_iou_loss`] of the boxes and the cross-entropy of the classes, in cells
    /// with objects; and the binary cross-entropy of the confidence in all cells, with weight 0.5 in those without.
    #[track_caller]
    pub fn loss(&self, output: &Tensor, targets: &YoloTargets) -> Tensor {
        let YoloTargets { boxes, present, classes } = targets;
        let place = generalized_box_iou_loss(&self.boxes(output), boxes, Reduction::None) * present;
        let weight = present * 0.5 + 0.5;
        let confidence = output.select(1, 4).binary_cross_entropy_with_logits(
            present,
            Some(&weight),
            None,
            Reduction::Sum,
        );
        let logits = output.narrow(1, 5, self.classes);
        let class = logits.cross_entropy_with(
            classes,
            CrossEntropy { ignore_index: NONE, reduction: Reduction::Sum, ..CrossEntropy::default() },
        );
        (place.sum_all() * 5.0 + confidence + class) / output.shape()[0] as f32
    }

    /// The detections of each image: the box of each cell with its most probable class, and confidence times class probability as the
    /// score, if that is at least `least`; after [`batched_nms`](super::batched_nms).
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    pub fn detections(&self, output: &Tensor, least: f32, threshold: f64) -> Result<Vec<Vec<Detection>>> {
        let cells = self.cells.iter().product::<usize>();
        let [n, k] = [output.shape()[0], self.classes];
        let scores = output.narrow(1, 4, 1).sigmoid() * output.narrow(1, 5, k).softmax(1);
        let scores = scores.permute(&[0, 2, 3, 1]).reshape(&[n, cells, k]);
        detections(&self.boxes(output).reshape(&[n, cells, 4]), &scores, least, threshold)
    }
}
