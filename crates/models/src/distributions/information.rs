//! Information that two variables share.

use autograd::Tensor;

/// The mutual information in nats, `[..]`, of two variables with joint probabilities `[.., A, B]` (Shannon 1948).
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::distributions::mutual_information;
/// let device = Device::named("cpu")?;
/// // Two equal fair coins, and two independent ones.
/// let tables = [0.5f32, 0.0, 0.0, 0.5, 0.25, 0.25, 0.25, 0.25];
/// let known = mutual_information(&Tensor::from_slice(&device, &tables, &[2, 2, 2])?).to_vec::<f32>()?;
/// assert!((known[0] - 2f32.ln()).abs() < 1e-6 && known[1].abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When `joint` has fewer than two dimensions.
#[track_caller]
pub fn mutual_information(joint: &Tensor) -> Tensor {
    assert!(joint.rank() >= 2, "mutual_information: of {:?}, which is not [.., A, B]", joint.shape());
    let neg_entropy = |p: &Tensor| p.xlogy(p).sum(&[-2, -1], false);
    let [first, second] = [-1, -2].map(|dim| joint.sum(&[dim], true));
    neg_entropy(joint) - neg_entropy(&first) - neg_entropy(&second)
}
