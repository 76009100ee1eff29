//! Copies of images with the channels of a pixel side by side.

use std::ops::Range;

use super::{Segment, TILE};
use crate::kernels::interpreter::BLOCK;
use crate::kernels::prologue::Reader;

/// Channels side by side.
pub(super) const GROUP: usize = 16;
/// Floats of a copy that fits the L1 cache.
const FEW: usize = 5 * 1024;

/// Zero-padded rows of an image that is cut into tiles, each with a patch of pixels.
pub(super) struct Pixels {
    /// Height and width of the image.
    size: [usize; 2],
    padding: [usize; 2],
    /// Tiles of a row, and rows of tiles that are copied together.
    cols: usize,
    rows: usize,
    /// Rows and columns of a patch.
    patch: usize,
}

impl Pixels {
    pub fn new(size: [usize; 2], padding: [usize; 2], tiles: [usize; 2], patch: usize) -> Pixels {
        let mut pixels = Pixels { size, padding, cols: tiles[1], rows: 1, patch };
        while pixels.rows < tiles[0] && pixels.len() < FEW {
            pixels.rows += 1;
        }
        pixels
    }

    fn pitch(&self) -> usize {
        (self.cols - 1) * TILE + self.patch
    }

    /// Floats of a copy.
    pub fn len(&self) -> usize {
        ((self.rows - 1) * TILE + self.patch) * self.pitch() * GROUP
    }

    /// Calls `f(number in the segment, first pixel of the patch, pixels of a row)` for every tile of a segment, with the
    /// given channels (of all images' channels, at most `GROUP`) side by side.
    #[inline(always)]
    pub fn visit(
        &self,
        x: &mut Reader<f32>,
        channels: Range<usize>,
        segment: &Segment,
        copy: &mut [f32],
        mut f: impl FnMut(usize, *const f32, usize),
    ) {
        let (first, last) = (segment.tiles.start / self.cols, (segment.tiles.end - 1) / self.cols);
        for top in (first..=last).step_by(self.rows) {
            let rows = self.rows.min(last + 1 - top);
            self.fill(x, channels.clone(), top * TILE, (rows - 1) * TILE + self.patch, copy);
            let tiles =
                (top * self.cols).max(segment.tiles.start)..((top + rows) * self.cols).min(segment.tiles.end);
            for tile in tiles {
                let at = (tile / self.cols - top) * TILE * self.pitch() + tile % self.cols * TILE;
                f(tile - segment.tiles.start, copy[at * GROUP..].as_ptr(), self.pitch());
            }
        }
    }

    /// Copies padded rows `top..top + rows`.
    #[inline(always)]
    fn fill(&self, x: &mut Reader<f32>, channels: Range<usize>, top: usize, rows: usize, copy: &mut [f32]) {
        let ([height, width], pitch) = (self.size, self.pitch());
        copy[..rows * pitch * GROUP].fill(0.0);
        // Rows of the unpadded image; all of them if several small channels are read together.
        let together = (BLOCK / (height * width)).clamp(1, GROUP);
        let inside = |row: usize| row.saturating_sub(self.padding[0]).min(height);
        let (low, high) = (inside(top), inside(top + rows));
        let count = width.min(pitch - self.padding[1]);
        for channel in channels.clone().step_by(together) {
            let n = together.min(channels.end - channel);
            let (from, to) = if n == 1 { (low, high) } else { (0, height) };
            let values = x.read((channel * height + from) * width, ((n - 1) * height + to - from) * width);
            for c in 0..n {
                for row in low..high {
                    let values = &values[(c * height + row - from) * width..][..count];
                    let at = (row + self.padding[0] - top) * pitch + self.padding[1];
                    let out = &mut copy[at * GROUP + channel - channels.start + c..];
                    out.iter_mut().step_by(GROUP).zip(values).for_each(|(o, v)| *o = *v);
                }
            }
        }
    }
}
