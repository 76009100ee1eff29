//! Temporal-difference learning in a table.

use super::mdp::first_of_best;
use data::Draws;

/// A table of action values, learned from single steps; initially 0.
///
/// ```
/// use methods::rl::QTable;
/// let mut q = QTable::new(2, 2, 0.9);
/// q.q_learning(0, 1, 1.0, Some(1), 0.5);
/// assert_eq!(q.row(0), [0.0, 0.5]);
/// q.sarsa(1, 0, 0.0, Some((0, 1)), 1.0);
/// assert_eq!(q.row(1), [0.45, 0.0]);
/// ```
#[derive(Clone, Debug)]
pub struct QTable {
    values: Vec<Vec<f64>>,
    gamma: f64,
}

impl QTable {
    /// A table of zeros `[states, actions]`, with the discount `gamma` of future rewards.
    pub fn new(states: usize, actions: usize, gamma: f64) -> QTable {
        QTable { values: vec![vec![0.0; actions]; states], gamma }
    }

    /// The values of a state's actions.
    pub fn row(&self, state: usize) -> &[f64] {
        &self.values[state]
    }

    /// The first of the best actions of a state.
    pub fn greedy(&self, state: usize) -> usize {
        first_of_best(&self.values[state])
    }

    /// A random action with probability `epsilon`, else one of the best.
    pub fn epsilon_greedy(&self, state: usize, epsilon: f64, draws: &mut Draws) -> usize {
        let row = &self.values[state];
        if draws.happens(epsilon) {
            return draws.below(row.len() as u32) as usize;
        }
        let best = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let equal: Vec<usize> = (0..row.len()).filter(|&action| best - row[action] < 1e-9).collect();
        *draws.pick(&equal)
    }

    /// Q-learning (Watkins 1989): a step towards `reward + gamma max Q(next, ..)`, with `next` `None` at the end. Learns the values of the
    /// optimal policy, whatever policy is followed.
    pub fn q_learning(&mut self, state: usize, action: usize, reward: f64, next: Option<usize>, rate: f64) {
        let follows = next.map_or(0.0, |next| self.values[next].iter().copied().fold(f64::MIN, f64::max));
        self.towards(state, action, reward + self.gamma * follows, rate);
    }

    /// SARSA (Rummery and Niranjan 1994): a step towards `reward + gamma Q(next, its action)`. Learns the values of the policy followed.
    pub fn sarsa(
        &mut self,
        state: usize,
        action: usize,
        reward: f64,
        next: Option<(usize, usize)>,
        rate: f64,
    ) {
        let follows = next.map_or(0.0, |(next, action)| self.values[next][action]);
        self.towards(state, action, reward + self.gamma * follows, rate);
    }

    fn towards(&mut self, state: usize, action: usize, target: f64, rate: f64) {
        let value = &mut self.values[state][action];
        *value += rate * (target - *value);
    }
}
