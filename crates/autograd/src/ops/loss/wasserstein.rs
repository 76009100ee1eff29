//! Losses of a generator and its critic.

use crate::{Tensor, grad};

/// The loss of a Wasserstein critic, from its scores of real and generated examples: `mean(fake) - mean(real)` (Arjovsky et al. 2017).
/// The generator's loss is `-mean(fake)`.
///
/// ```
/// # use autograd::{Device, Tensor, wasserstein_critic_loss};
/// let device = Device::named("cpu")?;
/// let [real, fake] = [[3.0f32, 5.0], [1.0, 2.0]].map(|v| Tensor::constant(&device, &v, &[2]));
/// assert_eq!(wasserstein_critic_loss(&real, &fake).item()?, -2.5);
/// # Ok::<(), autograd::Error>(())
/// ```
#[track_caller]
pub fn wasserstein_critic_loss(real: &Tensor, fake: &Tensor) -> Tensor {
    fake.mean_all() - real.mean_all()
}

/// The gradient penalty of a critic (Gulrajani et al. 2017): `mean((|slope| - 1)^2)` of its slopes between real and generated examples
/// `[N, ..]`, at `mix * real + (1 - mix) * fake`, where `mix [N]` is uniform in `[0, 1)`. The penalty's own gradient, of second order,
/// goes to the critic's parameters.
///
/// ```
/// # use autograd::{Device, Tensor, gradient_penalty};
/// let device = Device::named("cpu")?;
/// let weight = Tensor::from_slice(&device, &[3.0f32, 4.0], &[1, 2])?.variable();
/// let (x, mix) = (Tensor::ones(&device, &[2, 2]), Tensor::full(&device, 0.5, &[2]));
/// let penalty = gradient_penalty(|x| x.linear(&weight, None), &x, &x.zeros_like(), &mix);
/// assert!((penalty.item()? - 16.0).abs() < 1e-5);
/// // 2 (|w| - 1) w / |w|
/// let slope = penalty.backward().get(&weight).unwrap().to_vec::<f32>()?;
/// assert!((slope[0] - 4.8).abs() < 1e-5 && (slope[1] - 6.4).abs() < 1e-5);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the shapes do not fit, or the critic's scores do not depend on the examples.
#[track_caller]
pub fn gradient_penalty(
    critic: impl FnOnce(&Tensor) -> Tensor,
    real: &Tensor,
    fake: &Tensor,
    mix: &Tensor,
) -> Tensor {
    let shapes = format!("real {:?}, fake {:?}, mix {:?}", real.shape(), fake.shape(), mix.shape());
    let fits = real.shape() == fake.shape() && real.rank() > 1 && mix.shape() == &real.shape()[..1];
    assert!(fits, "gradient_penalty: {shapes}");
    let column = [&[real.shape()[0]][..], &vec![1; real.rank() - 1]].concat();
    let between = fake.lerp(real, mix.reshape(&column)).detach().variable();
    let slopes = grad(&critic(&between).sum_all(), &[&between]).remove(0);
    let slopes = slopes.expect("gradient_penalty: the scores do not depend on the examples");
    (slopes.flatten(1, -1).norm(2.0, &[1], false) - 1.0).square().mean_all()
}
