//! Multi-armed bandits: finding the best of several arms while playing.

use data::Draws;

/// A bandit whose arms pay 1 with given probabilities, else 0.
///
/// ```
/// use methods::rl::BernoulliBandit;
/// let bandit = BernoulliBandit::new(&[0.5, 0.75]);
/// assert_eq!(bandit.gap(0), 0.25);
/// // 0.25 over the divergence 0.5 ln(0.5 / 0.75) + 0.5 ln(0.5 / 0.25).
/// assert!((bandit.lai_robbins() - 0.25 / 0.143_841).abs() < 1e-4);
/// ```
#[derive(Clone, Debug)]
pub struct BernoulliBandit {
    means: Vec<f64>,
}

impl BernoulliBandit {
    /// # Panics
    /// When there are no arms, or a mean is not a probability.
    #[track_caller]
    pub fn new(means: &[f64]) -> BernoulliBandit {
        let fits = !means.is_empty() && means.iter().all(|mean| (0.0..=1.0).contains(mean));
        assert!(fits, "BernoulliBandit: means {means:?}");
        BernoulliBandit { means: means.to_vec() }
    }

    /// The number of arms.
    pub fn arms(&self) -> usize {
        self.means.len()
    }

    /// A reward sampled from an arm.
    pub fn pull(&self, arm: usize, draws: &mut Draws) -> f64 {
        f64::from(u8::from(draws.happens(self.means[arm])))
    }

    /// The gap of an arm: its mean reward below that of the best arm.
    pub fn gap(&self, arm: usize) -> f64 {
        self.best() - self.means[arm]
    }

    fn best(&self) -> f64 {
        self.means.iter().copied().fold(0.0, f64::max)
    }

    fn gaps(&self) -> impl Iterator<Item = f64> + '_ {
        (0..self.arms()).map(|arm| self.gap(arm)).filter(|&gap| gap > 0.0)
    }

    /// The coefficient of the logarithm of the rounds in the lower bound on the regret of any policy that is good for all bandits: the sum
    /// of the gaps over the divergences `KL(mean, best)` (Lai and Robbins 1985).
    pub fn lai_robbins(&self) -> f64 {
        let best = self.best();
        let part = |p: f64, q: f64| if p == 0.0 { 0.0 } else { p * (p / q).ln() };
        let worse = self.means.iter().filter(|&&mean| mean < best);
        worse.map(|&mean| (best - mean) / (part(mean, best) + part(1.0 - mean, 1.0 - best))).sum()
    }

    /// The upper bound on the expected regret of [`Ucb1`]: `8 ln(rounds) sum(1 / gap) + (1 + pi^2 / 3) sum(gap)` (Auer, Cesa-Bianchi and
    /// Fischer 2002, theorem 1).
    pub fn ucb1_bound(&self, rounds: usize) -> f64 {
        let constant = 1.0 + std::f64::consts::PI.powi(2) / 3.0;
        self.gaps().map(|gap| 8.0 * (rounds as f64).ln() / gap + constant * gap).sum()
    }

    /// The expected regret (the sum of the gaps of the arms pulled) after each of `rounds` rounds of a policy.
    pub fn regret(&self, policy: &mut dyn BanditPolicy, rounds: usize, draws: &mut Draws) -> Vec<f64> {
        let round = |sum: &mut f64, _| {
            let arm = policy.choose(draws);
            policy.learn(arm, self.pull(arm, draws));
            *sum += self.gap(arm);
            Some(*sum)
        };
        (0..rounds).scan(0.0, round).collect()
    }
}

/// Chooses arms and learns from their rewards, which are between 0 and 1.
pub trait BanditPolicy {
    /// The arm to pull.
    fn choose(&mut self, draws: &mut Draws) -> usize;

    /// Updates the policy with the reward of an arm.
    fn learn(&mut self, arm: usize, reward: f64);
}

/// The number of pulls and the total reward of each arm.
#[derive(Clone, Debug)]
struct Tally {
    pulls: Vec<f64>,
    sums: Vec<f64>,
}

impl Tally {
    fn new(arms: usize) -> Tally {
        Tally { pulls: vec![0.0; arms], sums: vec![0.0; arms] }
    }

    fn learn(&mut self, arm: usize, reward: f64) {
        self.pulls[arm] += 1.0;
        self.sums[arm] += reward;
    }

    /// The first arm with the highest `index(pulls, sum)`; arms never pulled come first.
    fn highest(&self, index: impl Fn(f64, f64) -> f64) -> usize {
        let of = |arm: usize| match self.pulls[arm] {
            0.0 => f64::INFINITY,
            pulls => index(pulls, self.sums[arm]),
        };
        let better = |best: usize, arm: usize| if of(arm) > of(best) { arm } else { best };
        (0..self.pulls.len()).reduce(better).unwrap_or(0)
    }
}

/// Pulls a random arm with probability `epsilon`, else the one with the highest mean reward.
#[derive(Clone, Debug)]
pub struct EpsilonGreedy {
    tally: Tally,
    epsilon: f64,
}

impl EpsilonGreedy {
    /// A policy for `arms` arms that have not been pulled.
    pub fn new(arms: usize, epsilon: f64) -> EpsilonGreedy {
        EpsilonGreedy { tally: Tally::new(arms), epsilon }
    }
}

impl BanditPolicy for EpsilonGreedy {
    fn choose(&mut self, draws: &mut Draws) -> usize {
        if draws.happens(self.epsilon) {
            return draws.below(self.tally.pulls.len() as u32) as usize;
        }
        self.tally.highest(|pulls, sum| sum / pulls)
    }

    fn learn(&mut self, arm: usize, reward: f64) {
        self.tally.learn(arm, reward);
    }
}

/// Pulls the arm with the highest upper confidence bound `mean + sqrt(2 ln(rounds) / pulls)` (Auer, Cesa-Bianchi and Fischer 2002).
#[derive(Clone, Debug)]
pub struct Ucb1 {
    tally: Tally,
}

impl Ucb1 {
    /// A policy for `arms` arms that have not been pulled.
    pub fn new(arms: usize) -> Ucb1 {
        Ucb1 { tally: Tally::new(arms) }
    }
}

impl BanditPolicy for Ucb1 {
    fn choose(&mut self, _draws: &mut Draws) -> usize {
        let rounds: f64 = self.tally.pulls.iter().sum();
        self.tally.highest(|pulls, sum| sum / pulls + (2.0 * rounds.ln() / pulls).sqrt())
    }

    fn learn(&mut self, arm: usize, reward: f64) {
        self.tally.learn(arm, reward);
    }
}

/// Pulls each arm with its posterior probability of being the best, given a uniform prior: the arm with the highest sample from the beta
/// posteriors (Thompson 1933). For rewards of 0 and 1.
#[derive(Clone, Debug)]
pub struct Thompson {
    tally: Tally,
}

impl Thompson {
    /// A policy for `arms` arms that have not been pulled.
    pub fn new(arms: usize) -> Thompson {
        Thompson { tally: Tally::new(arms) }
    }
}

impl BanditPolicy for Thompson {
    fn choose(&mut self, draws: &mut Draws) -> usize {
        let Tally { pulls, sums } = &self.tally;
        let drawn: Vec<f64> =
            pulls.iter().zip(sums).map(|(n, sum)| draws.beta(1.0 + sum, 1.0 + n - sum)).collect();
        (0..drawn.len()).max_by(|&a, &b| drawn[a].total_cmp(&drawn[b])).unwrap_or(0)
    }

    fn learn(&mut self, arm: usize, reward: f64) {
        self.tally.learn(arm, reward);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ucb1_tries_every_lever_and_then_the_highest_bound() {
        let mut policy = Ucb1::new(3);
        let mut draws = Draws::new(0, 0, 0);
        for (arm, reward) in [(0, 1.0), (1, 0.0), (2, 0.0)] {
            assert_eq!(policy.choose(&mut draws), arm);
            policy.learn(arm, reward);
        }
        assert_eq!(policy.choose(&mut draws), 0);
        // 1/1 + sqrt(2 ln 8 / 6) < 0/1 + sqrt(2 ln 8 / 1): the neglected arms are pulled.
        (0..5).for_each(|_| policy.learn(0, 0.0));
        assert_eq!(policy.choose(&mut draws), 1);
    }

    #[test]
    fn a_greedy_policy_without_luck_never_finds_the_better_lever() {
        let bandit = BernoulliBandit::new(&[1.0, 0.5]);
        let regret = bandit.regret(&mut EpsilonGreedy::new(2, 0.0), 100, &mut Draws::new(0, 0, 0));
        assert_eq!(regret[99], 0.5, "one pull of the second lever to see what it pays");
        let all = bandit.regret(&mut EpsilonGreedy::new(2, 1.0), 4000, &mut Draws::new(0, 0, 0));
        assert!((all[3999] / 4000.0 - 0.25).abs() < 0.02, "half of all pulls go to the worse lever");
    }
}
