//! Anchors: reference boxes all over an image, which a detector classifies and corrects.

use data::Corners;

/// Anchors of one feature map: boxes of every size and ratio around the centre of each of its cells (Ren et al. 2015).
///
/// ```
/// use methods::detection::AnchorGrid;
/// let anchors = AnchorGrid { stride: 8.0, sizes: vec![8.0], ratios: vec![1.0, 4.0] }.anchors([1, 2]);
/// assert_eq!(anchors[..2], [[0.0, 0.0, 8.0, 8.0], [2.0, -4.0, 6.0, 12.0]]);
/// assert_eq!(anchors[2..], [[8.0, 0.0, 16.0, 8.0], [10.0, -4.0, 14.0, 12.0]]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct AnchorGrid {
    /// Pixels of the image per cell.
    pub stride: f32,
    /// Square roots of areas, in pixels.
    pub sizes: Vec<f32>,
    /// Heights over widths.
    pub ratios: Vec<f32>,
}

impl AnchorGrid {
    /// The number of anchors per cell.
    pub fn per_cell(&self) -> usize {
        self.sizes.len() * self.ratios.len()
    }

    /// The anchors of a map of `[rows, columns]`, row by row; those of a cell are consecutive, by size and then ratio. The order is that of
    /// a head's output `[N, A * K, H, W]` permuted to `[N, H * W * A, K]`.
    pub fn anchors(&self, [rows, columns]: [usize; 2]) -> Vec<Corners> {
        let mut anchors = Vec::with_capacity(rows * columns * self.per_cell());
        for row in 0..rows {
            for column in 0..columns {
                let centre = |i: usize| (i as f32 + 0.5) * self.stride;
                let (x, y) = (centre(column), centre(row));
                for size in &self.sizes {
                    anchors.extend(self.ratios.iter().map(|ratio| {
                        let (w, h) = (0.5 * size / ratio.sqrt(), 0.5 * size * ratio.sqrt());
                        [x - w, y - h, x + w, y + h]
                    }));
                }
            }
        }
        anchors
    }
}
