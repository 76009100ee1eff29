//! The kernels with all instructions that the processor has, against sums in i64.

use super::dot::Level;
use super::rows::Rows;
use super::tile::Correlation;
use super::{Int8Epilogue, Int8Weight, QUAD, Results};
use crate::kernels::Conv2dShape;

/// Codes from `low` to 127, among them the extremes.
fn codes(count: usize, seed: usize, low: i32) -> Vec<i8> {
    let code = |i: usize| ((i + seed).wrapping_mul(0x9e37_79b9) >> 7) as i32 % (128 - low) + low;
    (0..count).map(|i| code(i) as i8).collect()
}

/// `[outer, channels, inner]` codes as words.
fn words(codes: &[i8], channels: usize, inner: usize) -> Vec<u32> {
    let item = |item: &[i8]| {
        let mut words = vec![0u32; channels.div_ceil(QUAD) * inner];
        for (i, code) in item.iter().enumerate() {
            words[i / inner / QUAD * inner + i % inner] |=
                u32::from(code.cast_unsigned()) << (8 * (i / inner % QUAD));
        }
        words
    };
    codes.chunks(channels * inner).flat_map(item).collect()
}

/// A layer, its input, and all sums of products.
struct Layer {
    x: Vec<u32>,
    weight: Vec<i8>,
    sizes: [usize; 3],
    /// `[outer, outputs, inner]`
    sums: Vec<i64>,
    inner: usize,
}

impl Layer {
    fn check(&self, run: impl Fn(Level, &[u32], &[u32], &Results)) {
        let [outputs, inputs, taps] = self.sizes;
        let weight = Int8Weight { codes: &self.weight, outputs, inputs, taps };
        let bias: Vec<i32> = (0..outputs as i32).map(|o| 100 * o - 300).collect();
        let factors: Vec<f32> = (0..outputs).map(|o| 1e-3 + 1e-4 * o as f32).collect();
        let multipliers: Vec<i32> = (0..outputs as i32).map(|o| 40 + o).collect();
        let added = codes(self.sums.len(), 5, -128);
        for (relu, codes, residual) in
            [(false, None, false), (true, None, true), (false, Some(3), true), (true, Some(-128), false)]
        {
            let table = weight.table(&bias, &factors, &multipliers);
            let epilogue = Int8Epilogue { residual, relu, codes };
            let want = |(i, sum): (usize, &i64)| {
                let o = i / self.inner % outputs;
                let more = if residual { i64::from(multipliers[o]) * i64::from(added[i]) } else { 0 };
                let value = (sum + i64::from(bias[o]) + more) as f32 * factors[o];
                let value = if relu { value.max(0.0) } else { value };
                codes.map_or(value, |zero| (value.round_ties_even() + f32::from(zero)).clamp(-128.0, 127.0))
            };
            let want: Vec<f32> = self.sums.iter().enumerate().map(want).collect();
            let want = match codes {
                None => want.iter().map(|v| v.to_bits()).collect(),
                Some(zero) => {
                    let bytes: Vec<i8> = want.iter().map(|&v| v as i8).collect();
                    filled(&bytes, outputs, self.inner, zero)
                }
            };
            for level in Level::all() {
                let mut y = vec![7u32; want.len()];
                let residual = words(&added, outputs, self.inner);
                let results = Results { epilogue, table: &table, residual: &residual, y: y.as_mut_ptr() };
                run(level, &self.x, &weight.panels(), &results);
                assert!(y == want, "{level:?} {epilogue:?} {:?}", self.sizes);
            }
        }
    }
}

/// As [`words`]; channels beyond the last have the code of 0.
fn filled(codes: &[i8], channels: usize, inner: usize, zero: i8) -> Vec<u32> {
    let padded = channels.next_multiple_of(QUAD);
    let fill = |item: &[i8]| [item, &vec![zero; (padded - channels) * inner]].concat();
    words(&codes.chunks(channels * inner).flat_map(fill).collect::<Vec<_>>(), padded, inner)
}

#[test]
fn convolutions() {
    let plain = Conv2dShape {
        batch: 3,
        in_channels: 5,
        out_channels: 9,
        groups: 1,
        input: [7, 6],
        kernel: [3, 3],
        stride: [1, 1],
        padding: [1, 1],
        dilation: [1, 1],
    };
    let shapes = [
        plain,
        Conv2dShape { input: [6, 16], in_channels: 16, out_channels: 32, ..plain },
        Conv2dShape { input: [9, 32], stride: [2, 2], out_channels: 20, ..plain },
        Conv2dShape { input: [5, 11], kernel: [1, 1], padding: [0, 0], out_channels: 8, ..plain },
        Conv2dShape { input: [8, 8], in_channels: 64, out_channels: 64, batch: 2, ..plain },
        Conv2dShape {
            input: [9, 10],
            kernel: [3, 2],
            dilation: [2, 3],
            padding: [2, 0],
            stride: [3, 1],
            batch: 1,
            ..plain
        },
    ];
    for shape in shapes {
        let ([h, w], [oh, ow], [kh, kw], c) = (shape.input, shape.output(), shape.kernel, shape.in_channels);
        let zero = 11;
        let x = codes(shape.batch * c * h * w, 1, -128);
        let weight = codes(shape.out_channels * c * kh * kw, 2, -127);
        let mut sums = vec![];
        for at in 0..shape.batch * shape.out_channels * oh * ow {
            let (n, o) = (at / ow / oh / shape.out_channels, at / ow / oh % shape.out_channels);
            let mut sum = 0;
            for k in 0..c * kh * kw {
                let place = |out: usize, tap: usize, d: usize| {
                    (out * shape.stride[d] + tap * shape.dilation[d]).wrapping_sub(shape.padding[d])
                };
                let (row, col) = (place(at / ow % oh, k / kw % kh, 0), place(at % ow, k % kw, 1));
                let inside = row < h && col < w;
                let code = if inside { x[((n * c + k / kw / kh) * h + row) * w + col] } else { zero };
                sum += i64::from(code) * i64::from(weight[o * c * kh * kw + k]);
            }
            sums.push(sum);
        }
        let correlation = Correlation::new(&shape, zero);
        let layer = Layer {
            x: words(&x, c, h * w),
            weight,
            sizes: [shape.out_channels, c, kh * kw],
            sums,
            inner: oh * ow,
        };
        layer.check(|level, x, weights, results| correlation.run_as(level, x, weights, results));
    }
}

#[test]
fn products() {
    for [m, n, k] in [[1, 10, 64], [3, 5, 7], [30, 33, 130], [61, 48, 256], [100, 16, 33]] {
        let (x, weight) = (codes(m * k, 3, -128), codes(n * k, 4, -127));
        let product = |row: usize, o: usize| -> i64 {
            (0..k).map(|i| i64::from(x[row * k + i]) * i64::from(weight[o * k + i])).sum()
        };
        let sums = (0..m * n).map(|i| product(i / n, i % n)).collect();
        let layer = Layer { x: words(&x, k, 1), weight, sizes: [n, k, 1], sums, inner: 1 };
        let rows = Rows { rows: m, quads: k.div_ceil(QUAD), outputs: n };
        layer.check(|level, x, weights, results| rows.run_as(level, x, weights, results));
    }
}
