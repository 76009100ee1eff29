//! Scalers against numbers recorded from scikit-learn 1.9, and back.

use data::Matrix;
use data::scaler::{MinMaxScaler, RobustScaler, StandardScaler};
use proptest::prelude::*;

const NAN: f32 = f32::NAN;

/// Columns: any numbers, a constant, one that binary fractions cannot hold, large with a small spread, none, some missing.
const ROWS: [[f32; 6]; 5] = [
    [1.5, 7.0, 0.1, 1e6 + 0.5, NAN, -3.25],
    [2.25, 7.0, 0.1, 1e6 + 0.75, NAN, NAN],
    [-4.0, 7.0, 0.1, 1e6 + 1.5, NAN, 8.5],
    [10.5, 7.0, 0.1, 1e6 - 0.25, NAN, 2.0],
    [0.125, 7.0, 0.1, 1e6, NAN, -1.0],
];

fn rows() -> Matrix {
    Matrix::new(ROWS.concat(), 6).unwrap()
}

/// Equal to a millionth, or both missing.
fn close(found: impl IntoIterator<Item = f64>, expected: &[f64]) {
    let found: Vec<f64> = found.into_iter().collect();
    assert_eq!(found.len(), expected.len());
    for (i, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        let near = (found - expected).abs() <= 1e-6 * expected.abs().max(1.0);
        assert!(near || found.is_nan() && expected.is_nan(), "{i}: {found} for {expected}");
    }
}

fn wide(matrix: &Matrix) -> Vec<f64> {
    matrix.values().iter().map(|&v| f64::from(v)).collect()
}

const MEANS: [f64; 6] = [2.075, 7.0, 0.100_000_001_490_116_12, 1_000_000.5, f64::NAN, 1.5625];
const DEVIATIONS: [f64; 6] =
    [4.733_920_151_417_85, 1.0, 1.0, 0.612_372_435_695_794_5, f64::NAN, 4.417_207_121_021_155];

#[test]
#[rustfmt::skip]
fn standard_is_that_of_scikit_learn() {
    let scaler = StandardScaler::fit(&rows()).unwrap();
    close(scaler.mean.clone(), &MEANS);
    close(scaler.scale.clone(), &DEVIATIONS);
    let scaled = scaler.transform(&rows()).unwrap();
    close(wide(&scaled), &[
        -0.1214638146838583, 0.0, 0.0, 0.0, f64::NAN, -1.0894893239435561,
        0.036967247947261174, 0.0, 0.0, 0.4082482904638631, f64::NAN, f64::NAN,
        -1.2832916073120677, 0.0, 0.0, 1.6329931618554523, f64::NAN, 1.5705625319186327,
        1.7797089368895755, 0.0, 0.0, -1.2247448713915892, f64::NAN, 0.09904448399486873,
        -0.41192076284091067, 0.0, 0.0, -0.8164965809277261, f64::NAN, -0.5801176919699454,
    ]);
    close(wide(&scaler.inverse_transform(&scaled).unwrap()), &wide(&rows()));
}

#[test]
#[rustfmt::skip]
fn min_max_is_that_of_scikit_learn() {
    let scaler = MinMaxScaler::fit(&rows()).unwrap();
    close(scaler.min.clone(), &[-4.0, 7.0, 0.10000000149011612, 999999.75, f64::NAN, -3.25]);
    close(scaler.range.clone(), &[14.5, 1.0, 1.0, 1.75, f64::NAN, 11.75]);
    let scaled = scaler.transform(&rows()).unwrap();
    close(wide(&scaled), &[
        0.3793103448275862, 0.0, 0.0, 0.4285714286379516, f64::NAN, 0.0,
        0.43103448275862066, 0.0, 0.0, 0.5714285714784637, f64::NAN, f64::NAN,
        0.0, 0.0, 0.0, 1.0, f64::NAN, 1.0,
        1.0, 0.0, 0.0, 0.0, f64::NAN, 0.44680851063829785,
        0.28448275862068967, 0.0, 0.0, 0.1428571428405121, f64::NAN, 0.19148936170212766,
    ]);
    close(wide(&scaler.inverse_transform(&scaled).unwrap()), &wide(&rows()));
}

#[test]
#[rustfmt::skip]
fn robust_is_that_of_scikit_learn() {
    let scaler = RobustScaler::fit(&rows()).unwrap();
    close(scaler.center.clone(), &[1.5, 7.0, 0.10000000149011612, 1000000.5, f64::NAN, 0.5]);
    close(scaler.scale.clone(), &[2.125, 1.0, 1.0, 0.75, f64::NAN, 5.1875]);
    let scaled = scaler.transform(&rows()).unwrap();
    close(wide(&scaled), &[
        0.0, 0.0, 0.0, 0.0, f64::NAN, -0.7228915662650602,
        0.35294117647058826, 0.0, 0.0, 1.0 / 3.0, f64::NAN, f64::NAN,
        -2.588235294117647, 0.0, 0.0, 4.0 / 3.0, f64::NAN, 1.5421686746987953,
        4.235294117647059, 0.0, 0.0, -1.0, f64::NAN, 0.2891566265060241,
        -0.6470588235294118, 0.0, 0.0, -2.0 / 3.0, f64::NAN, -0.2891566265060241,
    ]);
    close(wide(&scaler.inverse_transform(&scaled).unwrap()), &wide(&rows()));
}

#[test]
fn rows_that_no_scale_fits_say_why() {
    let matrix = |values: &[f32], columns| Matrix::new(values.into(), columns).unwrap();
    let error = StandardScaler::fit(&matrix(&[], 2)).unwrap_err().to_string();
    assert!(error.contains("no rows"), "{error}");
    let error = RobustScaler::fit(&matrix(&[0.0, 1.0, 2.0, f32::INFINITY], 2)).unwrap_err().to_string();
    assert!(error.contains("row 1, column 1"), "{error}");
    let scaler = MinMaxScaler::fit(&matrix(&[0.0, 1.0], 2)).unwrap();
    assert!(scaler.transform(&matrix(&[0.0, 1.0], 1)).unwrap_err().to_string().contains("2 columns"));
    assert!(Matrix::new(vec![0.0; 3], 2).is_err() && Matrix::new(vec![], 0).is_err());
    assert!(matrix(&[0.0, 1.0], 1).select(&[2]).unwrap_err().to_string().contains("no row 2"));
}

proptest! {
    #[test]
    fn the_inverse_is_one(values in prop::collection::vec(-1e3f32..1e3, 12)) {
        let rows = Matrix::new(values, 3).unwrap();
        let standard = StandardScaler::fit(&rows).unwrap();
        let min_max = MinMaxScaler::fit(&rows).unwrap();
        let robust = RobustScaler::fit(&rows).unwrap();
        let back = [
            standard.inverse_transform(&standard.transform(&rows).unwrap()).unwrap(),
            min_max.inverse_transform(&min_max.transform(&rows).unwrap()).unwrap(),
            robust.inverse_transform(&robust.transform(&rows).unwrap()).unwrap(),
        ];
        for back in back {
            for (found, expected) in back.values().iter().zip(rows.values()) {
                prop_assert!((found - expected).abs() <= 1e-3, "{} for {}", found, expected);
            }
        }
    }
}
