//! Quality of a separation of sources.

/// Amari's distance from a scaled permutation (Amari, Cichocki and Yang 1996) of the product of an unmixing and a mixing matrix, `[n, n]`
/// in row-major order: the mean of `(sum |p| / max |p| - 1) / (n - 1)` over all rows and columns, from 0 (the sources are fully
/// separated) to 1.
///
/// ```
/// use train::metrics::amari_distance;
/// assert_eq!(amari_distance(&[0.0, -2.0, 5.0, 0.0], 2), 0.0);
/// assert_eq!(amari_distance(&[1.0, 1.0, 1.0, -1.0], 2), 1.0);
/// assert_eq!(amari_distance(&[1.0, 0.5, 0.0, 1.0], 2), 0.25);
/// ```
///
/// # Panics
/// When there are not `n * n` numbers, or `n` is below 2.
#[track_caller]
pub fn amari_distance(product: &[f64], n: usize) -> f64 {
    assert!(n > 1 && product.len() == n * n, "amari_distance: {} numbers of {n} x {n}", product.len());
    let beside = |entries: &mut dyn Iterator<Item = f64>| {
        let (sum, most) = entries.fold((0.0, 0f64), |(sum, most), p| (sum + p.abs(), most.max(p.abs())));
        sum / most - 1.0
    };
    let rows = (0..n).map(|i| beside(&mut (0..n).map(|j| product[i * n + j])));
    let columns = (0..n).map(|j| beside(&mut (0..n).map(|i| product[i * n + j])));
    rows.chain(columns).sum::<f64>() / (2 * n * (n - 1)) as f64
}
