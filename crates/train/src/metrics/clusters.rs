//! How well clusters are separated.

/// The silhouette of each point (Rousseeuw 1987, `sklearn.metrics.silhouette_samples`) of points `[n, width]` in row-major order:
/// `(b - a) / max(a, b)` for the mean Euclidean distances `a` to the other points of its cluster and `b` to those of the nearest other
/// cluster. 0 for a cluster of one point, or if both are 0. Computes the distances of all pairs.
///
/// ```
/// use train::metrics::{silhouette, silhouette_samples};
/// let (points, clusters) = ([0.0, 1.0, 5.0, 7.0], [0, 0, 1, 1]);
/// let samples = silhouette_samples(&points, 1, &clusters);
/// assert!((samples[0] - 5.0 / 6.0).abs() < 1e-12 && (samples[2] - 2.5 / 4.5).abs() < 1e-12);
/// assert!((silhouette(&points, 1, &clusters) - samples.iter().sum::<f64>() / 4.0).abs() < 1e-12);
/// ```
///
/// # Panics
/// When `points` is not `[clusters.len(), width]`, or there are fewer than two clusters or as many as points.
#[track_caller]
pub fn silhouette_samples(points: &[f32], width: usize, clusters: &[u32]) -> Vec<f64> {
    assert!(points.len() == clusters.len() * width, "silhouette: numbers of {} points", clusters.len());
    let mut names = clusters.to_vec();
    names.sort_unstable();
    names.dedup();
    let enough = (2..clusters.len()).contains(&names.len());
    assert!(enough, "silhouette: {} clusters of {} points", names.len(), clusters.len());
    let place = |c: &u32| names.binary_search(c).expect("a name for every cluster");
    let own: Vec<usize> = clusters.iter().map(place).collect();
    let mut sizes = vec![0u32; names.len()];
    own.iter().for_each(|&c| sizes[c] += 1);
    let point = |i: usize| &points[i * width..][..width];
    (0..own.len())
        .map(|i| {
            let mut sums = vec![0.0; sizes.len()];
            own.iter().enumerate().for_each(|(j, &c)| sums[c] += distance(point(i), point(j)));
            of_point(own[i], &sums, &sizes)
        })
        .collect()
}

/// The mean of [`silhouette_samples`] (`sklearn.metrics.silhouette_score`).
///
/// # Panics
/// As [`silhouette_samples`].
#[track_caller]
pub fn silhouette(points: &[f32], width: usize, clusters: &[u32]) -> f64 {
    silhouette_samples(points, width, clusters).iter().sum::<f64>() / clusters.len() as f64
}

/// The silhouette of a point from the sums of its distances to each cluster.
fn of_point(own: usize, sums: &[f64], sizes: &[u32]) -> f64 {
    if sizes[own] == 1 {
        return 0.0;
    }
    let within = sums[own] / f64::from(sizes[own] - 1);
    let others = (0..sums.len()).filter(|&c| c != own).map(|c| sums[c] / f64::from(sizes[c]));
    let between = others.fold(f64::INFINITY, f64::min);
    let larger = within.max(between);
    if larger == 0.0 { 0.0 } else { (between - within) / larger }
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum::<f64>().sqrt()
}
