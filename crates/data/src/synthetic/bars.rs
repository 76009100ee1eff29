//! Bars and stripes: a distribution of small images that can be enumerated.

use crate::Matrix;

/// The images of `side` x `side` binary pixels whose rows are all full or empty, or whose columns are (MacKay 2003, section 43.2):
/// `[2^(side + 1) - 2, side^2]`, each one once.
///
/// ```
/// let images = data::synthetic::bars_and_stripes(2);
/// assert_eq!((images.rows(), images.columns()), (6, 4));
/// assert_eq!((images.row(1), images.row(4)), (&[1.0, 0.0, 1.0, 0.0][..], &[1.0, 1.0, 0.0, 0.0][..]));
/// ```
///
/// # Panics
/// If the side is not from 1 to 20.
#[track_caller]
pub fn bars_and_stripes(side: usize) -> Matrix {
    assert!((1..=20).contains(&side), "bars_and_stripes: a side of {side} pixels");
    let full = |state: usize, i: usize| (state >> i & 1) as f32;
    let columns = (0..1 << side).flat_map(|s| (0..side * side).map(move |i| full(s, i % side)));
    // Without the empty and the full image, which are there already.
    let rows = (1..(1 << side) - 1).flat_map(|s| (0..side * side).map(move |i| full(s, i / side)));
    Matrix::new(columns.chain(rows).collect(), side * side).expect("as many numbers as pixels")
}
