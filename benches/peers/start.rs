//! Initial values and data that are equal in all frameworks, from a counter-based generator, so that losses can be compared.

use wgrad::prelude::*;

/// Number `i` of stream `seed`, in `[0, 1)`: murmur3's finaliser over a counter.
fn uniform(seed: u32, i: u32) -> f64 {
    let mut h = i.wrapping_add(seed.wrapping_mul(0x9E37_79B9));
    h ^= h >> 16;
    h = h.wrapping_mul(0x85EB_CA6B);
    h ^= h >> 13;
    h = h.wrapping_mul(0xC2B2_AE35);
    h ^= h >> 16;
    f64::from(h >> 8) / 16_777_216.0
}

/// A tensor of uniform values in `[-scale, scale)`.
pub fn centred(device: &Device, seed: u32, shape: &[usize], scale: f64) -> wgrad::autograd::Result<Tensor> {
    let count = shape.iter().product::<usize>() as u32;
    let values: Vec<f32> = (0..count).map(|i| ((2.0 * uniform(seed, i) - 1.0) * scale) as f32).collect();
    Tensor::from_slice(device, &values, shape)
}

/// A tensor of uniform integers in `0..classes`.
pub fn integers(
    device: &Device,
    seed: u32,
    shape: &[usize],
    classes: usize,
) -> wgrad::autograd::Result<Tensor> {
    let count = shape.iter().product::<usize>() as u32;
    let values: Vec<i32> = (0..count).map(|i| (uniform(seed, i) * classes as f64) as i32).collect();
    Tensor::from_slice(device, &values, shape)
}

/// Uniform inputs of unit variance.
pub fn inputs(device: &Device, shape: &[usize]) -> wgrad::autograd::Result<Tensor> {
    centred(device, INPUTS, shape, 3f64.sqrt())
}

pub const INPUTS: u32 = 1000;
pub const TARGETS: u32 = 1001;

/// Initialises parameters: matrices and filters get uniform values in `[-scale(shape), scale(shape))`, from stream k + 1 for trainable
/// parameter k. Biases become 0; norms keep their values.
pub fn parameters(params: &Params, scale: impl Fn(&[usize]) -> f64) -> wgrad::autograd::Result<()> {
    for (k, param) in params.trainable().into_iter().enumerate() {
        let shape = param.value().shape().to_vec();
        if shape.len() > 1 {
            param.set(&centred(params.device(), k as u32 + 1, &shape, scale(&shape))?);
        }
    }
    params.redraw("*bias*", Init::ZEROS);
    Ok(())
}

/// The fan-in of a weight `[out, in, k..]`.
pub fn fan_in(shape: &[usize]) -> f64 {
    shape[1..].iter().product::<usize>() as f64
}
