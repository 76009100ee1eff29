//! The time embedding of a diffusion model's network, and guidance of its output.

use autograd::Tensor;

/// The sinusoidal embedding of times `t [N]` (f32): `[N, width]` with `cos` and then `sin` of `t / 10000^(2i / width)` (Vaswani et al.
/// 2017; Ho et al. 2020 use it for the usually 1000 steps of a diffusion).
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::generative::timestep_embedding;
/// let t = Tensor::from_slice(&Device::named("cpu")?, &[0.0f32, 2.0], &[2])?;
/// let waves = timestep_embedding(&t, 4).to_vec::<f32>()?;
/// assert_eq!(waves[..4], [1.0, 1.0, 0.0, 0.0]);
/// assert!((waves[6] - 2f32.sin()).abs() < 1e-6 && (waves[7] - 0.02f32.sin()).abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When `t` is not one-dimensional, or `width` is odd or 0.
#[track_caller]
pub fn timestep_embedding(t: &Tensor, width: usize) -> Tensor {
    let fits = t.rank() == 1 && width > 0 && width.is_multiple_of(2);
    assert!(fits, "timestep_embedding: times {:?}, width {width}", t.shape());
    // 10000^(-2 i / width)
    let rates = (Tensor::arange(t.device(), width / 2).to(autograd::DType::F32)
        * (-2.0 * 10_000f32.ln() / width as f32))
        .exp();
    let angles = t.unsqueeze(1) * rates.unsqueeze(0);
    autograd::cat(&[&angles.cos(), &angles.sin()], 1)
}

/// The guided output of a model trained with and without conditions (Ho and Salimans 2022): `unconditional + weight (conditional -
/// unconditional)`. Weight 0 ignores the condition, 1 is the conditional model, and larger weights exaggerate the condition. The paper's
/// weight is `weight - 1`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::generative::classifier_free_guidance;
/// let device = Device::named("cpu")?;
/// let [with, without] = [3.0, 1.0].map(|v| Tensor::full(&device, v, &[2]));
/// assert_eq!(classifier_free_guidance(&with, &without, 2.0).to_vec::<f32>()?, [5.0; 2]);
/// # Ok::<(), autograd::Error>(())
/// ```
#[track_caller]
pub fn classifier_free_guidance(conditional: &Tensor, unconditional: &Tensor, weight: f32) -> Tensor {
    unconditional + (conditional - unconditional) * weight
}
