//! Mean average precision of object detectors.

use data::{Detection, Object, box_iou};

/// How many detections of a class count per image: those with the highest scores.
const MOST: usize = 100;

/// The number of recalls, from 0 to 1, at which precision is sampled.
const RECALLS: usize = 101;

/// An image's detections and objects.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Detected {
    /// What the detector found, in any order.
    pub detections: Vec<Detection>,
    /// What is there.
    pub objects: Vec<Object>,
}

/// Mean average precisions; NaN if there are no objects at all.
#[derive(Clone, Debug, PartialEq)]
pub struct MeanAveragePrecision {
    /// The mean over classes and the IoU thresholds 0.50, 0.55, .. 0.95: COCO's AP.
    pub map: f64,
    /// At a threshold of 0.5.
    pub map_50: f64,
    /// At a threshold of 0.75.
    pub map_75: f64,
    /// The mean over the thresholds for each class with objects, by rising class.
    pub per_class: Vec<(u32, f64)>,
}

/// Mean average precision as COCO's `pycocotools` computes it, for boxes of all sizes and without crowds. By falling score, each
/// detection of a class is matched to the unmatched object of its image with the largest intersection over union, if that reaches the
/// threshold. Precision is made non-increasing in recall and averaged at 101 recalls. Only the 100 best detections per class and image
/// count; classes without objects are left out.
///
/// ```
/// use data::{Detection, Object};
/// use train::metrics::{Detected, mean_average_precision};
/// let object = |corners| Object { corners, class: 0 };
/// let detection = |corners, score| Detection { corners, class: 0, score };
/// let image = Detected {
///     objects: vec![object([0.0, 0.0, 10.0, 10.0]), object([20.0, 20.0, 30.0, 30.0])],
///     // One exact, and one with an IoU of 0.6.
///     detections: vec![detection([0.0, 0.0, 10.0, 10.0], 0.9), detection([20.0, 20.0, 30.0, 26.0], 0.8)],
/// };
/// let found = mean_average_precision(&[image]);
/// // At a threshold of 0.75 the precision is 1 up to a recall of 0.5, the first 51 of 101 samples.
/// assert!((found.map_50 - 1.0).abs() < 1e-12 && (found.map_75 - 51.0 / 101.0).abs() < 1e-12);
/// ```
///
/// # Panics
/// When a score is NaN.
#[track_caller]
pub fn mean_average_precision(images: &[Detected]) -> MeanAveragePrecision {
    let mut detections = images.iter().flat_map(|image| &image.detections);
    assert!(!detections.any(|d| d.score.is_nan()), "mean_average_precision: a score is NaN");
    let mut classes: Vec<u32> = images.iter().flat_map(|i| &i.objects).map(|o| o.class).collect();
    classes.sort_unstable();
    classes.dedup();
    let thresholds: [f64; 10] = std::array::from_fn(|i| 0.5 + 0.05 * i as f64);
    let of_class = |&class: &u32| thresholds.map(|threshold| average_precision(images, class, threshold));
    let found: Vec<[f64; 10]> = classes.iter().map(of_class).collect();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let at = |i: usize| mean(&found.iter().map(|class| class[i]).collect::<Vec<f64>>());
    MeanAveragePrecision {
        map: mean(found.as_flattened()),
        map_50: at(0),
        map_75: at(5),
        per_class: classes.iter().zip(&found).map(|(&class, found)| (class, mean(found))).collect(),
    }
}

fn average_precision(images: &[Detected], class: u32, threshold: f64) -> f64 {
    let mut hits: Vec<(f32, bool)> =
        images.iter().flat_map(|image| matched(image, class, threshold)).collect();
    hits.sort_by(|a, b| b.0.total_cmp(&a.0));
    let objects = images.iter().flat_map(|i| &i.objects).filter(|o| o.class == class).count();
    let (mut right, mut points) = (0u32, Vec::with_capacity(hits.len()));
    for (i, &(_, hit)) in hits.iter().enumerate() {
        right += u32::from(hit);
        points.push((f64::from(right) / objects as f64, f64::from(right) / (i + 1) as f64));
    }
    interpolated(&points)
}

/// The mean over the sampled recalls of the best precision at that recall or above; `points` are (recall, precision) by rising recall.
fn interpolated(points: &[(f64, f64)]) -> f64 {
    let mut best = vec![0.0; points.len() + 1];
    for (i, &(_, precision)) in points.iter().enumerate().rev() {
        best[i] = precision.max(best[i + 1]);
    }
    let step = 1.0 / (RECALLS - 1) as f64;
    let at = |i: usize| best[points.partition_point(|&(recall, _)| recall < i as f64 * step)];
    (0..RECALLS).map(at).sum::<f64>() / RECALLS as f64
}

/// The scores of an image's detections of a class, by falling score, and whether each is matched to an object.
fn matched(image: &Detected, class: u32, threshold: f64) -> Vec<(f32, bool)> {
    let objects: Vec<&Object> = image.objects.iter().filter(|o| o.class == class).collect();
    let mut detections: Vec<&Detection> = image.detections.iter().filter(|d| d.class == class).collect();
    detections.sort_by(|a, b| b.score.total_cmp(&a.score));
    detections.truncate(MOST);
    let mut free = vec![true; objects.len()];
    let mut take = |detection: &Detection| {
        let overlaps = (0..objects.len()).filter(|&i| free[i]);
        let overlaps = overlaps.map(|i| (i, box_iou(detection.corners, objects[i].corners)));
        let best = overlaps.filter(|&(_, iou)| iou >= threshold).max_by(|a, b| a.1.total_cmp(&b.1));
        best.inspect(|&(i, _)| free[i] = false).is_some()
    };
    detections.iter().map(|detection| (detection.score, take(detection))).collect()
}
