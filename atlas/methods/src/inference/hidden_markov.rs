//! Hidden Markov models of discrete observations.

use data::Draws;

/// A Markov chain of hidden states, each of which emits a symbol (Rabiner 1989).
///
/// ```
/// use methods::inference::HiddenMarkov;
/// let model = HiddenMarkov {
///     start: vec![0.5, 0.5],
///     transition: vec![vec![0.9, 0.1], vec![0.1, 0.9]],
///     emission: vec![vec![0.8, 0.2], vec![0.3, 0.7]],
/// };
/// let smoothed = model.forward_backward(&[0, 0, 1]);
/// // The sum over all eight ways of the hidden states.
/// assert!((smoothed.log_likelihood - 0.109125f64.ln()).abs() < 1e-12);
/// assert_eq!(model.viterbi(&[0, 0, 1]), [0, 0, 0]);
/// ```
#[derive(Clone, Debug)]
pub struct HiddenMarkov {
    /// Probabilities of the first state, `[S]`.
    pub start: Vec<f64>,
    /// `[S][S]`, from a state to the next.
    pub transition: Vec<Vec<f64>>,
    /// `[S][symbols]`.
    pub emission: Vec<Vec<f64>>,
}

/// What the observations tell about the hidden states.
#[derive(Clone, Debug)]
pub struct Smoothed {
    /// The probabilities of the states at each time given all observations, `[T][S]`.
    pub states: Vec<Vec<f64>>,
    /// Those of two states that follow each other, `[T - 1][S][S]`.
    pub pairs: Vec<Vec<Vec<f64>>>,
    /// The logarithm of the observations' probability.
    pub log_likelihood: f64,
}

impl HiddenMarkov {
    /// Draws `steps` states and the symbols they emit.
    pub fn sample(&self, steps: usize, draws: &mut Draws) -> (Vec<usize>, Vec<usize>) {
        let mut states: Vec<usize> = Vec::with_capacity(steps);
        for t in 0..steps {
            let weights = if t == 0 { &self.start } else { &self.transition[states[t - 1]] };
            states.push(draws.weighted(weights));
        }
        let symbols = states.iter().map(|&state| draws.weighted(&self.emission[state])).collect();
        (states, symbols)
    }

    /// The probability of states together with what is observed.
    pub fn joint(&self, states: &[usize], seen: &[usize]) -> f64 {
        let moved: f64 = states.windows(2).map(|pair| self.transition[pair[0]][pair[1]]).product();
        let emitted: f64 =
            states.iter().zip(seen).map(|(&state, &symbol)| self.emission[state][symbol]).product();
        self.start[states[0]] * moved * emitted
    }

    /// The forward-backward algorithm (Baum et al. 1970), with messages scaled to sum to 1 so that long sequences do not underflow.
    pub fn forward_backward(&self, seen: &[usize]) -> Smoothed {
        let count = self.start.len();
        let (mut forward, mut scales) = (Vec::<Vec<f64>>::new(), Vec::new());
        for (t, &symbol) in seen.iter().enumerate() {
            let reached = |state: usize| match t {
                0 => self.start[state],
                _ => (0..count).map(|from| forward[t - 1][from] * self.transition[from][state]).sum(),
            };
            let message: Vec<f64> = (0..count).map(|s| reached(s) * self.emission[s][symbol]).collect();
            let scale: f64 = message.iter().sum();
            scales.push(scale);
            forward.push(message.into_iter().map(|v| v / scale).collect());
        }
        let mut backward = vec![vec![1.0; count]; seen.len()];
        let mut pairs = vec![vec![vec![0.0; count]; count]; seen.len().saturating_sub(1)];
        for t in (0..pairs.len()).rev() {
            for from in 0..count {
                let to = |s: usize| {
                    self.transition[from][s] * self.emission[s][seen[t + 1]] * backward[t + 1][s]
                        / scales[t + 1]
                };
                let ways: Vec<f64> = (0..count).map(to).collect();
                backward[t][from] = ways.iter().sum();
                pairs[t][from] = ways.iter().map(|way| way * forward[t][from]).collect();
            }
        }
        let product = |(a, b): (&Vec<f64>, &Vec<f64>)| a.iter().zip(b).map(|(a, b)| a * b).collect();
        let states = forward.iter().zip(&backward).map(product).collect();
        Smoothed { states, pairs, log_likelihood: scales.iter().map(|scale| scale.ln()).sum() }
    }

    /// The most probable states (Viterbi 1967).
    pub fn viterbi(&self, seen: &[usize]) -> Vec<usize> {
        let count = self.start.len();
        let score = |state: usize, symbol: usize| self.emission[state][symbol].ln();
        let mut best: Vec<f64> = (0..count).map(|s| self.start[s].ln() + score(s, seen[0])).collect();
        let mut from: Vec<Vec<usize>> = Vec::new();
        for &symbol in &seen[1..] {
            let way = |a: usize, b: usize| best[a] + self.transition[a][b].ln();
            let came = |b| (0..count).max_by(|&a, &c| way(a, b).total_cmp(&way(c, b))).unwrap_or(0);
            let parents: Vec<usize> = (0..count).map(came).collect();
            best = (0..count).map(|b| way(parents[b], b) + score(b, symbol)).collect();
            from.push(parents);
        }
        let last = (0..count).max_by(|&a, &b| best[a].total_cmp(&best[b])).unwrap_or(0);
        let mut path = vec![last];
        for parents in from.iter().rev() {
            path.push(parents[path[path.len() - 1]]);
        }
        path.reverse();
        path
    }

    /// A step of expectation maximisation (Baum and Welch) on sequences; returns their log-likelihood before it, which never falls.
    pub fn baum_welch(&mut self, sequences: &[Vec<usize>]) -> f64 {
        let (mut start, mut transition) =
            (vec![0.0; self.start.len()], vec![vec![0.0; self.start.len()]; self.start.len()]);
        let mut emission: Vec<Vec<f64>> = self.emission.iter().map(|row| vec![0.0; row.len()]).collect();
        let mut log_likelihood = 0.0;
        for seen in sequences {
            let found = self.forward_backward(seen);
            log_likelihood += found.log_likelihood;
            start.iter_mut().zip(&found.states[0]).for_each(|(sum, p)| *sum += p);
            for (state, row) in emission.iter_mut().enumerate() {
                seen.iter().zip(&found.states).for_each(|(&symbol, p)| row[symbol] += p[state]);
            }
            for pair in &found.pairs {
                for (sums, row) in transition.iter_mut().zip(pair) {
                    sums.iter_mut().zip(row).for_each(|(sum, p)| *sum += p);
                }
            }
        }
        self.start = normalized(start);
        self.transition = transition.into_iter().map(normalized).collect();
        self.emission = emission.into_iter().map(normalized).collect();
        log_likelihood
    }
}

fn normalized(row: Vec<f64>) -> Vec<f64> {
    let sum: f64 = row.iter().sum();
    row.into_iter().map(|v| v / sum).collect()
}
