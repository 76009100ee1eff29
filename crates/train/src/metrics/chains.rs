//! Convergence and effective sample size of Markov chains (Gelman et al. 2013, section 11.4; Vehtari et al. 2021).
//! Every chain is split into halves, so that a drift within a chain shows, too.

/// Split R-hat of chains of equal length (ArviZ's `rhat(method="split")`): how much wider the spread of all draws is than that of single
/// half chains. It is 1 for chains that have mixed; above 1.01 they have not. NaN if all draws are equal.
///
/// ```
/// use train::metrics::r_hat;
/// let apart = r_hat(&[&[0.0, 1.0, 0.0, 1.0], &[4.0, 5.0, 4.0, 5.0]]);
/// assert!((apart - 11.166_667f64.sqrt()).abs() < 1e-6);
/// ```
///
/// # Panics
/// When there are no chains, they have fewer than 4 draws, or their lengths differ.
#[track_caller]
pub fn r_hat(chains: &[&[f64]]) -> f64 {
    let halves = halves("r_hat", chains);
    let (within, between) = (within(&halves), between(&halves));
    let n = halves[0].len() as f64;
    (((n - 1.0) / n * within + between) / within).sqrt()
}

/// The number of independent draws that would estimate the mean as well as these chains of equal length (ArviZ's `ess(method="mean")`),
/// from the autocorrelations of the half chains, cut off by Geyer's initial monotone sequence. The number of draws if all are equal.
///
/// ```
/// use train::metrics::effective_sample_size;
/// // Strongly correlated draws.
/// let chain = [0.3, 0.5, 0.1, -0.2, -0.4, 0.2, 0.6, 0.4, -0.1, -0.5, -0.3, 0.0];
/// assert!((effective_sample_size(&[&chain]) - 8.278_279).abs() < 1e-6);
/// ```
///
/// # Panics
/// As [`r_hat`].
#[track_caller]
pub fn effective_sample_size(chains: &[&[f64]]) -> f64 {
    let halves = halves("effective_sample_size", chains);
    let draws = (halves.len() * halves[0].len()) as f64;
    let first = halves[0][0];
    if halves.iter().all(|half| half.iter().all(|&x| x == first)) {
        return draws;
    }
    let (within, n) = (within(&halves), halves[0].len() as f64);
    let all = within * (n - 1.0) / n + between(&halves);
    let correlation = |lag: usize| {
        let covariance = halves.iter().map(|half| autocovariance(half, lag)).sum::<f64>();
        1.0 - (within - covariance / halves.len() as f64) / all
    };
    draws / autocorrelation_time(correlation, halves[0].len()).max(1.0 / draws.log10())
}

/// `1 + 2 * sum` of the autocorrelations from lag 1 on, until the sum of a pair of neighbours is not positive; each pair's sum is
/// limited to that of the pair before.
fn autocorrelation_time(correlation: impl Fn(usize) -> f64, n: usize) -> f64 {
    let mut pairs = vec![[1.0, correlation(1)]];
    let mut last = pairs[0];
    while 2 * pairs.len() < n - 2 && last[0] + last[1] > 0.0 {
        let lag = 2 * pairs.len();
        last = [correlation(lag), correlation(lag + 1)];
        pairs.push(last);
    }
    // Of the last pair only the even lag counts, if positive.
    let end = pairs.pop().map_or(0.0, |pair| pair[0].max(0.0));
    for i in 1..pairs.len() {
        let before = pairs[i - 1][0] + pairs[i - 1][1];
        if pairs[i][0] + pairs[i][1] > before {
            pairs[i] = [before / 2.0; 2];
        }
    }
    2.0 * pairs.as_flattened().iter().sum::<f64>() - 1.0 + end
}

#[track_caller]
fn halves<'a>(metric: &str, chains: &[&'a [f64]]) -> Vec<&'a [f64]> {
    let draws = chains.first().map_or(0, |c| c.len());
    assert!(draws >= 4, "{metric}: {} chains of {draws} draws", chains.len());
    assert!(chains.iter().all(|c| c.len() == draws), "{metric}: chains of different lengths");
    // For an odd number of draws, the middle one is in neither half.
    let half = draws / 2;
    chains.iter().flat_map(|c| [&c[..half], &c[draws - half..]]).collect()
}

/// The mean of the chains' variances.
fn within(chains: &[&[f64]]) -> f64 {
    chains.iter().map(|c| variance(c)).sum::<f64>() / chains.len() as f64
}

/// The variance of the chains' means.
fn between(chains: &[&[f64]]) -> f64 {
    variance(&chains.iter().map(|c| mean(c)).collect::<Vec<f64>>())
}

fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

fn variance(x: &[f64]) -> f64 {
    let mean = mean(x);
    x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (x.len() - 1) as f64
}

fn autocovariance(x: &[f64], lag: usize) -> f64 {
    let mean = mean(x);
    x.iter().zip(&x[lag..]).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>() / x.len() as f64
}
