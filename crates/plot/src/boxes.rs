//! Boxes drawn on images, for [`GridImage`](crate::GridImage).

use crate::theme::Theme;

/// An image, grey `[height, width]` or RGB `[3, height, width]`, enlarged `zoom` times without smoothing, with the
/// outlines of boxes `[left, top, right, bottom]` in the colours of their numbers: RGB `[3, zoom * height, zoom * width]`.
///
/// ```
/// use plot::outlined;
/// let drawn = outlined(&[7; 4], [2, 2], 2, &[([0.0, 0.0, 2.0, 1.0], 0)]);
/// assert_eq!(drawn.len(), 3 * 4 * 4);
/// // The box fills the upper two rows with its outline; below it is the image.
/// assert!(drawn[0] != 7 && drawn[8..16] == [7; 8]);
/// ```
///
/// # Panics
/// If the image has another size.
#[track_caller]
pub fn outlined(
    image: &[u8],
    [height, width]: [usize; 2],
    zoom: usize,
    boxes: &[([f32; 4], u32)],
) -> Vec<u8> {
    let area = height * width;
    assert!(
        image.len() == area || image.len() == 3 * area,
        "outlined: {} bytes of {height}x{width}",
        image.len()
    );
    let last = if image.len() == area { 0 } else { 2 };
    let (rows, columns) = (height * zoom, width * zoom);
    let pixel = |channel: usize, at: usize| {
        let (y, x) = (at / columns, at % columns);
        image[channel.min(last) * area + y / zoom * width + x / zoom]
    };
    let mut drawn: Vec<u8> =
        (0..3 * rows * columns).map(|i| pixel(i / (rows * columns), i % (rows * columns))).collect();
    for &(corners, number) in boxes {
        let color = Theme::Light.colors().series(number as usize);
        let place = |at: f32, end: usize| (at * zoom as f32).round().clamp(0.0, end as f32) as usize;
        let [left, right] = [corners[0], corners[2]].map(|x| place(x, columns));
        let [top, bottom] = [corners[1], corners[3]].map(|y| place(y, rows));
        for (y, x) in (top..bottom).flat_map(|y| (left..right).map(move |x| (y, x))) {
            if y == top || y + 1 == bottom || x == left || x + 1 == right {
                for (channel, value) in [color.0, color.1, color.2].into_iter().enumerate() {
                    drawn[channel * rows * columns + y * columns + x] = value;
                }
            }
        }
    }
    drawn
}
