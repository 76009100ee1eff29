//! Knowledge distillation.

use autograd::{Reduction, Tensor};

/// The distance between a student's softened predictions and its teacher's (Hinton, Vinyals and Dean 2015): `T^2 KL(teacher || student)`
/// of `softmax(logits / T)`, averaged over the rows of logits `[N, C]`. The factor `T^2` makes the magnitude of gradients independent of
/// the temperature `T`. The teacher gets no gradient.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::compress::distillation_loss;
/// let device = Device::named("cpu")?;
/// let teacher = Tensor::from_slice(&device, &[2.0f32, 0.0], &[1, 2])?;
/// assert!(distillation_loss(&teacher, &teacher, 2.0).item()?.abs() < 1e-6);
/// // p = sigmoid(1) against one half: 4 (ln 2 + p ln p + (1 - p) ln(1 - p)).
/// let student = Tensor::zeros(&device, &[1, 2]);
/// assert!((distillation_loss(&student, &teacher, 2.0).item()? - 0.443_778).abs() < 1e-5);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the shapes differ, or the temperature is not above 0.
#[track_caller]
pub fn distillation_loss(student: &Tensor, teacher: &Tensor, temperature: f32) -> Tensor {
    assert!(temperature > 0.0, "distillation_loss: a temperature of {temperature}");
    let (ours, theirs) = (student * (1.0 / temperature), teacher.detach() * (1.0 / temperature));
    let divergence = ours.log_softmax(-1).kl_div(&theirs.log_softmax(-1), true, Reduction::BatchMean);
    divergence * (temperature * temperature)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At high temperatures the gradient is that of half the squared distance of centred logits, divided by the number of classes
    /// (section 2.1).
    #[test]
    fn a_high_temperature_matches_logits() {
        let device = autograd::Device::named("cpu").unwrap();
        let student = Tensor::from_slice(&device, &[0.3f32, -0.1, -0.2], &[1, 3]).unwrap().variable();
        let teacher = Tensor::from_slice(&device, &[0.5f32, 0.1, -0.6], &[1, 3]).unwrap();
        let gradients = distillation_loss(&student, &teacher, 50.0).backward();
        let found = gradients.get(&student).unwrap().to_vec::<f32>().unwrap();
        for (found, expected) in found.iter().zip([-0.2f32 / 3.0, -0.2 / 3.0, 0.4 / 3.0]) {
            assert!((found - expected).abs() < 2e-3, "{found} {expected}");
        }
    }
}
