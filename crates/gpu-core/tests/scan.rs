//! Scans and sorts: CPU twin against WGSL, for lines of one and of many chunks.

use std::sync::Arc;

use gpu_core::DType;
use gpu_core::kernels::{ArgSort, Scan, ScanOp};
use gpu_core::testing::check_twin;

fn words(count: usize) -> Vec<u32> {
    (0..count).map(|i| ((i * 7919 % 1009) as f32 / 500.0 - 1.0).to_bits()).collect()
}

#[test]
fn scans_agree() {
    for [outer, len, inner] in [[1, 1, 1], [3, 7, 5], [2, 64, 3], [2, 65, 1], [1, 3000, 2], [300, 2, 1]] {
        for op in [ScanOp::Sum, ScanOp::Prod, ScanOp::LogSumExp] {
            for reverse in [false, true] {
                let count = outer * len * inner;
                let kernel = Arc::new(Scan { op, outer, len, inner, reverse });
                check_twin(kernel, &[words(count), vec![7; count]], &[true, true], 1e-5);
            }
        }
    }
}

#[test]
fn sorts_agree() {
    for [rows, cols] in [[1, 1], [5, 32], [3, 33], [2, 65], [1, 1000]] {
        for dtype in [DType::F32, DType::I32, DType::U32] {
            for descending in [false, true] {
                let kernel = Arc::new(ArgSort { rows, cols, dtype, descending });
                check_twin(kernel, &[words(rows * cols), vec![7; rows * cols]], &[false, false], 0.0);
            }
        }
    }
}
