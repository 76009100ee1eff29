//! Numbers as images: filters, feature maps, attention and attributions, for [`GridImage`](crate::GridImage).

use crate::color_map::ColorMap;
use crate::theme::Theme;

/// Values `[height, width]` as RGB bytes `[3, height, width]`, coloured from `low` to `high`.
///
/// ```
/// use plot::{ColorMap, Theme, colored};
/// assert_eq!(colored(&[0.0, 1.0], 0.0, 1.0, ColorMap::Grey, Theme::Light), [0, 255, 0, 255, 0, 255]);
/// ```
pub fn colored(values: &[f32], low: f32, high: f32, colors: ColorMap, theme: Theme) -> Vec<u8> {
    let share = |&value: &f32| f64::from(value - low) / f64::from(high - low).max(f64::MIN_POSITIVE);
    let pixels: Vec<[u8; 3]> = values.iter().map(|value| colors.rgb(share(value), theme)).collect();
    (0..3).flat_map(|channel| pixels.iter().map(move |pixel| pixel[channel])).collect()
}

/// An image with values laid over it: the colours cover `strength` of the image where a value is `high`, nothing where it is
/// `low`, and a proportional share between. The image is grey `[height * width]` or RGB `[3 * height * width]`, the result RGB.
///
/// # Panics
/// If the image does not have as many bytes, or three times as many, as there are values.
#[track_caller]
pub fn overlay(image: &[u8], values: &[f32], low: f32, high: f32, strength: f64) -> Vec<u8> {
    let plane = values.len();
    assert!(
        image.len() == plane || image.len() == 3 * plane,
        "overlay: {} bytes under {plane} values",
        image.len()
    );
    let last = if image.len() == plane { 0 } else { 2 };
    let share =
        |value: f32| (f64::from(value - low) / f64::from(high - low).max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
    let blend = |channel: usize, i: usize| {
        let share = if values[i].is_nan() { 0.0 } else { share(values[i]) };
        let ground = f64::from(image[channel.min(last) * plane + i]);
        let color = f64::from(ColorMap::Viridis.rgb(share, Theme::Light)[channel]);
        let weight = strength * share;
        (ground + weight * (color - ground)).round() as u8
    };
    (0..3 * plane).map(|at| blend(at / plane, at % plane)).collect()
}
