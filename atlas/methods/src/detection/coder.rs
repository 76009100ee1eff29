//! Boxes as offsets from anchors.

use autograd::{Tensor, cat};

/// Upper limit of the log size ratio in decoding, Detectron's `ln(1000 / 16)`.
const MOST: f32 = 4.135_166_6;

/// Boxes as offsets from anchors (Girshick et al. 2014): the distances between the centres in units of the anchor's size, and the
/// logarithms of the size ratios, `(dx, dy, dw, dh)`, each times a weight. Faster R-CNN uses weights of 1 for anchors and `[10, 10, 5, 5]`
/// for proposals, SSD `[10, 10, 5, 5]`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::detection::BoxCoder;
/// let device = Device::named("cpu")?;
/// let anchors = Tensor::constant(&device, &[0.0f32, 0.0, 4.0, 4.0], &[1, 4]);
/// let boxes = Tensor::constant(&device, &[2.0f32, 0.0, 6.0, 8.0], &[1, 4]);
/// let coder = BoxCoder::default();
/// let deltas = coder.encode(&boxes, &anchors);
/// assert_eq!(deltas.to_vec::<f32>()?, [0.5, 0.5, 0.0, 2f32.ln()]);
/// assert_eq!(coder.decode(&deltas, &anchors).to_vec::<f32>()?, [2.0, 0.0, 6.0, 8.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoxCoder {
    /// Factors of the offsets x, y, width and height.
    pub weights: [f32; 4],
}

impl Default for BoxCoder {
    /// Weights of 1.
    fn default() -> BoxCoder {
        BoxCoder { weights: [1.0; 4] }
    }
}

impl BoxCoder {
    /// Boxes and anchors `[.., 4]` to offsets `[.., 4]`; the leading dimensions broadcast.
    #[track_caller]
    pub fn encode(&self, boxes: &Tensor, anchors: &Tensor) -> Tensor {
        let (centre, size) = centre_and_size(boxes);
        let (from, unit) = centre_and_size(anchors);
        cat(&[&((centre - from) / &unit), &(size / &unit).log()], -1) * self.scale(boxes)
    }

    /// Offsets and anchors `[.., 4]` to boxes `[.., 4]`, the inverse of [`encode`](BoxCoder::encode).
    #[track_caller]
    pub fn decode(&self, deltas: &Tensor, anchors: &Tensor) -> Tensor {
        let deltas = deltas / self.scale(deltas);
        let (from, unit) = centre_and_size(anchors);
        let centre = deltas.narrow(-1, 0, 2) * &unit + from;
        let half = deltas.narrow(-1, 2, 2).clamp_max(MOST).exp() * unit * 0.5;
        cat(&[&(&centre - &half), &(&centre + &half)], -1)
    }

    fn scale(&self, beside: &Tensor) -> Tensor {
        Tensor::constant(beside.device(), &self.weights, &[4])
    }
}

#[track_caller]
fn centre_and_size(boxes: &Tensor) -> (Tensor, Tensor) {
    assert_eq!(boxes.shape().last(), Some(&4), "BoxCoder: boxes {:?} do not end in 4", boxes.shape());
    let (low, high) = (boxes.narrow(-1, 0, 2), boxes.narrow(-1, 2, 2));
    ((&low + &high) * 0.5, high - low)
}
