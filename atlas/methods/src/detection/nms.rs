//! Non-maximum suppression: one box out of many detections of the same object.

use autograd::{Result, Tensor};
use data::{Corners, Detection, box_iou};

/// Indices of the boxes to keep, by falling score: a box is dropped if it overlaps a kept box of higher score by more than `threshold`
/// (`torchvision.ops.nms`). On equal scores the first box comes first.
///
/// ```
/// use methods::detection::nms;
/// let boxes = [[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 3.0], [9.0, 9.0, 12.0, 12.0]];
/// assert_eq!(nms(&boxes, &[0.8, 0.9, 0.3], 0.5), [1, 2]);
/// ```
///
/// # Panics
/// When there are not as many scores as boxes.
#[track_caller]
pub fn nms(boxes: &[Corners], scores: &[f32], threshold: f64) -> Vec<usize> {
    batched_nms(boxes, scores, &vec![0; boxes.len()], threshold)
}

/// [`nms`] within each class: boxes of different classes do not suppress each other (`torchvision.ops.batched_nms`).
///
/// ```
/// use methods::detection::batched_nms;
/// let boxes = [[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 3.0]];
/// assert_eq!(batched_nms(&boxes, &[0.8, 0.9], &[0, 1], 0.5), [1, 0]);
/// ```
///
/// # Panics
/// When there are not as many scores and classes as boxes.
#[track_caller]
pub fn batched_nms(boxes: &[Corners], scores: &[f32], classes: &[u32], threshold: f64) -> Vec<usize> {
    let count = boxes.len();
    assert!(scores.len() == count && classes.len() == count, "nms: scores and classes of {count} boxes");
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let mut kept: Vec<usize> = Vec::new();
    for i in order {
        let covered = |&k: &usize| classes[k] == classes[i] && box_iou(boxes[k], boxes[i]) > threshold;
        if !kept.iter().any(covered) {
            kept.push(i);
        }
    }
    kept
}

/// Non-maximum suppression that lowers scores instead of dropping boxes (Bodla et al. 2017): boxes are taken by falling score, and each
/// multiplies the scores of the remaining ones by `exp(-iou^2 / sigma)`. Returns indices and scores in the order taken, until the scores
/// fall below `least`.
///
/// ```
/// use methods::detection::soft_nms;
/// let boxes = [[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 2.0], [9.0, 9.0, 12.0, 12.0]];
/// let kept = soft_nms(&boxes, &[0.9, 0.8, 0.7], 0.5, 0.1);
/// assert_eq!(kept.iter().map(|k| k.0).collect::<Vec<_>>(), [0, 2, 1]);
/// assert!((kept[2].1 - 0.8 * (-0.25f32 / 0.5).exp()).abs() < 1e-6);
/// ```
///
/// # Panics
/// When there are not as many scores as boxes.
#[track_caller]
pub fn soft_nms(boxes: &[Corners], scores: &[f32], sigma: f64, least: f32) -> Vec<(usize, f32)> {
    assert_eq!(scores.len(), boxes.len(), "soft_nms: scores of {} boxes", boxes.len());
    let mut left: Vec<(usize, f32)> = scores.iter().copied().enumerate().collect();
    let mut kept = Vec::new();
    while let Some(place) = (0..left.len()).rev().max_by(|&a, &b| left[a].1.total_cmp(&left[b].1)) {
        let (best, score) = left.remove(place);
        if score < least {
            break;
        }
        kept.push((best, score));
        for (i, score) in &mut left {
            let iou = box_iou(boxes[best], boxes[*i]);
            *score *= (-iou * iou / sigma).exp() as f32;
        }
    }
    kept
}

/// The best class of each box `[N, A, 4]` by `scores [N, A, classes]`, if its score is at least `least`, after [`batched_nms`]; a list per
/// image, by falling score.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::detection::detections;
/// let device = Device::named("cpu")?;
/// let boxes = [[0.0f32, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 3.0], [8.0, 8.0, 9.0, 9.0]];
/// let boxes = Tensor::from_slice(&device, boxes.as_flattened(), &[1, 3, 4])?;
/// let scores = Tensor::from_slice(&device, &[0.2f32, 0.6, 0.1, 0.9, 0.3, 0.2], &[1, 3, 2])?;
/// let found = &detections(&boxes, &scores, 0.25, 0.5)?[0];
/// let found: Vec<_> = found.iter().map(|d| (d.class, d.score)).collect();
/// assert_eq!(found, [(1, 0.9), (0, 0.3)]);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Errors
/// Whatever goes wrong on the device.
pub fn detections(
    boxes: &Tensor,
    scores: &Tensor,
    least: f32,
    threshold: f64,
) -> Result<Vec<Vec<Detection>>> {
    let [n, count, classes] = [0, 1, 2].map(|d| scores.shape()[d]);
    let (boxes, scores) = (boxes.fetch()?, scores.fetch()?);
    let (boxes, scores) = (boxes.to_vec::<f32>()?, scores.to_vec::<f32>()?);
    let detection = |i: usize| {
        let of = &scores[i * classes..][..classes];
        let class = (0..classes).rev().max_by(|&a, &b| of[a].total_cmp(&of[b]))?;
        let corners = [0, 1, 2, 3].map(|side| boxes[i * 4 + side]);
        Some(Detection { corners, class: class as u32, score: of[class] }).filter(|d| d.score >= least)
    };
    let of_image = |image: usize| {
        let all: Vec<Detection> = (image * count..(image + 1) * count).filter_map(detection).collect();
        let corners: Vec<Corners> = all.iter().map(|d| d.corners).collect();
        let scores: Vec<f32> = all.iter().map(|d| d.score).collect();
        let classes: Vec<u32> = all.iter().map(|d| d.class).collect();
        batched_nms(&corners, &scores, &classes, threshold).into_iter().map(|i| all[i]).collect()
    };
    Ok((0..n).map(of_image).collect())
}
