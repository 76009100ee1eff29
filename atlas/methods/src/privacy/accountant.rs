//! The privacy that noisy steps cost, by moments (Abadi et al. 2016) in the form of Renyi divergences (Mironov 2017).

use crate::inference::normal_cdf;

/// The Renyi divergence of order `order` that a step on a Poisson sample at `rate` costs, if normal noise of deviation `noise` is added to a
/// sum that one example changes by at most 1 (Mironov, Talwar and Zhang 2019, "Renyi differential privacy of the sampled Gaussian
/// mechanism", equation 6).
///
/// ```
/// use methods::privacy::sampled_gaussian_rdp;
/// // All examples: order / (2 noise^2).
/// assert_eq!(sampled_gaussian_rdp(1.0, 2.0, 8), 1.0);
/// // Order 2: log(1 + rate^2 (exp(1 / noise^2) - 1)).
/// let exact = (1.0 + 0.01 * (0.25f64.exp() - 1.0)).ln();
/// assert!((sampled_gaussian_rdp(0.1, 2.0, 2) - exact).abs() < 1e-14);
/// ```
///
/// # Panics
/// When `rate` is not a probability, `noise` is not above 0, or `order` is below 2.
#[track_caller]
pub fn sampled_gaussian_rdp(rate: f64, noise: f64, order: u32) -> f64 {
    assert!(
        (0.0..=1.0).contains(&rate) && noise > 0.0 && order >= 2,
        "sampled_gaussian_rdp: rate {rate}, noise {noise}, order {order}"
    );
    let a = f64::from(order);
    if rate == 1.0 {
        return a / (2.0 * noise * noise);
    }
    let log_choose = |k: f64| libm::lgamma(a + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(a - k + 1.0);
    let term = |k: f64| {
        let drawn = if k > 0.0 { k * rate.ln() } else { 0.0 };
        log_choose(k) + drawn + (a - k) * (-rate).ln_1p() + k * (k - 1.0) / (2.0 * noise * noise)
    };
    let terms: Vec<f64> = (0..=order).map(|k| term(f64::from(k))).collect();
    let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (largest + terms.iter().map(|t| (t - largest).exp()).sum::<f64>().ln()) / (a - 1.0)
}

/// The smallest `delta` for which a sum with normal noise is `(epsilon, delta)`-private, without sampling: exact (Balle and Wang 2018,
/// "Improving the Gaussian mechanism for differential privacy", theorem 8). `T` steps are one with noise divided by the root of `T`.
///
/// ```
/// use methods::privacy::gaussian_delta;
/// // At epsilon 0, it is the total variation of two normal distributions one apart.
/// assert!((gaussian_delta(0.0, 1.0) - 0.382_924_922_548_026).abs() < 1e-12);
/// ```
pub fn gaussian_delta(epsilon: f64, noise: f64) -> f64 {
    let (half, shift) = (0.5 / noise, epsilon * noise);
    normal_cdf(half - shift) - epsilon.exp() * normal_cdf(-half - shift)
}

/// Adds up what steps cost at the orders 2 to 256.
///
/// ```
/// use methods::privacy::RdpAccountant;
/// let mut accountant = RdpAccountant::default();
/// accountant.add(1.0, 5.0, 10);
/// // opacus 1.5.2, at these orders
/// assert!((accountant.epsilon(1e-5) - 2.814_109_167_845_533).abs() < 1e-9);
/// ```
#[derive(Clone, Debug)]
pub struct RdpAccountant {
    /// Of orders 2, 3, ...
    spent: Vec<f64>,
}

impl Default for RdpAccountant {
    fn default() -> RdpAccountant {
        RdpAccountant { spent: vec![0.0; 255] }
    }
}

impl RdpAccountant {
    /// `steps` steps, each on a Poisson sample at `rate` with noise of `noise` times the bound of an example's gradient.
    ///
    /// # Panics
    /// As [`sampled_gaussian_rdp`].
    #[track_caller]
    pub fn add(&mut self, rate: f64, noise: f64, steps: usize) {
        for (order, spent) in (2..).zip(&mut self.spent) {
            *spent += steps as f64 * sampled_gaussian_rdp(rate, noise, order);
        }
    }

    /// The smallest `epsilon` of `(epsilon, delta)`-privacy that the orders prove (Canonne, Kamath and Steinke 2020, "The discrete Gaussian
    /// for differential privacy", proposition 12).
    pub fn epsilon(&self, delta: f64) -> f64 {
        let proven = |(order, spent): (u32, &f64)| {
            let a = f64::from(order);
            spent - (delta.ln() + a.ln()) / (a - 1.0) + ((a - 1.0) / a).ln()
        };
        (2..).zip(&self.spent).map(proven).fold(f64::INFINITY, f64::min).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::sampled_gaussian_rdp;

    /// The divergence of a mixture of two normal distributions from one of them, by the trapezoidal rule.
    fn integrated(rate: f64, noise: f64, order: f64) -> f64 {
        let step = 1e-3;
        let terms = (-40_000..80_000).map(|i| {
            let x = f64::from(i) * step;
            let density = (-0.5 * (x / noise).powi(2)).exp() / (noise * std::f64::consts::TAU.sqrt());
            let ratio = (1.0 - rate) + rate * ((2.0 * x - 1.0) / (2.0 * noise * noise)).exp();
            density * ratio.powf(order) * step
        });
        terms.sum::<f64>().ln() / (order - 1.0)
    }

    #[test]
    fn divergences_are_integrals() {
        for (rate, noise, order) in [(0.1, 2.0, 2), (0.01, 1.0, 5), (0.3, 1.5, 8), (0.05, 4.0, 32)] {
            let (found, exact) =
                (sampled_gaussian_rdp(rate, noise, order), integrated(rate, noise, order.into()));
            assert!((found / exact - 1.0).abs() < 1e-9, "{rate} {noise} {order}: {found}, not {exact}");
        }
    }
}
