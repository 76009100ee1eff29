//! Generalised overlap of boxes, as a number and as a loss.

use autograd::{Reduction, Tensor};
use data::{Corners, box_area, box_iou};

/// Generalised intersection over union (Rezatofighi et al. 2019): the intersection over union minus the share of the smallest enclosing box
/// that neither box covers. From -1 (far apart) to 1 (identical); 0 when both are empty.
///
/// ```
/// use methods::detection::generalized_box_iou;
/// // They do not overlap, and cover two of the three squares around them.
/// assert_eq!(generalized_box_iou([0.0, 0.0, 1.0, 1.0], [2.0, 0.0, 3.0, 1.0]), -1.0 / 3.0);
/// ```
pub fn generalized_box_iou(a: Corners, b: Corners) -> f64 {
    let iou = box_iou(a, b);
    let hull = box_area([a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])]);
    // For areas A and B: IoU = both / union and both + union = A + B.
    let union = (box_area(a) + box_area(b)) / (1.0 + iou);
    if hull == 0.0 { 0.0 } else { iou - (hull - union) / hull }
}

/// One minus the generalised intersection over union of boxes `self [.., 4]` and `target [.., 4]`, like
/// `torchvision.ops.generalized_box_iou_loss`; it has a gradient even for disjoint boxes. `[..]` before the reduction.
///
/// ```
/// use autograd::{Device, Reduction, Tensor};
/// use methods::detection::generalized_box_iou_loss;
/// let device = Device::named("cpu")?;
/// let [a, b] = [[0.0f32, 0.0, 1.0, 1.0], [2.0, 0.0, 3.0, 1.0]].map(|c| Tensor::constant(&device, &c, &[1, 4]));
/// assert!((generalized_box_iou_loss(&a, &b, Reduction::Mean).item()? - 4.0 / 3.0).abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the shapes differ or do not end in 4.
#[track_caller]
pub fn generalized_box_iou_loss(boxes: &Tensor, target: &Tensor, reduction: Reduction) -> Tensor {
    let (b, t) = (boxes.shape(), target.shape());
    assert!(b == t && b.last() == Some(&4), "generalized_box_iou_loss: boxes {b:?}, target {t:?}");
    let corners = |boxes: &Tensor| (boxes.narrow(-1, 0, 2), boxes.narrow(-1, 2, 2));
    let area = |(low, high): (Tensor, Tensor)| {
        let sides = (high - low).clamp_min(0.0);
        sides.select(-1, 0) * sides.select(-1, 1)
    };
    let ((low_a, high_a), (low_b, high_b)) = (corners(boxes), corners(target));
    let both = area((low_a.maximum(&low_b), high_a.minimum(&high_b)));
    let hull = area((low_a.minimum(&low_b), high_a.maximum(&high_b)));
    let union = area((low_a, high_a)) + area((low_b, high_b)) - &both;
    let eps = 1e-7;
    let giou = both / (&union + eps) - (&hull - &union) / (&hull + eps);
    reduction.apply(&(1.0 - giou))
}

#[cfg(test)]
mod tests {
    use autograd::Device;

    use super::*;

    #[test]
    fn the_loss_agrees_with_the_boxes_and_draws_them_together() {
        let device = Device::named("cpu").unwrap();
        let a = [[0.0, 0.0, 4.0, 2.0], [1.0, 1.0, 2.0, 2.0], [5.0, 5.0, 6.0, 7.0]];
        let b = [[1.0, 1.0, 5.0, 4.0], [1.0, 1.0, 2.0, 2.0], [0.0, 0.0, 1.0, 1.0]];
        let tensor = |boxes: &[Corners; 3]| Tensor::constant(&device, boxes.as_flattened(), &[3, 4]);
        let boxes = tensor(&a).variable();
        let loss = generalized_box_iou_loss(&boxes, &tensor(&b), Reduction::None);
        for (i, found) in loss.to_vec::<f32>().unwrap().into_iter().enumerate() {
            assert!(
                (f64::from(found) - (1.0 - generalized_box_iou(a[i], b[i]))).abs() < 1e-5,
                "{i}: {found}"
            );
        }
        let gradient = autograd::grad(&loss.sum_all(), &[&boxes]).remove(0).unwrap().to_vec::<f32>().unwrap();
        // The third box lies right of and below its target: moving its left and top edges back helps.
        assert!(gradient[8] > 0.0 && gradient[9] > 0.0);
    }
}
