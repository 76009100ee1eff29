//! Linear algebra: products of factors give the matrix again, and results match textbook numbers.

use autograd::{Device, Tensor};
use linalg::Error;

fn matrix(values: &[f32], shape: &[usize]) -> Tensor {
    Tensor::from_slice(&Device::named("cpu").unwrap(), values, shape).unwrap()
}

/// Values without structure: a matrix of full rank.
fn random(rows: usize, columns: usize) -> Tensor {
    let values: Vec<f32> =
        (0..rows * columns).map(|i| ((i * i * 31 + i * 7 + 5) % 101) as f32 / 50.0 - 1.0).collect();
    matrix(&values, &[rows, columns])
}

#[track_caller]
fn close(a: &Tensor, b: &Tensor) {
    assert_eq!(a.shape(), b.shape());
    let (a, b) = (a.to_vec::<f32>().unwrap(), b.to_vec::<f32>().unwrap());
    assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-4), "{a:?}, not {b:?}");
}

fn unit(n: usize) -> Tensor {
    let values: Vec<f32> = (0..n * n).map(|i| f32::from(u8::from(i % (n + 1) == 0))).collect();
    matrix(&values, &[n, n])
}

#[test]
fn factors_multiply_back() -> Result<(), Error> {
    for (rows, columns) in [(5, 5), (7, 4), (3, 6)] {
        let a = random(rows, columns);
        let (q, r) = linalg::qr(&a)?;
        close(&q.matmul(&r), &a);
        close(&q.t().matmul(&q), &unit(rows.min(columns)));
        let (u, s, vh) = linalg::svd(&a)?;
        close(&(u * &s).matmul(&vh), &a);
        let s = s.to_vec::<f32>()?;
        assert!(s.windows(2).all(|s| s[0] >= s[1]), "{s:?}");
        let ratio = f64::from(s[0] / s[s.len() - 1]);
        assert!((linalg::cond(&a)? - ratio).abs() < 1e-4 * ratio);
        assert!((linalg::spectral_norm(&a)? - f64::from(s[0])).abs() < 1e-5);
        let p = linalg::pinv(&a)?;
        close(&a.matmul(&p).matmul(&a), &a);
    }
    let a = random(5, 5);
    close(&a.matmul(&linalg::inv(&a)?), &unit(5));
    let b = random(5, 2);
    close(&a.matmul(&linalg::solve(&a, &b)?), &b);
    let symmetric = a.matmul(&a.t()) + unit(5);
    let l = linalg::cholesky(&symmetric)?;
    close(&l.matmul(&l.t()), &symmetric);
    close(&l.tril(0), &l);
    let (values, vectors) = linalg::eigh(&symmetric)?;
    close(&(&vectors * &values).matmul(&vectors.t()), &symmetric);
    let triangle = matrix(&[2.0, 5.0, 0.0, -3.0], &[2, 2]);
    assert!((linalg::det(&triangle)? + 6.0).abs() < 1e-12);
    Ok(())
}

/// The covariance of the 2-D spiral whose linear autoencoder is PCA.
#[test]
fn textbook_eigenvalues() -> Result<(), Error> {
    let covariance = matrix(&[1.002_004, -0.125_952_75, -0.125_952_75, 1.002_004], &[2, 2]);
    let values = linalg::eigh(&covariance)?.0.to_vec::<f32>()?;
    assert!((values[0] - 0.876_051_26).abs() < 1e-6 && (values[1] - 1.127_956_8).abs() < 1e-6, "{values:?}");
    let (largest, vector) = linalg::power_iteration(&covariance, &matrix(&[1.0, 0.0], &[2]), 100);
    assert!((largest.item()? - 1.127_956_8).abs() < 1e-5);
    let vector = vector.to_vec::<f32>()?;
    assert!((vector[0] + vector[1]).abs() < 1e-4, "{vector:?}");
    Ok(())
}

#[test]
fn what_cannot_be_solved_is_an_error() {
    let singular = matrix(&[1.0, 2.0, 2.0, 4.0], &[2, 2]);
    assert!(matches!(linalg::inv(&singular), Err(Error::Singular { op: "inv" })));
    assert!(linalg::solve(&singular, &unit(2)).is_err());
    assert!(linalg::det(&singular).unwrap().abs() < 1e-12);
    let indefinite = matrix(&[1.0, 2.0, 2.0, 1.0], &[2, 2]);
    assert!(matches!(linalg::cholesky(&indefinite), Err(Error::NotPositiveDefinite { .. })));
    let bad = matrix(&[1.0, f32::NAN, 0.0, 1.0], &[2, 2]);
    assert!(matches!(linalg::svd(&bad), Err(Error::NotFinite { op: "svd" })));
}

#[test]
#[should_panic(expected = "inv: of shape [2, 3], not square")]
fn shapes_are_checked() {
    let _ = linalg::inv(&random(2, 3));
}

/// One step of Newton's method on x^2 + 2 y^2 from (3, 3); the rows of the Hessian are second derivatives.
#[test]
fn newton_finds_the_bottom_of_a_bowl_at_once() {
    let bowl = matrix(&[1.0, 2.0], &[2]);
    let x = matrix(&[3.0, 3.0], &[2]).variable();
    let gradient = autograd::grad(&(x.square() * bowl).sum_all(), &[&x]).remove(0).unwrap();
    let row = |i: usize| autograd::grad(&gradient.narrow(0, i, 1).sum_all(), &[&x]).remove(0).unwrap();
    let hessian = autograd::stack(&[&row(0), &row(1)], 0);
    let found = &x - linalg::solve(&hessian, &gradient).unwrap();
    assert_eq!(found.to_vec::<f32>().unwrap(), [0.0, 0.0]);
}

#[test]
fn factors_of_low_rank_miss_what_the_other_singular_values_hold() -> Result<(), Error> {
    let a = random(6, 5);
    let s = linalg::svd(&a)?.1.to_vec::<f32>()?;
    for rank in 1..=5 {
        let (left, right) = linalg::low_rank(&a, rank)?;
        assert_eq!((left.shape(), right.shape()), (&[6, rank][..], &[rank, 5][..]));
        let missed = (&a - left.matmul(&right)).square().sum_all().item()?;
        let rest: f32 = s[rank..].iter().map(|s| s * s).sum();
        assert!((missed - rest).abs() < 1e-4, "rank {rank}: {missed}, not {rest}");
    }
    Ok(())
}

/// When every input is paired with every output gradient, the Fisher information is the product of both factors.
#[test]
fn kronecker_factors_of_independent_parts_are_exact() -> Result<(), Error> {
    let (x, d) = (random(4, 3), random(5, 2));
    let row = |t: &Tensor, i: usize| t.narrow(0, i, 1);
    let pairs: Vec<(usize, usize)> = (0..4).flat_map(|i| (0..5).map(move |j| (i, j))).collect();
    let stack = |rows: Vec<Tensor>| autograd::cat(&rows.iter().collect::<Vec<_>>(), 0);
    let inputs = stack(pairs.iter().map(|&(i, _)| row(&x, i)).collect());
    let outputs = stack(pairs.iter().map(|&(_, j)| row(&d, j)).collect());
    let scores =
        stack(pairs.iter().map(|&(i, j)| row(&d, j).t().matmul(&row(&x, i)).reshape(&[1, 6])).collect());
    let gradient = random(2, 3);
    let natural = linalg::natural_gradient(&scores, &gradient.reshape(&[6]), 0.0)?;
    close(&linalg::kfac(&gradient, &inputs, &outputs, 0.0)?, &natural.reshape(&[2, 3]));
    Ok(())
}

#[test]
fn principal_components_explain_the_covariance() -> Result<(), Error> {
    let x = random(9, 4);
    let pca = linalg::Pca::fit(&x, 4)?;
    let centred = &x - x.mean(&[0], false);
    let covariance = centred.t().matmul(&centred) / 8.0;
    let (values, vectors) = linalg::eigh(&covariance)?;
    let mut values = values.to_vec::<f32>()?;
    values.reverse();
    assert!(values.iter().zip(&pca.variances).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-5));
    close(&pca.inverse_transform(&pca.transform(&x)), &x);
    let white = pca.whiten(&x);
    close(&(white.t().matmul(&white) / 8.0), &unit(4));
    // The first two components span the same space as the last two eigenvectors.
    let angles = linalg::principal_angles(&pca.components.narrow(0, 0, 2).t(), &vectors.narrow(1, 2, 2))?;
    assert!(angles.len() == 2 && angles.iter().all(|a| a.abs() < 1e-5), "{angles:?}");
    assert!((pca.explained_variance_ratio().iter().sum::<f64>() - 1.0).abs() < 1e-12);
    Ok(())
}
