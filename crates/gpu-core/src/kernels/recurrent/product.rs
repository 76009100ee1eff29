//! Products of a few rows with a matrix that is packed once and used at every step.

use pulp::{Arch, Simd, WithSimd};

/// Columns of a panel.
const PANEL: usize = 32;

/// A matrix `[depth, cols]` as panels of 32 columns, each stored `[depth, 32]`; the last one is filled up with zeros.
#[derive(Clone, Copy)]
pub(super) struct Panels<'a> {
    data: &'a [f32],
    depth: usize,
    cols: usize,
}

impl<'a> Panels<'a> {
    /// Floats of the packed matrix.
    pub fn floats(depth: usize, cols: usize) -> usize {
        depth * cols.next_multiple_of(PANEL)
    }

    /// Packs `w [depth, cols]`.
    pub fn new(w: &[f32], depth: usize, cols: usize, memory: &'a mut [f32]) -> Panels<'a> {
        Panels::pack(depth, cols, memory, |panel, k, lanes| {
            let first = k * cols + panel * PANEL;
            lanes.copy_from_slice(&w[first..first + lanes.len()]);
        })
    }

    /// Packs the transpose of `w [cols, depth]`.
    pub fn transposed(w: &[f32], depth: usize, cols: usize, memory: &'a mut [f32]) -> Panels<'a> {
        Panels::pack(depth, cols, memory, |panel, k, lanes| {
            let column = panel * PANEL * depth + k;
            lanes.iter_mut().enumerate().for_each(|(c, lane)| *lane = w[column + c * depth]);
        })
    }

    /// Packs a matrix: `fill(panel, k, lanes)` writes the columns of a panel in row `k`.
    fn pack(
        depth: usize,
        cols: usize,
        memory: &'a mut [f32],
        fill: impl Fn(usize, usize, &mut [f32]),
    ) -> Panels<'a> {
        let data = &mut memory[..Panels::floats(depth, cols)];
        for (p, panel) in data.chunks_exact_mut(depth * PANEL).enumerate() {
            let width = PANEL.min(cols - p * PANEL);
            for (k, lanes) in panel.chunks_exact_mut(PANEL).enumerate() {
                fill(p, k, &mut lanes[..width]);
                lanes[width..].fill(0.0);
            }
        }
        Panels { data, depth, cols }
    }

    /// `out += a x self` with `out [rows, cols]`, and rows of `a`, each `depth` long, `step` apart.
    pub fn add_product(&self, a: &[f32], step: usize, out: &mut [f32]) {
        let rows = out.len() / self.cols;
        assert!(rows * self.cols == out.len() && step >= self.depth);
        assert!(rows == 0 || (rows - 1) * step + self.depth <= a.len());
        Arch::new().dispatch(Product { panels: self, a, step, rows, out });
    }
}

struct Product<'a> {
    panels: &'a Panels<'a>,
    a: &'a [f32],
    step: usize,
    rows: usize,
    out: &'a mut [f32],
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        for panel in 0..self.panels.cols.div_ceil(PANEL) {
            for first in (0..PANEL).step_by(2 * S::F32_LANES) {
                if panel * PANEL + first < self.panels.cols {
                    self.column(simd, panel, first);
                }
            }
        }
    }
}

impl Product<'_> {
    /// All rows for two vectors of columns, which begin at `first` in a panel.
    #[inline(always)]
    fn column<S: Simd>(&mut self, simd: S, panel: usize, first: usize) {
        let mut row = 0;
        while row < self.rows {
            let left = self.rows - row;
            row += if left >= 8 && S::REGISTER_COUNT >= 32 {
                self.tile::<S, 8>(simd, panel, first, row)
            } else if left >= 4 {
                self.tile::<S, 4>(simd, panel, first, row)
            } else {
                self.tile::<S, 1>(simd, panel, first, row)
            };
        }
    }

    #[inline(always)]
    #[allow(clippy::needless_range_loop)] // constant bounds, which unroll
    fn tile<S: Simd, const R: usize>(&mut self, simd: S, panel: usize, first: usize, row: usize) -> usize {
        let Panels { data, depth, cols } = *self.panels;
        let mut sums = [[simd.splat_f32s(0.0); 2]; R];
        let w = data[panel * PANEL * depth + first..].as_ptr();
        let mut rows = [self.a.as_ptr(); R];
        for r in 0..R {
            rows[r] = self.a[(row + r) * self.step..].as_ptr();
        }
        for k in 0..depth {
            // SAFETY: `add_product` has checked the rows of `a`; the panel holds `depth` rows of PANEL columns.
            unsafe {
                let w = w.add(k * PANEL);
                let w: [S::f32s; 2] = [
                    w.cast::<S::f32s>().read_unaligned(),
                    w.add(S::F32_LANES).cast::<S::f32s>().read_unaligned(),
                ];
                for r in 0..R {
                    let x = simd.splat_f32s(*rows[r].add(k));
                    sums[r][0] = simd.mul_add_e_f32s(x, w[0], sums[r][0]);
                    sums[r][1] = simd.mul_add_e_f32s(x, w[1], sums[r][1]);
                }
            }
        }
        // Copied while indices are constants: with the indices of the loop below, the accumulators would live in memory.
        let mut values = [[simd.splat_f32s(0.0); 2]; R];
        for r in 0..R {
            values[r] = [sums[r][0], sums[r][1]];
        }
        let column = panel * PANEL + first;
        for r in 0..R {
            let out = &mut self.out[(row + r) * cols + column..(row + r + 1) * cols];
            let sums: &[f32] = bytemuck::cast_slice(&values[r]);
            if out.len() >= 2 * S::F32_LANES {
                let out = &mut out[..2 * S::F32_LANES];
                out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
            } else {
                out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
            }
        }
        R
    }
}

#[cfg(test)]
mod tests {
    use super::Panels;

    #[test]
    fn products_of_any_size() {
        let value = |i: usize| ((i * 37 + 11) % 101) as f32 / 50.0 - 1.0;
        for [rows, depth, cols] in [[1, 1, 1], [3, 7, 5], [8, 16, 32], [13, 33, 65], [29, 3, 40]] {
            let step = depth + 2;
            let a: Vec<f32> = (0..rows * step).map(value).collect();
            let w: Vec<f32> = (0..depth * cols).map(|i| value(i + 5)).collect();
            let flipped: Vec<f32> = (0..depth * cols).map(|i| w[i % depth * cols + i / depth]).collect();
            let (mut first, mut second) =
                (vec![f32::NAN; Panels::floats(depth, cols)], vec![f32::NAN; 100 * 100]);
            let both = [
                Panels::new(&w, depth, cols, &mut first),
                Panels::transposed(&flipped, depth, cols, &mut second),
            ];
            for panels in both {
                let mut out = vec![0.5; rows * cols];
                panels.add_product(&a, step, &mut out);
                for (i, got) in out.iter().enumerate() {
                    let products = (0..depth).map(|k| a[i / cols * step + k] * w[k * cols + i % cols]);
                    let want = 0.5 + products.map(f64::from).sum::<f64>();
                    assert!(
                        (f64::from(*got) - want).abs() < 1e-5,
                        "{rows}x{depth}x{cols}: {got}, not {want}"
                    );
                }
            }
        }
    }
}
