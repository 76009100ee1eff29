//! Gather and its adjoint against naive loops, and CPU twin against WGSL.

use std::sync::Arc;

use gpu_core::kernels::{Gather, ScatterAdd};
use gpu_core::testing::{check_twin, run_kernel};
use gpu_core::{DType, Device, Kernel};

fn words(count: usize) -> Vec<u32> {
    (0..count).map(|i| ((i * 7919 % 1009) as f32 / 64.0 - 8.0).to_bits()).collect()
}

/// Indices into `0..dim`, and some out of range on either side.
fn indices(count: usize, dim: usize) -> Vec<u32> {
    let index = |i: usize| match i % 11 {
        5 => dim as u32,
        7 => -1i32 as u32,
        _ => (i * 131 % 1013 % dim) as u32,
    };
    (0..count).map(index).collect()
}

fn run(kernel: impl Kernel + 'static, args: &[Vec<u32>], float: bool) -> Vec<u32> {
    let kernel: Arc<dyn Kernel> = Arc::new(kernel);
    check_twin(kernel.clone(), args, &[float, false, float], 1e-5);
    run_kernel(&Device::named("cpu").unwrap(), kernel, args).remove(2)
}

/// Sizes `outer, dim, count, inner`.
const SIZES: [[usize; 4]; 6] =
    [[1, 5, 7, 1], [3, 4, 9, 8], [2, 6, 5, 3], [1, 50, 300, 12], [40, 10, 1, 1], [1, 3, 3000, 2]];

#[test]
fn gather_and_scatter_follow_the_definition() {
    for [outer, dim, count, inner] in SIZES {
        for flags in 0..4 {
            let (index_outer, index_inner) = (flags & 1 != 0, flags & 2 != 0);
            let (many, wide) = (if index_outer { outer } else { 1 }, if index_inner { inner } else { 1 });
            let index = indices(many * count * wide, dim);
            let at = |o: usize, j: usize, i: usize| {
                let (o, i) = (if index_outer { o } else { 0 }, if index_inner { i } else { 0 });
                index[(o * count + j) * wide + i] as usize
            };
            let (x, src) = (words(outer * dim * inner), words(outer * count * inner));
            for dtype in [DType::F32, DType::I32] {
                let kernel = Gather { outer, dim, count, inner, index_outer, index_inner, dtype };
                let y = run(kernel, &[x.clone(), index.clone(), vec![1; src.len()]], dtype.is_float());
                for (k, &y) in y.iter().enumerate() {
                    let (o, j, i) = (k / inner / count, k / inner % count, k % inner);
                    let d = at(o, j, i);
                    let want = match dtype {
                        _ if d < dim => x[(o * dim + d) * inner + i],
                        DType::F32 => f32::NAN.to_bits(),
                        _ => 0,
                    };
                    assert_eq!(y, want, "{kernel:?} {k}");
                }
            }
            let kernel = ScatterAdd { outer, dim, count, inner, index_outer, index_inner };
            let mut want = vec![0.0f32; x.len()];
            for (k, src) in src.iter().enumerate() {
                let (o, j, i) = (k / inner / count, k / inner % count, k % inner);
                if at(o, j, i) < dim {
                    want[(o * dim + at(o, j, i)) * inner + i] += f32::from_bits(*src);
                }
            }
            let y = run(kernel, &[src, index.clone(), vec![1; x.len()]], true);
            let want: Vec<u32> = want.into_iter().map(f32::to_bits).collect();
            assert_eq!(y, want, "{kernel:?}: the order of sums is that of the indices");
        }
    }
}

#[test]
fn long_scatters_cross_chunks() {
    // Few outputs: partial sums. Many outputs: several rounds.
    // Sorted: evenly spread, one position everywhere, and rows of 4.
    let sizes =
        [[4, 100_000, 1, 4], [4, 20_000, 4, 4], [33_000, 3_000, 1, 33_000], [33_000, 20_000, 1, 33_000]];
    for [dim, count, inner, used] in [&sizes[..], &[[9_000, 20_000, 1, 2], [9_000, 3_000, 8, 3]]].concat() {
        let kernel = ScatterAdd { outer: 1, dim, count, inner, index_outer: false, index_inner: false };
        let index: Vec<u32> = (0..count).map(|i| (i * 131 % used) as u32).collect();
        // Whole numbers, so that the order does not matter.
        let src: Vec<u32> = (0..count * inner).map(|i| ((i % 13) as f32).to_bits()).collect();
        let y = run(kernel, &[src.clone(), index.clone(), vec![1; dim * inner]], false);
        let mut want = vec![0.0f32; dim * inner];
        for (k, src) in src.iter().enumerate() {
            want[index[k / inner] as usize * inner + k % inner] += f32::from_bits(*src);
        }
        assert_eq!(y, want.into_iter().map(f32::to_bits).collect::<Vec<_>>(), "{kernel:?}");
    }
}

/// Sorted with an index of its own for every plane and item, some of them out of range.
#[test]
fn sorted_scatters_of_every_kind() {
    for flags in 0..4 {
        let (index_outer, index_inner) = (flags & 1 != 0, flags & 2 != 0);
        let (outer, dim, count, inner) = (2, 3000, 1500, if flags == 0 { 8 } else { 3 });
        let (many, wide) = (if index_outer { outer } else { 1 }, if index_inner { inner } else { 1 });
        let kernel = ScatterAdd { outer, dim, count, inner, index_outer, index_inner };
        let index = indices(many * count * wide, dim);
        let src: Vec<u32> = (0..outer * count * inner).map(|i| ((i % 13) as f32).to_bits()).collect();
        let y = run(kernel, &[src.clone(), index.clone(), vec![1; outer * dim * inner]], false);
        let mut want = vec![0.0f32; y.len()];
        for (k, src) in src.iter().enumerate() {
            let (o, j, i) = (k / inner / count, k / inner % count, k % inner);
            let (at_o, at_i) = (if index_outer { o } else { 0 }, if index_inner { i } else { 0 });
            let d = index[(at_o * count + j) * wide + at_i] as usize;
            if d < dim {
                want[(o * dim + d) * inner + i] += f32::from_bits(*src);
            }
        }
        assert_eq!(y, want.into_iter().map(f32::to_bits).collect::<Vec<_>>(), "{kernel:?}");
    }
}
