//! A class and a box correction for every anchor.

use autograd::{CrossEntropy, DType, Device, Reduction, Result, Tensor, cat};
use data::{Corners, Detection, Object};

use super::{BoxCoder, Match, Matcher, detections};

/// The label of anchors that are excluded from the loss.
const IGNORED: i32 = -1;

/// The targets, losses and boxes of detectors that classify and correct anchors: SSD (Liu et al. 2016), RetinaNet (Lin et
/// al. 2017), and the proposals of Faster R-CNN (Ren et al. 2015).
///
/// ```
/// use autograd::{Device, Tensor};
/// use data::Object;
/// use methods::detection::{AnchorGrid, BoxCoder, Matcher, MultiBox};
/// let device = Device::named("cpu")?;
/// let head = MultiBox {
///     anchors: AnchorGrid { stride: 8.0, sizes: vec![8.0], ratios: vec![1.0] }.anchors([1, 2]),
///     coder: BoxCoder::default(),
///     matcher: Matcher { foreground: 0.5, background: 0.4, every_object: true },
/// };
/// let targets = head.targets(&device, &[vec![Object { corners: [8.0, 0.0, 16.0, 8.0], class: 0 }]])?;
/// let deltas = Tensor::zeros(&device, &[1, 2, 4]);
/// let right = Tensor::from_slice(&device, &[-9.0f32, 9.0], &[1, 2, 1])?;
/// assert!(head.retina_loss(&right, &deltas, &targets).item()? < 1e-4);
/// assert!(head.retina_loss(&-&right, &deltas, &targets).item()? > 5.0);
/// let found = &head.detections(&right.sigmoid(), &deltas, 0.5, 0.5)?[0];
/// assert_eq!((found.len(), found[0].corners), (1, [8.0, 0.0, 16.0, 8.0]));
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct MultiBox {
    /// The anchors of all feature maps, in the order of the outputs.
    pub anchors: Vec<Corners>,
    /// How offsets of boxes are scaled.
    pub coder: BoxCoder,
    /// Which anchors are objects and which are background.
    pub matcher: Matcher,
}

/// The targets of a batch's anchors.
#[derive(Clone, Debug)]
pub struct MultiBoxTargets {
    /// `[N, A]`: 0 for background, 1 + class for an object, -1 for ignored anchors.
    labels: Tensor,
    /// `[N, A, 4]`, 0 for anchors without an object.
    deltas: Tensor,
}

impl MultiBoxTargets {
    /// The targets of some of the images, by index `[B]`.
    pub fn select(&self, images: &Tensor) -> MultiBoxTargets {
        let of = |tensor: &Tensor| tensor.index_select(0, images);
        MultiBoxTargets { labels: of(&self.labels), deltas: of(&self.deltas) }
    }

    /// 1 for anchors matched to objects, else 0, `[N, A]`, and the number of such anchors, at least 1.
    fn positive(&self) -> (Tensor, Tensor) {
        let positive = self.labels.gt(0.0).to(DType::F32);
        let count = positive.sum_all().clamp_min(1.0);
        (positive, count)
    }
}

impl MultiBox {
    /// The outputs of a head, `[N, A * K, H, W]` for each feature map, rearranged by anchor: `[N, sum of H * W * A, K]`, with `K = values`.
    ///
    /// # Panics
    /// When there are no outputs, or their shapes do not fit.
    #[track_caller]
    pub fn by_anchor(outputs: &[Tensor], values: usize) -> Tensor {
        let mut parts = Vec::with_capacity(outputs.len());
        for output in outputs {
            let [n, channels, h, w] = [0, 1, 2, 3].map(|d| output.shape()[d]);
            parts.push(output.permute(&[0, 2, 3, 1]).reshape(&[n, h * w * channels / values, values]));
        }
        cat(&parts.iter().collect::<Vec<_>>(), 1)
    }

    /// The targets of images with these objects.
    ///
    /// # Errors
    /// Out of memory.
    pub fn targets(&self, device: &Device, objects: &[Vec<Object>]) -> Result<MultiBoxTargets> {
        let (mut labels, mut boxes) = (Vec::new(), Vec::new());
        for objects in objects {
            let corners: Vec<Corners> = objects.iter().map(|o| o.corners).collect();
            let matches = self.matcher.matches(&self.anchors, &corners);
            for (anchor, found) in self.anchors.iter().zip(matches) {
                let (label, corners) = match found {
                    Match::Object(i) => (objects[i].class as i32 + 1, corners[i]),
                    Match::Background => (0, *anchor),
                    Match::Ignored => (IGNORED, *anchor),
                };
                labels.push(label);
                boxes.push(corners);
            }
        }
        let (n, a) = (objects.len(), self.anchors.len());
        let boxes = Tensor::from_slice(device, boxes.as_flattened(), &[n, a, 4])?;
        let deltas = self.coder.encode(&boxes, &self.anchors(device));
        Ok(MultiBoxTargets { labels: Tensor::from_slice(device, &labels, &[n, a])?, deltas })
    }

    fn anchors(&self, device: &Device) -> Tensor {
        Tensor::constant(device, self.anchors.as_flattened(), &[self.anchors.len(), 4])
    }

    /// RetinaNet's loss: the sigmoid focal loss of every class, `logits [N, A, classes]`, plus the smooth L1 loss of the corrections
    /// `deltas [N, A, 4]` of positive anchors (those matched to objects); both divided by the number of positive anchors.
    #[track_caller]
    pub fn retina_loss(&self, logits: &Tensor, deltas: &Tensor, targets: &MultiBoxTargets) -> Tensor {
        let classes = Tensor::arange(logits.device(), logits.shape()[2]) + 1.0;
        let wanted = targets.labels.unsqueeze(2).eq(&classes).to(DType::F32);
        let counts = targets.labels.ge(0.0).to(DType::F32).unsqueeze(2);
        let class = logits.sigmoid_focal_loss(&wanted, Some(0.25), 2.0, Reduction::None) * counts;
        class.sum_all() / targets.positive().1 + self.place_loss(deltas, targets)
    }

    /// SSD's loss: the cross-entropy of `logits [N, A, 1 + classes]`, background first, over the positive anchors and the hardest
    /// background anchors (three per positive anchor of the image), plus the smooth L1 loss of the corrections `deltas [N, A, 4]` of
    /// positive anchors; divided by their number.
    #[track_caller]
    pub fn ssd_loss(&self, logits: &Tensor, deltas: &Tensor, targets: &MultiBoxTargets) -> Tensor {
        let by_class = logits.transpose(1, 2);
        let class = by_class.cross_entropy_with(
            &targets.labels,
            CrossEntropy { ignore_index: IGNORED, reduction: Reduction::None, ..CrossEntropy::default() },
        );
        let (positive, count) = targets.positive();
        // Ranks among the background's losses, by sorting twice.
        let worst = class.detach().masked_fill(&targets.labels.ne(0.0), -1.0);
        let rank = worst.argsort(1, true).argsort(1, false);
        let hard = rank.lt(positive.to(DType::I32).sum(&[1], true) * 3).logical_and(targets.labels.eq(0.0));
        let class = class * (&positive + hard.to(DType::F32));
        class.sum_all() / count + self.place_loss(deltas, targets)
    }

    fn place_loss(&self, deltas: &Tensor, targets: &MultiBoxTargets) -> Tensor {
        let (positive, count) = targets.positive();
        let loss = deltas.smooth_l1_loss(&targets.deltas, 1.0 / 9.0, Reduction::None);
        (loss * positive.unsqueeze(2)).sum_all() / count
    }

    /// The detections of each image: every anchor with its most probable class by `scores [N, A, classes]`, if that score is at least
    /// `least`, corrected by `deltas [N, A, 4]`, after [`batched_nms`](super::batched_nms).
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    pub fn detections(
        &self,
        scores: &Tensor,
        deltas: &Tensor,
        least: f32,
        threshold: f64,
    ) -> Result<Vec<Vec<Detection>>> {
        detections(&self.coder.decode(deltas, &self.anchors(deltas.device())), scores, least, threshold)
    }
}

#[cfg(test)]
mod tests {
    use super::super::AnchorGrid;
    use super::*;

    #[test]
    fn outputs_and_anchors_have_one_order() {
        let device = Device::named("cpu").unwrap();
        let grid = AnchorGrid { stride: 4.0, sizes: vec![4.0], ratios: vec![1.0, 2.0] };
        // Channel a * 2 + k of cell (y, x) holds 1000 a + 100 k + 10 y + x.
        let value = |i: usize| 1000 * (i / 12) + 100 * (i / 6 % 2) + 10 * (i / 3 % 2) + i % 3;
        let values: Vec<f32> = (0..24).map(|i| value(i) as f32).collect();
        let output = Tensor::from_slice(&device, &values, &[1, 4, 2, 3]).unwrap();
        let found = MultiBox::by_anchor(&[output], 2);
        assert_eq!(found.shape(), [1, grid.anchors([2, 3]).len(), 2]);
        let found = found.to_vec::<f32>().unwrap();
        // The anchor of row 1, column 2 and ratio 2.
        assert_eq!(found[11 * 2..], [1012.0, 1112.0]);
        let [left, top, right, bottom] = grid.anchors([2, 3])[11];
        assert_eq!(((left + right) / 2.0, (top + bottom) / 2.0), (10.0, 6.0));
        assert!(bottom - top > right - left);
    }

    #[test]
    fn ssd_counts_the_hardest_three_of_the_background() {
        let device = Device::named("cpu").unwrap();
        let anchors: Vec<Corners> = (0..8).map(|i| [i as f32, 0.0, i as f32 + 1.0, 1.0]).collect();
        let matcher = Matcher { foreground: 0.5, background: 0.5, every_object: true };
        let head = MultiBox { anchors: anchors.clone(), coder: BoxCoder::default(), matcher };
        let objects = [vec![Object { corners: anchors[2], class: 0 }]];
        let targets = head.targets(&device, &objects).unwrap();
        let margins = [0.1f32, 0.9, 0.2, -0.3, 0.7, 0.5, -0.9, 0.0];
        let logits: Vec<f32> = margins.iter().flat_map(|&m| [0.0, m]).collect();
        let logits = Tensor::from_slice(&device, &logits, &[1, 8, 2]).unwrap();
        let loss = head.ssd_loss(&logits, &Tensor::zeros(&device, &[1, 8, 4]), &targets).item().unwrap();
        let background = |m: f32| (1.0 + m.exp()).ln();
        let want = background(-0.2) + background(0.9) + background(0.7) + background(0.5);
        assert!((loss - want).abs() < 1e-5, "{loss}, not {want}");
    }
}
