//! Fits of power laws.

/// A linear fit to the logarithms of points: `y = exp(intercept) x^slope`.
pub(super) struct PowerLaw {
    pub(super) slope: f64,
    intercept: f64,
    pub(super) r2: f64,
}

impl PowerLaw {
    pub(super) fn fit(points: &[(f64, f64)]) -> PowerLaw {
        let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
        let n = logs.len() as f64;
        let (mx, my) = logs.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + x / n, b + y / n));
        let sum = |f: &dyn Fn(f64, f64) -> f64| logs.iter().map(|&(x, y)| f(x - mx, y - my)).sum::<f64>();
        let (xx, xy, yy) = (sum(&|x, _| x * x), sum(&|x, y| x * y), sum(&|_, y| y * y));
        PowerLaw { slope: xy / xx, intercept: my - mx * xy / xx, r2: xy * xy / (xx * yy) }
    }

    pub(super) fn at(&self, x: f64) -> f64 {
        (self.intercept + self.slope * x.ln()).exp()
    }
}
