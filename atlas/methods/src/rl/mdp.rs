//! Finite Markov decision processes with known transitions, solved exactly.

use data::Draws;

/// A possible outcome of an action.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Successor {
    /// Share of the action's outcomes, in `0..=1`.
    pub probability: f64,
    /// The next state.
    pub next: usize,
    /// The reward of this outcome.
    pub reward: f64,
}

/// A Markov decision process: `outcomes[state][action]`, and the discount. A state without actions is terminal and has value 0.
///
/// ```
/// use methods::rl::{Mdp, Successor};
/// // Stay for a reward of 1, or leave for a reward of 5 and end.
/// let sure = |next, reward| vec![Successor { probability: 1.0, next, reward }];
/// let mdp = Mdp::new(vec![vec![sure(0, 1.0), sure(1, 5.0)], vec![]], 0.9);
/// let (values, _) = mdp.value_iteration(1e-9);
/// assert!((values[0] - 10.0).abs() < 1e-6); // 1 / (1 - 0.9), and not 5
/// assert_eq!(mdp.greedy(&values), [0, 0]);
/// ```
#[derive(Clone, Debug)]
pub struct Mdp {
    outcomes: Vec<Vec<Vec<Successor>>>,
    gamma: f64,
}

impl Mdp {
    /// # Panics
    /// When the probabilities of an action do not sum to 1, a next state does not exist or the discount is not in `0..=1`.
    #[track_caller]
    pub fn new(outcomes: Vec<Vec<Vec<Successor>>>, gamma: f64) -> Mdp {
        assert!((0.0..=1.0).contains(&gamma), "Mdp: discount {gamma}");
        for action in outcomes.iter().flatten() {
            let sum: f64 = action.iter().map(|outcome| outcome.probability).sum();
            assert!((sum - 1.0).abs() < 1e-9, "Mdp: the probabilities of {action:?} sum to {sum}");
            let known = action.iter().all(|outcome| outcome.next < outcomes.len());
            assert!(known, "Mdp: {action:?} among {} states", outcomes.len());
        }
        Mdp { outcomes, gamma }
    }

    /// The number of states.
    pub fn states(&self) -> usize {
        self.outcomes.len()
    }

    /// The number of actions of a state; 0 if it is terminal.
    pub fn actions(&self, state: usize) -> usize {
        self.outcomes[state].len()
    }

    /// The discount of future rewards, in `0..=1`.
    pub fn gamma(&self) -> f64 {
        self.gamma
    }

    /// The possible outcomes of an action; their probabilities sum to 1.
    pub fn outcomes(&self, state: usize, action: usize) -> &[Successor] {
        &self.outcomes[state][action]
    }

    /// Takes an action: samples one of its outcomes.
    pub fn step(&self, state: usize, action: usize, draws: &mut Draws) -> Successor {
        let outcomes = self.outcomes(state, action);
        let probabilities: Vec<f64> = outcomes.iter().map(|outcome| outcome.probability).collect();
        outcomes[draws.weighted(&probabilities)]
    }

    /// The action values `Q(state, ..)`: the expected reward of every action plus the discounted value of the next state.
    pub fn action_values(&self, state: usize, values: &[f64]) -> Vec<f64> {
        let of =
            |outcome: &Successor| outcome.probability * (outcome.reward + self.gamma * values[outcome.next]);
        self.outcomes[state].iter().map(|outcomes| outcomes.iter().map(of).sum()).collect()
    }

    /// Bellman's optimality operator: the value of the best action of every state.
    pub fn backup(&self, values: &[f64]) -> Vec<f64> {
        let best = |state| self.action_values(state, values).into_iter().reduce(f64::max).unwrap_or(0.0);
        (0..self.states()).map(best).collect()
    }

    /// Value iteration from 0 until no value changes by `tolerance` or more. Returns the values, and the largest change of each sweep,
    /// which shrinks at least by the discount factor from sweep to sweep.
    pub fn value_iteration(&self, tolerance: f64) -> (Vec<f64>, Vec<f64>) {
        let mut values = vec![0.0; self.states()];
        let mut changes = Vec::new();
        loop {
            let next = self.backup(&values);
            changes.push(furthest(&values, &next));
            values = next;
            if changes.last().is_some_and(|&change| change < tolerance) {
                return (values, changes);
            }
        }
    }

    /// The first of the best actions of every state; 0 for terminal states.
    pub fn greedy(&self, values: &[f64]) -> Vec<usize> {
        (0..self.states()).map(|state| first_of_best(&self.action_values(state, values))).collect()
    }

    /// The uniform policy, `[state][action]`.
    pub fn uniform_policy(&self) -> Vec<Vec<f64>> {
        self.outcomes.iter().map(|actions| vec![1.0 / actions.len() as f64; actions.len()]).collect()
    }

    /// The epsilon-greedy policy of `actions` (one per state), `[state][action]`: a uniformly random action with probability `epsilon`,
    /// else the given one.
    pub fn epsilon_greedy_policy(&self, actions: &[usize], epsilon: f64) -> Vec<Vec<f64>> {
        let mut policy = self.uniform_policy();
        for (probabilities, &best) in policy.iter_mut().zip(actions) {
            probabilities.iter_mut().for_each(|p| *p *= epsilon);
            if let Some(p) = probabilities.get_mut(best) {
                *p += 1.0 - epsilon;
            }
        }
        policy
    }

    /// The process as seen by an agent whose chosen action is replaced by a random one with probability `epsilon`: its optimal policy is
    /// the best epsilon-greedy policy of the original process.
    pub fn exploring(&self, epsilon: f64) -> Mdp {
        let scaled = |outcomes: &[Successor], share: f64| {
            let outcome = |o: &Successor| Successor { probability: share * o.probability, ..*o };
            outcomes.iter().map(outcome).collect::<Vec<_>>()
        };
        let mixed = |actions: &Vec<Vec<Successor>>| {
            let random: Vec<Successor> =
                actions.iter().flat_map(|any| scaled(any, epsilon / actions.len() as f64)).collect();
            actions.iter().map(|chosen| [scaled(chosen, 1.0 - epsilon), random.clone()].concat()).collect()
        };
        Mdp { outcomes: self.outcomes.iter().map(mixed).collect(), gamma: self.gamma }
    }

    /// The process with rewards shaped by a potential of every state (Ng, Harada and Russell 1999): `reward + gamma potential(next) -
    /// potential(state)`. All values fall by the potential, and the optimal policies stay.
    ///
    /// # Panics
    /// When there is not one potential a state, or that of a terminal state is not 0.
    #[track_caller]
    pub fn shaped(&self, potential: &[f64]) -> Mdp {
        assert_eq!(potential.len(), self.states(), "Mdp: potentials of {} states", self.states());
        let mut outcomes = self.outcomes.clone();
        for (actions, here) in outcomes.iter_mut().zip(potential) {
            assert!(!actions.is_empty() || *here == 0.0, "Mdp: a terminal state of potential {here}");
            for outcome in actions.iter_mut().flatten() {
                outcome.reward += self.gamma * potential[outcome.next] - here;
            }
        }
        Mdp { outcomes, gamma: self.gamma }
    }

    /// Bellman's equations of a policy `[state][action]`, as the linear system `(I - gamma P) values = rewards`: the rows of the matrix,
    /// and the right-hand side.
    pub fn bellman_system(&self, policy: &[Vec<f64>]) -> (Vec<Vec<f64>>, Vec<f64>) {
        let states = self.states();
        let mut matrix = vec![vec![0.0; states]; states];
        let mut rewards = vec![0.0; states];
        for (state, actions) in self.outcomes.iter().enumerate() {
            matrix[state][state] = 1.0;
            for (outcomes, chosen) in actions.iter().zip(&policy[state]) {
                for outcome in outcomes {
                    let weight = chosen * outcome.probability;
                    matrix[state][outcome.next] -= self.gamma * weight;
                    rewards[state] += weight * outcome.reward;
                }
            }
        }
        (matrix, rewards)
    }

    /// The values of a policy `[state][action]`: the solution of its [Bellman equations](Mdp::bellman_system).
    ///
    /// # Panics
    /// When there is no solution: a policy that never ends, without discount.
    #[track_caller]
    pub fn evaluate(&self, policy: &[Vec<f64>]) -> Vec<f64> {
        let (matrix, rewards) = self.bellman_system(policy);
        solve(matrix, rewards).expect("Mdp: a policy that does not end has no values without discount")
    }

    /// Policy iteration (Howard 1960): evaluates a policy and makes it greedy in its values, until it no longer changes. Returns the
    /// values, and all policies in order, starting with action 0 everywhere.
    ///
    /// # Panics
    /// As [`evaluate`](Mdp::evaluate).
    #[track_caller]
    pub fn policy_iteration(&self) -> (Vec<f64>, Vec<Vec<usize>>) {
        let mut policies = vec![vec![0; self.states()]];
        loop {
            let policy = &policies[policies.len() - 1];
            let values = self.evaluate(&self.epsilon_greedy_policy(policy, 0.0));
            // On ties the action is kept, so that rounding cannot make it alternate between two policies.
            let improve = |state: usize| {
                let found = self.action_values(state, &values);
                let best = first_of_best(&found);
                if found.is_empty() || found[best] - found[policy[state]] < 1e-9 {
                    policy[state]
                } else {
                    best
                }
            };
            let next: Vec<usize> = (0..self.states()).map(improve).collect();
            if next == *policy {
                return (values, policies);
            }
            policies.push(next);
        }
    }
}

/// The largest absolute difference between two vectors of values.
fn furthest(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// The first index of the largest value, up to rounding; 0 if there are no values.
pub(super) fn first_of_best(values: &[f64]) -> usize {
    let best = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    values.iter().position(|value| best - value < 1e-9).unwrap_or(0)
}

/// Solves a linear system by elimination with partial pivoting; `None` if it is singular.
fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Option<Vec<f64>> {
    let n = right.len();
    for column in 0..n {
        let pivot =
            (column..n).max_by(|&a, &b| matrix[a][column].abs().total_cmp(&matrix[b][column].abs()))?;
        if matrix[pivot][column].abs() < 1e-12 {
            return None;
        }
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        let (above, below) = matrix.split_at_mut(column + 1);
        let source = &above[column];
        for (offset, row) in below.iter_mut().enumerate() {
            let factor = row[column] / source[column];
            row.iter_mut().zip(source).skip(column).for_each(|(to, from)| *to -= factor * from);
            right[column + 1 + offset] -= factor * right[column];
        }
    }
    for row in (0..n).rev() {
        let known: f64 = (row + 1..n).map(|column| matrix[row][column] * right[column]).sum();
        right[row] = (right[row] - known) / matrix[row][row];
    }
    Some(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two states and two actions with random outcomes, and an end.
    fn chain() -> Mdp {
        let mut draws = Draws::new(5, 0, 0);
        let action = |draws: &mut Draws| {
            let p = f64::from(draws.between(0.2, 0.8));
            let [a, b] = [p * 0.9, (1.0 - p) * 0.9];
            let parts = [(a, 0), (b, 1), (0.1, 2)];
            parts.map(|(probability, next)| Successor { probability, next, reward: draws.normal() }).to_vec()
        };
        let mut state = || vec![action(&mut draws), action(&mut draws)];
        Mdp::new(vec![state(), state(), vec![]], 0.8)
    }

    #[test]
    fn iterations_find_the_best_of_all_policies() {
        let mdp = chain();
        let policies = [[0, 0, 0], [0, 1, 0], [1, 0, 0], [1, 1, 0]];
        let of = |policy: &[usize; 3]| mdp.evaluate(&mdp.epsilon_greedy_policy(policy, 0.0));
        let best = (0..3).map(|state| policies.iter().map(|p| of(p)[state]).fold(f64::MIN, f64::max));
        let best: Vec<f64> = best.collect();
        let (values, changes) = mdp.value_iteration(1e-12);
        assert!(furthest(&values, &best) < 1e-9, "{values:?} {best:?}");
        assert!(furthest(&mdp.policy_iteration().0, &best) < 1e-9);
        assert!(changes.windows(2).all(|pair| pair[1] <= 0.8 * pair[0] + 1e-15), "{changes:?}");
    }

    #[test]
    fn values_are_the_mean_of_played_returns() {
        let mdp = chain();
        let policy = mdp.uniform_policy();
        let mut draws = Draws::new(1, 0, 1);
        let mut play = || {
            let (mut state, mut sum, mut weight) = (0, 0.0, 1.0);
            while mdp.actions(state) > 0 {
                let outcome = mdp.step(state, draws.weighted(&policy[state]), &mut draws);
                sum += weight * outcome.reward;
                weight *= mdp.gamma();
                state = outcome.next;
            }
            sum
        };
        let mean = (0..20_000).map(|_| play()).sum::<f64>() / 20_000.0;
        assert!((mean - mdp.evaluate(&policy)[0]).abs() < 0.03, "{mean} {:?}", mdp.evaluate(&policy));
    }

    #[test]
    fn exploring_is_part_of_the_process() {
        let mdp = chain();
        let policy = [1, 0, 0];
        let outside = mdp.evaluate(&mdp.epsilon_greedy_policy(&policy, 0.3));
        let inside = mdp.exploring(0.3).evaluate(&mdp.epsilon_greedy_policy(&policy, 0.0));
        assert!(furthest(&outside, &inside) < 1e-12);
    }

    #[test]
    #[should_panic(expected = "does not end")]
    fn endless_policies_have_no_values() {
        let stay = vec![vec![vec![Successor { probability: 1.0, next: 0, reward: 1.0 }]]];
        Mdp::new(stay, 1.0).evaluate(&[vec![1.0]]);
    }
}
