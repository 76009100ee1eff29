//! Small matrix products over strided memory, in register tiles without packing.

use pulp::Simd;

/// A matrix in memory, with the strides of rows and columns in floats.
#[derive(Clone, Copy)]
pub(super) struct Matrix {
    pub start: *mut f32,
    pub row: isize,
    pub col: isize,
}

impl Matrix {
    /// Dense rows of `row` floats.
    pub fn dense(start: *mut f32, row: usize) -> Matrix {
        Matrix { start, row: row as isize, col: 1 }
    }

    /// The matrix from row `i` on.
    #[inline(always)]
    pub fn rows(self, i: usize) -> Matrix {
        Matrix { start: self.start.wrapping_offset(i as isize * self.row), ..self }
    }

    /// The matrix from column `j` on.
    #[inline(always)]
    fn cols(self, j: usize) -> Matrix {
        Matrix { start: self.start.wrapping_offset(j as isize * self.col), ..self }
    }

    #[inline(always)]
    pub fn transposed(self) -> Matrix {
        Matrix { row: self.col, col: self.row, ..self }
    }

    /// The address of element `[i, j]`.
    #[inline(always)]
    pub fn at(self, i: usize, j: usize) -> *mut f32 {
        self.start.wrapping_offset(i as isize * self.row + j as isize * self.col)
    }
}

/// `c = a b`, or `c += a b` with `add`, for `a [M, K]`, `b [K, N]` and `c [M, N]`. The columns of `b` and `c` are contiguous.
///
/// # Safety
/// `a` and `b` are readable and `c` is writable over these sizes, and `c` overlaps neither.
#[inline(always)]
pub(super) unsafe fn product<S: Simd>(
    simd: S,
    [m, n, k]: [usize; 3],
    a: Matrix,
    b: Matrix,
    c: Matrix,
    add: bool,
) {
    let lanes = S::F32_LANES;
    let mut j = 0;
    while j < n {
        let (b, c) = (b.cols(j), c.cols(j));
        // SAFETY: given.
        unsafe {
            if n - j >= 2 * lanes {
                column::<S, 2, false>(simd, [m, 2 * lanes, k], a, b, c, add);
                j += 2 * lanes;
            } else if n - j >= lanes {
                column::<S, 1, false>(simd, [m, lanes, k], a, b, c, add);
                j += lanes;
            } else {
                column::<S, 1, true>(simd, [m, n - j, k], a, b, c, add);
                j = n;
            }
        }
    }
}

/// All rows of `V` vectors of columns; with `PART`, the last vector is not full.
#[inline(always)]
unsafe fn column<S: Simd, const V: usize, const PART: bool>(
    simd: S,
    [m, width, k]: [usize; 3],
    a: Matrix,
    b: Matrix,
    c: Matrix,
    add: bool,
) {
    let mut i = 0;
    while i < m {
        let (a, c, size) = (a.rows(i), c.rows(i), [width, k]);
        // SAFETY: given.
        unsafe {
            i += match m - i {
                8.. if S::REGISTER_COUNT >= 32 => tile::<S, 8, V, PART>(simd, size, a, b, c, add),
                4.. => tile::<S, 4, V, PART>(simd, size, a, b, c, add),
                2.. => tile::<S, 2, V, PART>(simd, size, a, b, c, add),
                _ => tile::<S, 1, V, PART>(simd, size, a, b, c, add),
            }
        }
    }
}

/// `R` rows of `V` vectors; returns `R`.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // constant bounds, which unroll
unsafe fn tile<S: Simd, const R: usize, const V: usize, const PART: bool>(
    simd: S,
    [width, k]: [usize; 2],
    a: Matrix,
    b: Matrix,
    c: Matrix,
    add: bool,
) -> usize {
    let mut sums = [[simd.splat_f32s(0.0); V]; R];
    let mut x = [simd.splat_f32s(0.0); V];
    // SAFETY: given.
    unsafe {
        for q in 0..k {
            for v in 0..V {
                x[v] = load::<S, PART>(simd, b.at(q, v * S::F32_LANES), width);
            }
            for r in 0..R {
                let w = simd.splat_f32s(*a.at(r, q));
                for v in 0..V {
                    sums[r][v] = simd.mul_add_e_f32s(w, x[v], sums[r][v]);
                }
            }
        }
        for r in 0..R {
            for v in 0..V {
                let at = c.at(r, v * S::F32_LANES);
                let before = if add { load::<S, PART>(simd, at, width) } else { simd.splat_f32s(0.0) };
                store::<S, PART>(simd, at, width, simd.add_f32s(before, sums[r][v]));
            }
        }
    }
    R
}

#[inline(always)]
unsafe fn load<S: Simd, const PART: bool>(simd: S, at: *const f32, width: usize) -> S::f32s {
    // SAFETY: given by the caller.
    unsafe {
        if PART {
            return simd.partial_load_f32s(std::slice::from_raw_parts(at, width));
        }
        at.cast::<S::f32s>().read_unaligned()
    }
}

#[inline(always)]
unsafe fn store<S: Simd, const PART: bool>(simd: S, at: *mut f32, width: usize, values: S::f32s) {
    // SAFETY: given by the caller.
    unsafe {
        if PART {
            return simd.partial_store_f32s(std::slice::from_raw_parts_mut(at, width), values);
        }
        at.cast::<S::f32s>().write_unaligned(values);
    }
}
