//! Games of two players who choose at the same time.

use super::mdp::first_of_best;

/// A game by the payoffs `[row action][column action]` of both players.
///
/// ```
/// use methods::rl::MatrixGame;
/// // Rock, paper, scissors, where a rock wins 2 from scissors.
/// let game = MatrixGame::zero_sum(vec![vec![0.0, -1.0, 2.0], vec![1.0, 0.0, -1.0], vec![-2.0, 1.0, 0.0]]);
/// let equilibrium = [0.25, 0.5, 0.25];
/// assert_eq!(game.gap(&equilibrium, &equilibrium), 0.0);
/// assert_eq!(game.gap(&[1.0, 0.0, 0.0], &equilibrium), 1.0); // always the rock loses to the paper
/// ```
#[derive(Clone, Debug)]
pub struct MatrixGame {
    row: Vec<Vec<f64>>,
    column: Vec<Vec<f64>>,
}

/// The mixed strategies of both players.
pub type Strategies = [Vec<f64>; 2];

impl MatrixGame {
    /// # Panics
    /// When the payoffs are not two matrices of one shape.
    #[track_caller]
    pub fn new(row: Vec<Vec<f64>>, column: Vec<Vec<f64>>) -> MatrixGame {
        let (rows, columns) = (row.len(), row.first().map_or(0, Vec::len));
        let fits = |m: &Vec<Vec<f64>>| m.len() == rows && m.iter().all(|line| line.len() == columns);
        assert!(columns > 0 && fits(&row) && fits(&column), "MatrixGame: {row:?} and {column:?}");
        MatrixGame { row, column }
    }

    /// A game in which the column player pays what the row player gets.
    #[track_caller]
    pub fn zero_sum(row: Vec<Vec<f64>>) -> MatrixGame {
        let column = row.iter().map(|line| line.iter().map(|v| -v).collect()).collect();
        MatrixGame::new(row, column)
    }

    /// The expected payoff of each action of both players against the other's strategy.
    pub fn payoffs(&self, x: &[f64], y: &[f64]) -> Strategies {
        let of_rows = self.row.iter().map(|line| line.iter().zip(y).map(|(v, p)| v * p).sum());
        let of_columns = (0..y.len()).map(|j| self.column.iter().zip(x).map(|(line, p)| line[j] * p).sum());
        [of_rows.collect(), of_columns.collect()]
    }

    /// What both players together could gain by their best answers: 0 at Nash equilibria alone.
    pub fn gap(&self, x: &[f64], y: &[f64]) -> f64 {
        let payoffs = self.payoffs(x, y);
        let gain = |payoffs: &[f64], own: &[f64]| {
            let got: f64 = payoffs.iter().zip(own).map(|(v, p)| v * p).sum();
            payoffs.iter().copied().fold(f64::MIN, f64::max) - got
        };
        gain(&payoffs[0], x) + gain(&payoffs[1], y)
    }

    /// Fictitious play (Brown 1951): both players answer best to the other's mean so far. Returns the mean strategies after each round. They
    /// tend to an equilibrium of zero-sum games (Robinson 1951), but not of all games (Shapley 1964).
    pub fn fictitious_play(&self, rounds: usize) -> Vec<Strategies> {
        // The first actions are the first ones.
        let mut counts = [unit(self.row.len(), 0), unit(self.row[0].len(), 0)];
        let mut means = vec![counts.clone()];
        for round in 1..rounds {
            let [x, y] = &means[round - 1];
            for (counts, payoffs) in counts.iter_mut().zip(self.payoffs(x, y)) {
                counts[first_of_best(&payoffs)] += 1.0;
            }
            means.push(counts.clone().map(|counts| scaled(counts, round as f64 + 1.0)));
        }
        means
    }

    /// Regret matching (Hart and Mas-Colell 2000) on expected payoffs: an action's probability is proportional to what it would have gained
    /// over the past strategies, if positive. Returns the mean strategies after each round. A player's regret after `T` rounds is at most
    /// `range sqrt(actions T)`, with the range of the payoffs, and the [gap](MatrixGame::gap) of a zero-sum game at most the sum of both
    /// regrets over `T`.
    pub fn regret_matching(&self, rounds: usize) -> Vec<Strategies> {
        let sizes = [self.row.len(), self.row[0].len()];
        let mut regrets = sizes.map(|size| vec![0.0; size]);
        let mut sums = regrets.clone();
        let mut means = Vec::new();
        for round in 0..rounds {
            let [x, y] = [0, 1].map(|p| match round {
                // Equal regrets of an equilibrium would leave nothing to see.
                0 => unit(sizes[p], 0),
                _ => positive_part(&regrets[p]),
            });
            let payoffs = self.payoffs(&x, &y);
            for (p, own) in [x, y].into_iter().enumerate() {
                let got: f64 = payoffs[p].iter().zip(&own).map(|(v, q)| v * q).sum();
                regrets[p].iter_mut().zip(&payoffs[p]).for_each(|(regret, v)| *regret += v - got);
                sums[p].iter_mut().zip(&own).for_each(|(sum, q)| *sum += q);
            }
            means.push(sums.clone().map(|sums| scaled(sums, round as f64 + 1.0)));
        }
        means
    }

    /// Multiplicative weights: both players multiply their probabilities by `exp(rate payoff)` at the same time. Returns the strategies
    /// themselves, from `start` on. They move away from an equilibrium of a zero-sum game in which all actions are played (Bailey and
    /// Piliouras 2018), but towards it if `optimistic`, with twice the payoff less that of the round before (Daskalakis and Panageas 2019).
    pub fn multiplicative_weights(
        &self,
        start: Strategies,
        rate: f64,
        rounds: usize,
        optimistic: bool,
    ) -> Vec<Strategies> {
        let mut before = self.payoffs(&start[0], &start[1]);
        let mut path = vec![start];
        for round in 1..rounds {
            let mut next = path[round - 1].clone();
            let payoffs = self.payoffs(&next[0], &next[1]);
            for p in 0..2 {
                for (a, probability) in next[p].iter_mut().enumerate() {
                    let ahead = if optimistic { payoffs[p][a] - before[p][a] } else { 0.0 };
                    *probability *= (rate * (payoffs[p][a] + ahead)).exp();
                }
                let sum = next[p].iter().sum();
                next[p] = scaled(std::mem::take(&mut next[p]), sum);
            }
            before = payoffs;
            path.push(next);
        }
        path
    }
}

fn unit(size: usize, at: usize) -> Vec<f64> {
    (0..size).map(|i| f64::from(u8::from(i == at))).collect()
}

fn scaled(values: Vec<f64>, by: f64) -> Vec<f64> {
    values.into_iter().map(|v| v / by).collect()
}

/// The positive parts of the regrets as probabilities; uniform if none is positive.
fn positive_part(regrets: &[f64]) -> Vec<f64> {
    let sum: f64 = regrets.iter().map(|r| r.max(0.0)).sum();
    let share = |r: &f64| if sum > 0.0 { r.max(0.0) / sum } else { 1.0 / regrets.len() as f64 };
    regrets.iter().map(share).collect()
}
