//! Attributions by covering parts of the image.

use autograd::{Tensor, cat};

/// How much the score of an image `[C, H, W]` falls when the square of `patch x patch` pixels around each pixel is set to `value`: `[H, W]`
/// (Zeiler and Fergus 2014).
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::attribution::occlusion;
/// let device = Device::named("cpu")?;
/// let x = Tensor::constant(&device, &[0.0f32, 0.0, 5.0, 0.0], &[1, 1, 4]);
/// let map = occlusion(&x, 3, 0.0, |x| x.sum(&[1, 2, 3], false));
/// assert_eq!(map.to_vec::<f32>()?, [0.0, 5.0, 5.0, 5.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the image is not three-dimensional, or `patch` is even.
#[track_caller]
pub fn occlusion(image: &Tensor, patch: usize, value: f32, score: impl Fn(&Tensor) -> Tensor) -> Tensor {
    let shape = image.shape();
    assert!(shape.len() == 3 && patch % 2 == 1, "occlusion: image {shape:?}, patch {patch}");
    let (image, h, w) = (image.detach(), shape[1], shape[2]);
    let covers = |i: usize, at: usize| at.abs_diff(i) <= patch / 2;
    let row = |y: usize| {
        let hidden = (0..w).flat_map(|x| (0..h * w).map(move |i| covers(i / w, y) && covers(i % w, x)));
        let hidden: Vec<f32> = hidden.map(|hidden| f32::from(u8::from(hidden))).collect();
        let hidden = Tensor::constant(image.device(), &hidden, &[w, 1, h, w]);
        let covered = image.unsqueeze(0).masked_fill(&hidden.gt(0.0), value);
        score(&covered)
    };
    let rows: Vec<Tensor> = (0..h).map(row).collect();
    let scores = cat(&rows.iter().collect::<Vec<_>>(), 0).reshape(&[h, w]);
    score(&image.unsqueeze(0)).reshape(&[1, 1]) - scores
}
