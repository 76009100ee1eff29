//! Few-shot classification from a few examples per class.

use autograd::Tensor;

/// Logits `[Q, ways]` from prototypes (Snell, Swersky and Zemel 2017), for a cross-entropy: minus the squared distance of each query `[Q,
/// D]` from the mean of each class's examples `[S, D]`, with `labels [S]` (i32) below `ways`.
///
/// ```
/// use autograd::{Device, Tensor};
/// let device = Device::named("cpu")?;
/// let support = Tensor::from_slice(&device, &[0.0f32, 2.0, 5.0], &[3, 1])?;
/// let labels = Tensor::from_slice(&device, &[0i32, 0, 1], &[3])?;
/// let query = Tensor::from_slice(&device, &[4.0f32], &[1, 1])?;
/// let logits = methods::representation::prototypical_logits(&query, &support, &labels, 2);
/// assert_eq!(logits.to_vec::<f32>()?, [-9.0, -1.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the shapes do not fit.
#[track_caller]
pub fn prototypical_logits(queries: &Tensor, support: &Tensor, labels: &Tensor, ways: usize) -> Tensor {
    let prototypes = support.segment_mean(labels, ways);
    -(queries.unsqueeze(1) - prototypes.unsqueeze(0)).square().sum(&[2], false)
}

/// Log-probabilities `[Q, ways]` by attention (matching networks, Vinyals et al. 2016): each query `[Q, D]` attends to the examples `[S,
/// D]` by a softmax of cosines over `temperature`; the probability of a class is the attention on its examples.
///
/// ```
/// use autograd::{Device, Tensor};
/// let device = Device::named("cpu")?;
/// let support = Tensor::from_slice(&device, &[1.0f32, 0.0, 0.0, 1.0, 0.0, 2.0], &[3, 2])?;
/// let labels = Tensor::from_slice(&device, &[0i32, 1, 1], &[3])?;
/// let query = Tensor::from_slice(&device, &[3.0f32, 0.0], &[1, 2])?;
/// let p = methods::representation::matching_log_probs(&query, &support, &labels, 2, 1.0).exp().to_vec::<f32>()?;
/// let e = 1f32.exp(); // cosines 1, 0 and 0
/// assert!((p[0] - e / (e + 2.0)).abs() < 1e-6 && (p[0] + p[1] - 1.0).abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the shapes do not fit.
#[track_caller]
pub fn matching_log_probs(
    queries: &Tensor,
    support: &Tensor,
    labels: &Tensor,
    ways: usize,
    temperature: f32,
) -> Tensor {
    let [queries, support] = [queries, support].map(|vectors| vectors.normalize(2.0, 1, 1e-8));
    let attention = (queries.matmul(&support.t()) / temperature).log_softmax(1);
    // Examples of other classes have no weight.
    let others = labels.one_hot(ways).eq(0.0).unsqueeze(0);
    let by_class = attention.unsqueeze(2).expand(&[queries.size(0), support.size(0), ways]);
    by_class.masked_fill(&others, f32::NEG_INFINITY).logsumexp(&[1], false)
}
