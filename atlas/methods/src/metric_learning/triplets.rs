//! A triplet loss with mining of semi-hard negatives.

use autograd::{DType, Tensor};

/// The triplet loss with semi-hard negatives (FaceNet, Schroff, Kalenichenko and Philbin 2015): the mean over all pairs of embeddings of a
/// class in the batch of `max(0, d(anchor, positive) - d(anchor, negative) + margin)` with squared distances, where the negative is the
/// closest one farther from the anchor than the positive, or the farthest one if there is none. Embeddings `[N, D]` are usually normalised;
/// labels `[N]`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::metric_learning::semi_hard_triplet_loss;
/// let device = Device::named("cpu")?;
/// let x = Tensor::constant(&device, &[0.0f32, 1.0, 1.1, 3.0], &[4, 1]);
/// let labels = Tensor::constant(&device, &[0i32, 0, 1, 1], &[4]);
/// // Pairs (0, 1), (1, 0), (2, 3) and (3, 2): squared distances to the positive and to the selected negative.
/// let triplets = [[1.0, 1.21], [1.0, 4.0], [3.61, 1.21], [3.61, 4.0]];
/// let want = triplets.map(|[p, n]: [f32; 2]| (p - n + 0.5).max(0.0)).iter().sum::<f32>() / 4.0;
/// assert!((semi_hard_triplet_loss(&x, &labels, 0.5).item()? - want).abs() < 1e-5);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the embeddings are not `[N, D]` with as many labels.
#[track_caller]
pub fn semi_hard_triplet_loss(embeddings: &Tensor, labels: &Tensor, margin: f32) -> Tensor {
    let (x, n) = (embeddings.shape(), labels.numel());
    assert!(x.len() == 2 && labels.shape() == [x[0]], "semi_hard_triplet_loss: embeddings {x:?}, {n} labels");
    let squares = embeddings.square().sum(&[1], true);
    let products = embeddings.matmul(&embeddings.t());
    let distance = (&squares + squares.t() - products * 2.0).clamp_min(0.0);
    let same = labels.unsqueeze(0).eq(labels.unsqueeze(1));
    // [anchor, positive, negative]
    let of_negative = distance.unsqueeze(1);
    let semi_hard = same.unsqueeze(1).logical_not().logical_and(of_negative.gt(distance.unsqueeze(2)));
    let none = f32::MAX;
    let closest =
        of_negative.expand(&[n, n, n]).masked_fill(&semi_hard.logical_not(), none).amin(&[2], false);
    let farthest = distance.masked_fill(&same, 0.0).amax(&[1], true).expand(&[n, n]);
    let negative = farthest.where_(&closest.ge(none), &closest);
    let other = Tensor::arange(embeddings.device(), n);
    let pairs = same.logical_and(other.unsqueeze(0).ne(other.unsqueeze(1))).to(DType::F32);
    let losses = (distance - negative + margin).clamp_min(0.0) * &pairs;
    losses.sum_all() / pairs.sum_all().clamp_min(1.0)
}

#[cfg(test)]
mod tests {
    use autograd::Device;

    use super::*;

    #[test]
    fn it_takes_the_triplets_of_the_paper() {
        let device = Device::named("cpu").unwrap();
        let (n, d) = (9, 3);
        let values: Vec<f32> = (0..n * d).map(|i| ((i * 37) % 29) as f32 / 29.0).collect();
        let labels: Vec<i32> = (0..n).map(|i| (i * i % 4) as i32).collect();
        let x = Tensor::from_slice(&device, &values, &[n, d]).unwrap();
        let found = semi_hard_triplet_loss(&x, &Tensor::from_slice(&device, &labels, &[n]).unwrap(), 0.2);
        let distance =
            |a: usize, b: usize| (0..d).map(|k| (values[a * d + k] - values[b * d + k]).powi(2)).sum::<f32>();
        let mut losses = vec![];
        for (a, p) in (0..n * n).map(|i| (i / n, i % n)).filter(|&(a, p)| a != p && labels[a] == labels[p]) {
            let negatives = (0..n).filter(|&i| labels[i] != labels[a]).map(|i| distance(a, i));
            let mut negatives: Vec<f32> = negatives.collect();
            negatives.sort_by(f32::total_cmp);
            let semi_hard = negatives.iter().copied().find(|&far| far > distance(a, p));
            let negative = semi_hard.unwrap_or(negatives[negatives.len() - 1]);
            losses.push((distance(a, p) - negative + 0.2).max(0.0));
        }
        let want = losses.iter().sum::<f32>() / losses.len() as f32;
        assert!((found.item().unwrap() - want).abs() < 1e-5);
    }
}
