//! Uniform manifold approximation and projection (McInnes, Healy and Melville 2018).

use autograd::{Device, Tensor};

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

/// The rows' indices by their distance from row `i`, without itself.
fn by_distance(rows: &[Vec<f64>], i: usize) -> Vec<(f64, usize)> {
    let mut others: Vec<(f64, usize)> =
        (0..rows.len()).filter(|&j| j != i).map(|j| (distance(&rows[i], &rows[j]), j)).collect();
    others.sort_by(|a, b| a.0.total_cmp(&b.0));
    others
}

/// The weights of the fuzzy graph of nearest neighbours, `[N][N]`, symmetric with a diagonal of 0: each row's weights to its `neighbours - 1`
/// nearest others fall exponentially with distance beyond the nearest, and add up to the binary logarithm of `neighbours`; weights of both
/// directions `p` and `q` are joined as `p + q - p q`.
///
/// # Panics
/// When there are not more rows than neighbours, or fewer than 2 neighbours.
#[track_caller]
pub fn umap_graph(rows: &[Vec<f64>], neighbours: usize) -> Vec<Vec<f64>> {
    let n = rows.len();
    assert!(2 <= neighbours && neighbours < n, "umap_graph: {neighbours} neighbours of {n} rows");
    let mut directed = vec![vec![0.0; n]; n];
    for (i, weights) in directed.iter_mut().enumerate() {
        let mut nearest = by_distance(rows, i);
        nearest.truncate(neighbours - 1);
        let first = nearest[0].0;
        let weight = |d: f64, width: f64| (-(d - first) / width).exp();
        let sum = |width: f64| nearest.iter().map(|(d, _)| weight(*d, width)).sum::<f64>();
        // The sum rises with the width, whose logarithm is bisected.
        let (mut low, mut high) = (-30.0f64, 30.0f64);
        for _ in 0..64 {
            let middle = (low + high) / 2.0;
            if sum(middle.exp()) > (neighbours as f64).log2() { high = middle } else { low = middle }
        }
        nearest.iter().for_each(|(d, j)| weights[*j] = weight(*d, low.exp()));
    }
    let join = |i: usize, j: usize| directed[i][j] + directed[j][i] - directed[i][j] * directed[j][i];
    (0..n).map(|i| (0..n).map(|j| join(i, j)).collect()).collect()
}

/// The `a` and `b` for which `1 / (1 + a d^2b)` is nearest, by least squares at 300 distances up to 3, to 1 below `least` and
/// `exp(least - d)` beyond: a Gauss-Newton method with damping (Levenberg 1944).
///
/// ```
/// use methods::unsupervised::umap_curve;
/// // umap-learn 0.5
/// let (a, b) = umap_curve(0.1);
/// assert!((a - 1.576943).abs() < 1e-5 && (b - 0.895061).abs() < 1e-5);
/// ```
pub fn umap_curve(least: f64) -> (f64, f64) {
    let points: Vec<(f64, f64)> = (1..300)
        .map(|i| 3.0 * f64::from(i) / 299.0)
        .map(|d| (d, if d < least { 1.0 } else { (least - d).exp() }))
        .collect();
    let squares = |a: f64, b: f64| -> f64 {
        points.iter().map(|(d, y)| (1.0 / (1.0 + a * d.powf(2.0 * b)) - y).powi(2)).sum()
    };
    let (mut a, mut b, mut damping) = (1.0, 1.0, 1e-3);
    for _ in 0..200 {
        // Normal equations of the linearised curve.
        let (mut aa, mut ab, mut bb, mut ra, mut rb) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (d, y) in &points {
            let power = d.powf(2.0 * b);
            let value = 1.0 / (1.0 + a * power);
            let (by_a, by_b) = (-power * value * value, -2.0 * a * power * d.ln() * value * value);
            (aa, ab, bb) = (aa + by_a * by_a, ab + by_a * by_b, bb + by_b * by_b);
            (ra, rb) = (ra + by_a * (y - value), rb + by_b * (y - value));
        }
        let (p, q) = (aa * (1.0 + damping), bb * (1.0 + damping));
        let determinant = p * q - ab * ab;
        let (to_a, to_b) = (a + (q * ra - ab * rb) / determinant, b + (p * rb - ab * ra) / determinant);
        if squares(to_a, to_b) < squares(a, b) {
            (a, b, damping) = (to_a, to_b, damping / 10.0);
        } else {
            damping *= 10.0;
        }
    }
    (a, b)
}

/// The loss of points `[N, K]` that stochastic steps with `negatives` random others for each edge lower in the mean (Damrich and Hamprecht 2021,
/// "On UMAP's true loss function", theorem 1), over the number of rows.
pub struct UmapLoss {
    /// `[N, N]`
    attraction: Tensor,
    /// `[N, N]`
    repulsion: Tensor,
    curve: (f64, f64),
}

impl UmapLoss {
    /// A graph by [`umap_graph`] and a curve by [`umap_curve`].
    ///
    /// # Errors
    /// Out of memory.
    pub fn new(
        device: &Device,
        graph: &[Vec<f64>],
        curve: (f64, f64),
        negatives: f64,
    ) -> autograd::Result<UmapLoss> {
        let n = graph.len();
        let degrees: Vec<f64> = graph.iter().map(|row| row.iter().sum()).collect();
        let pushed = |i: usize, j: usize| match i == j {
            true => 0.0,
            false => negatives * (degrees[i] + degrees[j]) / (2 * n) as f64,
        };
        let matrix = |entry: &dyn Fn(usize, usize) -> f64| {
            let values: Vec<f32> = (0..n * n).map(|at| (entry(at / n, at % n) / n as f64) as f32).collect();
            Tensor::from_slice(device, &values, &[n, n])
        };
        Ok(UmapLoss { attraction: matrix(&|i, j| graph[i][j])?, repulsion: matrix(&pushed)?, curve })
    }

    /// The loss of points `[N, K]`.
    #[track_caller]
    pub fn of(&self, points: &Tensor) -> Tensor {
        let norms = points.square().sum(&[1], true);
        let squares = (&norms + norms.t() - points.matmul(&points.t()) * 2.0).clamp_min(1e-6);
        let far = squares.pow(self.curve.1 as f32) * self.curve.0 as f32;
        // -log(1 / (1 + far)) and -log(far / (1 + far)); the second is bounded near 0 like umap-learn's gradient.
        let apart = far.log1p();
        let near = &apart - (&far + 1e-3).log();
        (&self.attraction * &apart + &self.repulsion * near).sum_all()
    }
}

/// How well a map `[N][..]` keeps the `k` nearest neighbours of rows `[N][..]`: 1 if no point of the map is among the `k` nearest of one to which
/// it was not (Venna and Kaski 2001, scikit-learn's `trustworthiness`).
///
/// ```
/// use methods::unsupervised::trustworthiness;
/// let rows: Vec<Vec<f64>> = [0.0, 1.0, 2.5, 4.5].map(|v| vec![v]).into();
/// assert_eq!(trustworthiness(&rows, &rows, 1), 1.0);
/// ```
pub fn trustworthiness(rows: &[Vec<f64>], map: &[Vec<f64>], k: usize) -> f64 {
    let n = rows.len();
    let mut intruded = 0.0;
    for i in 0..n {
        let mut rank = vec![0; n];
        by_distance(rows, i).into_iter().enumerate().for_each(|(r, (_, j))| rank[j] = r + 1);
        let shown = by_distance(map, i);
        intruded += shown[..k].iter().map(|(_, j)| rank[*j].saturating_sub(k) as f64).sum::<f64>();
    }
    1.0 - intruded * 2.0 / (n * k * (2 * n - 3 * k - 1)) as f64
}
