//! Similarity of images.

/// The peak signal-to-noise ratio in decibels, `10 log10(peak^2 / MSE)`, of values from 0 to `peak`; infinite for equal
/// images.
///
/// ```
/// use train::metrics::psnr;
/// assert!((psnr(&[0.0, 1.0], &[0.1, 0.9], 1.0) - 20.0).abs() < 1e-5);
/// ```
///
/// # Panics
/// When the numbers of values differ, or there are none.
#[doc(alias = "PeakSignalNoiseRatio")]
#[track_caller]
pub fn psnr(image: &[f32], target: &[f32], peak: f64) -> f64 {
    assert!(!image.is_empty() && image.len() == target.len(), "psnr: {} and {}", image.len(), target.len());
    let squares = image.iter().zip(target).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2));
    10.0 * (peak * peak * image.len() as f64 / squares.sum::<f64>()).log10()
}

/// The mean structural similarity of planes `[.., height, width]` of values from 0 to `peak` (Wang et al. 2004), with
/// uniform windows of 7x7 and unbiased variances, as in `skimage.metrics.structural_similarity`: 1 for equal images,
/// about 0 for unrelated ones.
///
/// ```
/// use train::metrics::ssim;
/// let image: Vec<f32> = (0..64).map(|i| (i * 37 % 64) as f32 / 64.0).collect();
/// assert_eq!(ssim(&image, &image, [8, 8], 1.0), 1.0);
/// let flat = [0.5; 64];
/// assert!(ssim(&image, &flat, [8, 8], 1.0) < 0.05);
/// ```
///
/// # Panics
/// When the numbers of values differ or are not a multiple of the plane's, or the planes are smaller than a window.
#[doc(alias = "StructuralSimilarityIndexMeasure")]
#[track_caller]
pub fn ssim(image: &[f32], target: &[f32], [height, width]: [usize; 2], peak: f64) -> f64 {
    const SIDE: usize = 7;
    let fits = image.len() == target.len() && height >= SIDE && width >= SIDE;
    assert!(
        fits && image.len().is_multiple_of(height * width),
        "ssim: sizes {} and {}",
        image.len(),
        target.len()
    );
    let (c1, c2) = ((0.01 * peak).powi(2), (0.03 * peak).powi(2));
    let window = |start: usize| {
        let places = (0..SIDE * SIDE).map(|i| start + i / SIDE * width + i % SIDE);
        let pairs: Vec<[f64; 2]> = places.map(|i| [image[i].into(), target[i].into()]).collect();
        let count = pairs.len() as f64;
        let mean = [0, 1].map(|k| pairs.iter().map(|pair| pair[k]).sum::<f64>() / count);
        let moment = |a: usize, b: usize| {
            pairs.iter().map(|p| (p[a] - mean[a]) * (p[b] - mean[b])).sum::<f64>() / (count - 1.0)
        };
        let light = (2.0 * mean[0] * mean[1] + c1) / (mean[0] * mean[0] + mean[1] * mean[1] + c1);
        light * (2.0 * moment(0, 1) + c2) / (moment(0, 0) + moment(1, 1) + c2)
    };
    let (rows, columns, planes) = (height - SIDE + 1, width - SIDE + 1, image.len() / (height * width));
    let start = |i: usize| {
        let (plane, place) = (i / (rows * columns), i % (rows * columns));
        plane * height * width + place / columns * width + place % columns
    };
    (0..planes * rows * columns).map(|i| window(start(i))).sum::<f64>() / (planes * rows * columns) as f64
}
