//! Convex quadratic programmes by the conditions of Karush, Kuhn and Tucker.

use faer::linalg::solvers::Solve;
use faer::{Col, Mat};

/// Minimise `x^T H x / 2 + c^T x` subject to `A x = b` and `G x <= h`, for a positive semidefinite `H`.
#[derive(Clone, Debug)]
pub struct QuadraticProgram {
    /// `H`, `[N, N]`
    pub hessian: Mat<f64>,
    /// `c`, `[N]`
    pub linear: Col<f64>,
    /// `A` and `b`, `[E, N]` and `[E]`
    pub equal: (Mat<f64>, Col<f64>),
    /// `G` and `h`, `[I, N]` and `[I]`
    pub at_most: (Mat<f64>, Col<f64>),
}

/// A minimum with its multipliers: `H x + c + A^T y + G^T z = 0`, `z >= 0`, and `z` is 0 where `G x < h`.
#[derive(Clone, Debug)]
pub struct Optimum {
    /// The minimum, `[N]`.
    pub x: Col<f64>,
    /// The multipliers of the equalities `[E]`: what the minimum falls by for a small increase of `b`.
    pub equal: Col<f64>,
    /// Those of the inequalities `[I]`.
    pub at_most: Col<f64>,
}

impl QuadraticProgram {
    /// `x^T H x / 2 + c^T x`
    pub fn value(&self, x: &Col<f64>) -> f64 {
        0.5 * (x.transpose() * &self.hessian * x) + self.linear.transpose() * x
    }

    /// The largest amount by which a point and its multipliers miss the conditions: stationarity, feasibility, signs and complementarity.
    pub fn missed(&self, at: &Optimum) -> f64 {
        let (a, b) = &self.equal;
        let (g, h) = &self.at_most;
        let slack = h - g * &at.x;
        let slope =
            &self.hessian * &at.x + &self.linear + a.transpose() * &at.equal + g.transpose() * &at.at_most;
        let off = a * &at.x - b;
        let signs = slack.iter().chain(at.at_most.iter()).map(|v| -v);
        let products = slack.iter().zip(at.at_most.iter()).map(|(s, z)| (s * z).abs());
        slope.iter().chain(off.iter()).map(|v| v.abs()).chain(signs).chain(products).fold(0.0, f64::max)
    }

    /// Solves it by a primal-dual interior-point method with predictor and corrector (Mehrotra 1992), in at most 100 steps. A problem without
    /// feasible points gives an answer that [`missed`](QuadraticProgram::missed) shows to be none.
    ///
    /// ```
    /// use faer::{Col, Mat};
    /// use methods::numerics::QuadraticProgram;
    /// // The point of the line x + y = 1 with x <= 0.2 that is nearest to the origin.
    /// let programme = QuadraticProgram {
    ///     hessian: Mat::identity(2, 2),
    ///     linear: Col::zeros(2),
    ///     equal: (Mat::from_fn(1, 2, |_, _| 1.0), Col::from_fn(1, |_| 1.0)),
    ///     at_most: (Mat::from_fn(1, 2, |_, j| if j == 0 { 1.0 } else { 0.0 }), Col::from_fn(1, |_| 0.2)),
    /// };
    /// let found = programme.solve();
    /// assert!((found.x[0] - 0.2).abs() < 1e-8 && (found.x[1] - 0.8).abs() < 1e-8);
    /// assert!((found.at_most[0] - 0.6).abs() < 1e-8 && programme.missed(&found) < 1e-8);
    /// ```
    pub fn solve(&self) -> Optimum {
        let (a, b) = &self.equal;
        let (g, h) = &self.at_most;
        let (n, e, i) = (self.linear.nrows(), a.nrows(), g.nrows());
        let mut x = Col::<f64>::zeros(n);
        let mut y = Col::<f64>::zeros(e);
        let (mut z, mut s) = (Col::from_fn(i, |_| 1.0), Col::from_fn(i, |_| 1.0));
        // Rounding ends the progress.
        let mut best = (f64::INFINITY, Optimum { x: x.clone(), equal: y.clone(), at_most: z.clone() });
        for _ in 0..100 {
            let dual = &self.hessian * &x + &self.linear + a.transpose() * &y + g.transpose() * &z;
            let primal = a * &x - b;
            let inside = g * &x + &s - h;
            let gap = if i == 0 { 0.0 } else { s.transpose() * &z / i as f64 };
            let worst =
                dual.iter().chain(primal.iter()).chain(inside.iter()).fold(gap, |w, v| w.max(v.abs()));
            if worst < best.0 {
                best = (worst, Optimum { x: x.clone(), equal: y.clone(), at_most: z.clone() });
            }
            if worst < 1e-12 || worst > 1e6 * best.0 {
                break;
            }
            // H, bordered by A, and by G with the slacks over their multipliers.
            let system = Mat::from_fn(n + e + i, n + e + i, |r, c| match (r.max(c), r.min(c)) {
                (r, c) if r < n => self.hessian[(r, c)],
                (r, c) if r < n + e && c < n => a[(r - n, c)],
                (r, _) if r < n + e => 0.0,
                (r, c) if c < n => g[(r - n - e, c)],
                (r, c) if r == c => -s[r - n - e] / z[r - n - e],
                _ => 0.0,
            });
            let factors = system.partial_piv_lu();
            // The step that makes the residuals 0 and the products s z those given.
            let step = |products: &dyn Fn(usize) -> f64| {
                let right = Col::from_fn(n + e + i, |r| match r {
                    r if r < n => -dual[r],
                    r if r < n + e => -primal[r - n],
                    r => s[r - n - e] - inside[r - n - e] - products(r - n - e) / z[r - n - e],
                });
                let found = factors.solve(&right);
                let part = |start: usize, count: usize| Col::from_fn(count, |r| found[start + r]);
                let (dx, dy, dz) = (part(0, n), part(n, e), part(n + e, i));
                let moved = g * &dx;
                let ds = Col::from_fn(i, |k| -inside[k] - moved[k]);
                (dx, dy, dz, ds)
            };
            let longest = |dz: &Col<f64>, ds: &Col<f64>| {
                let reach = |(v, d): (&f64, &f64)| if *d < 0.0 { -v / d } else { f64::INFINITY };
                z.iter().zip(dz.iter()).chain(s.iter().zip(ds.iter())).map(reach).fold(1.0, f64::min)
            };
            let (_, _, dz, ds) = step(&|_| 0.0);
            let most = longest(&dz, &ds);
            let after: f64 = (0..i).map(|k| (z[k] + most * dz[k]) * (s[k] + most * ds[k])).sum();
            let centre = if gap > 0.0 { (after / (i as f64 * gap)).powi(3) * gap } else { 0.0 };
            let (dx, dy, dz, ds) = step(&|k| centre - dz[k] * ds[k]);
            // All the way where no inequality is in it.
            let most = if i == 0 { 1.0 } else { (0.995 * longest(&dz, &ds)).min(1.0) };
            x += most * dx;
            y += most * dy;
            z += most * dz;
            s += most * ds;
        }
        best.1
    }
}
