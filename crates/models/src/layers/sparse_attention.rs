//! The mask of strided sparse attention.

use autograd::{DType, Device, Tensor};

/// The mask `[T, T]` of strided sparse attention (Child et al. 2019): a position sees itself, the `stride` positions before it, and all
/// earlier positions at a distance that is a multiple of `stride`. No position sees later ones.
///
/// ```
/// use autograd::{Device, DType};
/// use models::strided_attention_mask;
/// let mask = strided_attention_mask(&Device::named("cpu")?, 5, 2);
/// let last_row = &mask.to(DType::I32).to_vec::<i32>()?[20..];
/// assert_eq!(last_row, [0, 1, 0, 0, 0]);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the stride is 0.
#[track_caller]
pub fn strided_attention_mask(device: &Device, positions: usize, stride: usize) -> Tensor {
    assert!(stride > 0, "strided_attention_mask: of stride 0");
    let seen = |query: usize, key: usize| {
        key <= query && (query - key <= stride || (query - key).is_multiple_of(stride))
    };
    let hidden = |i: usize| i32::from(!seen(i / positions, i % positions));
    let hidden: Vec<i32> = (0..positions * positions).map(hidden).collect();
    Tensor::constant(device, &hidden, &[positions, positions]).to(DType::Bool)
}
