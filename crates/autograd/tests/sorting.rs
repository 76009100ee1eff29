//! Sorting and scans on every device: ties, NaN, signed zeros, integers, and rows of any length.

use autograd::{DType, Tensor};
use gpu_core::testing;

#[test]
fn sorting_is_stable_and_puts_nan_last() {
    for device in testing::devices() {
        let x = [2.0, f32::NAN, -0.0, 1.0, 0.0, f32::NEG_INFINITY, 2.0, -1.5, f32::INFINITY];
        let x = Tensor::from_slice(&device, &x, &[9]).unwrap();
        assert_eq!(x.argsort(0, false).to_vec::<i32>().unwrap(), [5, 7, 2, 4, 3, 0, 6, 8, 1]);
        assert_eq!(x.argsort(0, true).to_vec::<i32>().unwrap(), [1, 8, 0, 6, 3, 2, 4, 7, 5]);
        let ints = Tensor::from_slice(&device, &[3i32, -7, i32::MAX, i32::MIN, 3], &[5]).unwrap();
        assert_eq!(ints.argsort(0, false).to_vec::<i32>().unwrap(), [3, 1, 0, 4, 2]);
        let bools = x.gt(0.5);
        assert_eq!(bools.dtype(), DType::Bool);
        assert_eq!(bools.argsort(0, true).to_vec::<i32>().unwrap(), [0, 3, 6, 8, 1, 2, 4, 5, 7]);
    }
}

#[test]
fn rows_of_any_length_are_sorted() {
    for device in testing::devices() {
        for n in [0usize, 1, 2, 31, 32, 33, 64, 65, 500, 3000] {
            // With ties, so that the order shows whether the sort is stable.
            let values: Vec<f32> = (0..2 * n).map(|i| ((i * 7919 + 13) % 257) as f32).collect();
            let x = Tensor::from_slice(&device, &values, &[2, n]).unwrap();
            for descending in [false, true] {
                let (sorted, order) = x.sort(1, descending);
                let mut wanted: Vec<i32> = vec![];
                for row in values.chunks(n.max(1)) {
                    let mut order: Vec<i32> = (0..n as i32).collect();
                    order.sort_by(|&a, &b| {
                        let by_value = row[a as usize].total_cmp(&row[b as usize]);
                        if descending { by_value.reverse() } else { by_value }
                    });
                    wanted.extend(order);
                }
                assert_eq!(order.to_vec::<i32>().unwrap(), wanted, "{n} on {}", device.info());
                let wanted: Vec<f32> =
                    wanted.iter().enumerate().map(|(i, &o)| values[i / n * n + o as usize]).collect();
                assert_eq!(sorted.to_vec::<f32>().unwrap(), wanted);
            }
        }
    }
}

#[test]
fn scans_of_any_length() {
    for device in testing::devices() {
        for n in [0usize, 1, 63, 64, 65, 100, 5000] {
            // Whole numbers, so that the order of sums does not matter.
            let values: Vec<f32> = (0..2 * n * 3).map(|i| ((i * 31) % 7) as f32 - 3.0).collect();
            let x = Tensor::from_slice(&device, &values, &[2, n, 3]).unwrap();
            let mut wanted = values.clone();
            for at in 0..2 * n * 3 {
                if at / 3 % n > 0 {
                    wanted[at] += wanted[at - 3];
                }
            }
            assert_eq!(x.cumsum(1).to_vec::<f32>().unwrap(), wanted, "{n} on {}", device.info());
        }
    }
}

#[test]
fn infinities_and_nan_in_log_scans() {
    let minus = f32::NEG_INFINITY;
    for device in testing::devices() {
        let x = Tensor::from_slice(&device, &[minus, minus, 1.0, 1.0, f32::NAN, 0.0], &[6]).unwrap();
        let y = x.logcumsumexp(0).to_vec::<f32>().unwrap();
        assert_eq!(y[..3], [minus, minus, 1.0]);
        assert!((y[3] - 1.693_147_2).abs() < 1e-6 && y[4].is_nan() && y[5].is_nan(), "{y:?}");
    }
}
