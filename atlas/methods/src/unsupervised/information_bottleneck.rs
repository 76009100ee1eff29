//! The information bottleneck of a discrete joint distribution (Tishby, Pereira and Bialek 1999).

/// A code `T` of `X` that keeps what `X` tells about `Y`: `q(t | x)`, `q(t)` and `q(y | t)`, improved in turn like Blahut and Arimoto's
/// rate-distortion functions. All information is in nats.
///
/// ```
/// use methods::unsupervised::InformationBottleneck;
/// // Y is one of two halves of X, so two of four values can be one.
/// let joint = vec![vec![0.25, 0.0], vec![0.25, 0.0], vec![0.0, 0.25], vec![0.0, 0.25]];
/// let start = vec![vec![0.9, 0.1], vec![0.8, 0.2], vec![0.3, 0.7], vec![0.2, 0.8]];
/// let mut code = InformationBottleneck::new(joint, start);
/// code.iterate(20.0, 100);
/// assert!((code.rate() - 2f64.ln()).abs() < 1e-6 && (code.relevance() - 2f64.ln()).abs() < 1e-6);
/// ```
#[derive(Clone, Debug)]
pub struct InformationBottleneck {
    /// `p(x, y)`, `[X][Y]`.
    joint: Vec<Vec<f64>>,
    /// `q(t | x)`, `[X][T]`.
    encoder: Vec<Vec<f64>>,
}

fn sum_by(rows: &[Vec<f64>], weight: impl Fn(usize) -> f64) -> Vec<f64> {
    let width = rows.first().map_or(0, Vec::len);
    (0..width).map(|j| rows.iter().enumerate().map(|(i, row)| weight(i) * row[j]).sum()).collect()
}

/// `sum p log(p / q)`, where terms without `p` are 0.
fn divergence(p: &[f64], q: &[f64]) -> f64 {
    p.iter().zip(q).map(|(p, q)| if *p == 0.0 { 0.0 } else { p * (p / q).ln() }).sum()
}

impl InformationBottleneck {
    /// A joint distribution `[X][Y]` of sum 1, and the first encoder `[X][T]`, whose rows sum to 1.
    pub fn new(joint: Vec<Vec<f64>>, encoder: Vec<Vec<f64>>) -> InformationBottleneck {
        InformationBottleneck { joint, encoder }
    }

    /// `q(t | x)`, `[X][T]`.
    pub fn encoder(&self) -> &[Vec<f64>] {
        &self.encoder
    }

    fn inputs(&self) -> Vec<f64> {
        self.joint.iter().map(|row| row.iter().sum()).collect()
    }

    /// `q(t)` and `q(y | t)`.
    fn decoder(&self) -> (Vec<f64>, Vec<Vec<f64>>) {
        let inputs = self.inputs();
        let marginal = sum_by(&self.encoder, |x| inputs[x]);
        let row = |t: usize| -> Vec<f64> {
            let joint = sum_by(&self.joint, |x| self.encoder[x][t]);
            joint.into_iter().map(|p| p / marginal[t].max(f64::MIN_POSITIVE)).collect()
        };
        let rows = (0..marginal.len()).map(row).collect();
        (marginal, rows)
    }

    /// `steps` rounds for the objective `I(X; T) - beta I(T; Y)`, which none of them raises:
    /// `q(t | x)` becomes proportional to `q(t) exp(-beta KL(p(y | x) | q(y | t)))`.
    pub fn iterate(&mut self, beta: f64, steps: usize) {
        let inputs = self.inputs();
        for _ in 0..steps {
            let (marginal, decoder) = self.decoder();
            for (x, row) in self.encoder.iter_mut().enumerate() {
                let given: Vec<f64> = self.joint[x].iter().map(|p| p / inputs[x]).collect();
                let score = |t: usize| marginal[t].ln() - beta * divergence(&given, &decoder[t]);
                let scores: Vec<f64> = (0..marginal.len()).map(score).collect();
                let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let weights: Vec<f64> = scores.iter().map(|s| (s - largest).exp()).collect();
                let sum: f64 = weights.iter().sum();
                *row = weights.into_iter().map(|weight| weight / sum).collect();
            }
        }
    }

    /// `I(X; T)`.
    pub fn rate(&self) -> f64 {
        let (marginal, _) = self.decoder();
        self.encoder.iter().zip(self.inputs()).map(|(row, p)| p * divergence(row, &marginal)).sum()
    }

    /// `I(T; Y)`.
    pub fn relevance(&self) -> f64 {
        let (marginal, decoder) = self.decoder();
        let outputs = sum_by(&self.joint, |_| 1.0);
        marginal.iter().zip(&decoder).map(|(p, row)| p * divergence(row, &outputs)).sum()
    }
}
