//! Belief propagation (Pearl 1988; Kschischang, Frey and Loeliger 2001).

/// Discrete variables, and factors: tables of scores over some of the variables. The probability of an assignment is proportional to the
/// exponential of the sum of its scores.
///
/// ```
/// use methods::inference::{BeliefPropagation, FactorGraph};
/// // Two coins that tend to agree, of which the first is biased to heads.
/// let mut graph = FactorGraph::new(&[2, 2]);
/// graph.factor(&[0], &[0.0, 2f64.ln()]);
/// graph.factor(&[0, 1], &[3f64.ln(), 0.0, 0.0, 3f64.ln()]);
/// let beliefs = graph.sum_product(&BeliefPropagation::default());
/// assert!((beliefs.variables[1][1] - 7.0 / 12.0).abs() < 1e-12);
/// assert!((beliefs.log_partition - 12f64.ln()).abs() < 1e-12);
/// assert_eq!(graph.max_product(&BeliefPropagation::default()), [1, 1]);
/// ```
#[derive(Clone, Debug)]
pub struct FactorGraph {
    cards: Vec<usize>,
    factors: Vec<Factor>,
    /// For each variable, its factors and its positions in their scopes.
    around: Vec<Vec<(usize, usize)>>,
}

#[derive(Clone, Debug)]
struct Factor {
    scope: Vec<usize>,
    scores: Vec<f64>,
}

/// Options of message passing: all messages are updated at once, until they converge.
#[derive(Clone, Copy, Debug)]
pub struct BeliefPropagation {
    /// The share of the previous message in the new one; graphs with loops may need some.
    pub damping: f64,
    /// Messages have converged when none changes by more than this.
    pub tolerance: f64,
    /// Updates after which messages are given up if they have not converged.
    pub max_iterations: usize,
}

impl Default for BeliefPropagation {
    /// Undamped, to 1e-12, within 1000 iterations.
    fn default() -> BeliefPropagation {
        BeliefPropagation { damping: 0.0, tolerance: 1e-12, max_iterations: 1000 }
    }
}

/// Marginal distributions: exact on a tree, and otherwise an approximation.
#[derive(Clone, Debug)]
pub struct Beliefs {
    /// The marginal of each variable.
    pub variables: Vec<Vec<f64>>,
    /// The joint marginal of each factor's variables, in the layout of its table.
    pub factors: Vec<Vec<f64>>,
    /// The logarithm of the sum over all assignments, by Bethe's approximation (Yedidia, Freeman and Weiss 2005).
    pub log_partition: f64,
    /// Updates of all messages.
    pub iterations: usize,
    /// Whether no message changed by more than the tolerance.
    pub converged: bool,
}

/// Combines the scores of the assignments that agree on one variable: a sum or a maximum.
type Join = fn(&[f64]) -> f64;

/// Log messages `[factor][position in its scope][value]`.
type Messages = Vec<Vec<Vec<f64>>>;

impl FactorGraph {
    /// A graph of variables with `cards[i]` values each, and no factors.
    pub fn new(cards: &[usize]) -> FactorGraph {
        FactorGraph { cards: cards.to_vec(), factors: vec![], around: vec![vec![]; cards.len()] }
    }

    /// Adds a table of scores (log potentials) over the variables of `scope`; the last variable changes fastest.
    ///
    /// # Panics
    /// When the table does not have a score for every assignment of its variables.
    #[track_caller]
    pub fn factor(&mut self, scope: &[usize], scores: &[f64]) {
        let size: usize = scope.iter().map(|&v| self.cards[v]).product();
        assert_eq!(scores.len(), size, "FactorGraph: scores of a factor over {scope:?}");
        scope.iter().enumerate().for_each(|(at, &v)| self.around[v].push((self.factors.len(), at)));
        self.factors.push(Factor { scope: scope.to_vec(), scores: scores.to_vec() });
    }

    /// The sum of an assignment's scores.
    pub fn score(&self, assignment: &[usize]) -> f64 {
        let index =
            |factor: &Factor| factor.scope.iter().fold(0, |index, &v| index * self.cards[v] + assignment[v]);
        self.factors.iter().map(|factor| factor.scores[index(factor)]).sum()
    }

    /// Marginals by summing products of messages.
    pub fn sum_product(&self, options: &BeliefPropagation) -> Beliefs {
        let (messages, iterations, converged) = self.messages(options, log_sum_exp);
        let variables: Vec<Vec<f64>> =
            (0..self.cards.len()).map(|v| probabilities(&self.gathered(&messages, v, None))).collect();
        let factors: Vec<Vec<f64>> =
            (0..self.factors.len()).map(|f| probabilities(&self.tilted(&messages, f, None))).collect();
        let energy = |(factor, belief): (&Factor, &Vec<f64>)| {
            factor.scores.iter().zip(belief).filter(|(_, b)| **b > 0.0).map(|(s, b)| s * b).sum::<f64>()
                + entropy(belief)
        };
        let log_partition = self.factors.iter().zip(&factors).map(energy).sum::<f64>()
            + variables
                .iter()
                .zip(&self.around)
                .map(|(b, near)| (1.0 - near.len() as f64) * entropy(b))
                .sum::<f64>();
        Beliefs { variables, factors, log_partition, iterations, converged }
    }

    /// The most probable assignment by max-product messages: exact on a tree if the best assignment is unique.
    pub fn max_product(&self, options: &BeliefPropagation) -> Vec<usize> {
        let highest: Join = |scores| scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (messages, ..) = self.messages(options, highest);
        let best = |v: usize| {
            let scores = self.gathered(&messages, v, None);
            (0..scores.len()).fold(0, |best, i| if scores[i] > scores[best] { i } else { best })
        };
        (0..self.cards.len()).map(best).collect()
    }

    /// Marginals and the most probable assignment by enumerating all assignments: for a few small variables.
    pub fn enumerate(&self) -> (Beliefs, Vec<usize>) {
        let total = self.cards.iter().product();
        let assignment = |mut index: usize| {
            let mut values = vec![0; self.cards.len()];
            for v in (0..self.cards.len()).rev() {
                values[v] = index % self.cards[v];
                index /= self.cards[v];
            }
            values
        };
        let scores: Vec<f64> = (0..total).map(|i| self.score(&assignment(i))).collect();
        let log_partition = log_sum_exp(&scores);
        let mut variables: Vec<Vec<f64>> = self.cards.iter().map(|&card| vec![0.0; card]).collect();
        let mut factors: Vec<Vec<f64>> = self.factors.iter().map(|f| vec![0.0; f.scores.len()]).collect();
        for (i, score) in scores.iter().enumerate() {
            let (values, p) = (assignment(i), (score - log_partition).exp());
            variables.iter_mut().zip(&values).for_each(|(belief, &value)| belief[value] += p);
            for (factor, belief) in self.factors.iter().zip(&mut factors) {
                belief[factor.scope.iter().fold(0, |index, &v| index * self.cards[v] + values[v])] += p;
            }
        }
        let best = (0..total).fold(0, |best, i| if scores[i] > scores[best] { i } else { best });
        (Beliefs { variables, factors, log_partition, iterations: 0, converged: true }, assignment(best))
    }

    /// Messages from factors to variables, the number of iterations, and whether they converged.
    fn messages(&self, options: &BeliefPropagation, join: Join) -> (Messages, usize, bool) {
        let empty = |factor: &Factor| factor.scope.iter().map(|&v| vec![0.0; self.cards[v]]).collect();
        let mut messages: Messages = self.factors.iter().map(empty).collect();
        for iteration in 1..=options.max_iterations {
            let mut next: Messages = (0..self.factors.len())
                .map(|f| {
                    (0..self.factors[f].scope.len()).map(|at| self.send(&messages, f, at, join)).collect()
                })
                .collect();
            let mut moved = 0f64;
            let pairs = next.iter_mut().flatten().flatten().zip(messages.iter().flatten().flatten());
            for (new, old) in pairs {
                *new += options.damping * (old - *new);
                moved = moved.max((*new - old).abs());
            }
            messages = next;
            if moved <= options.tolerance {
                return (messages, iteration, true);
            }
        }
        (messages, options.max_iterations, false)
    }

    /// The message of factor `f` to the variable at a position of its scope, shifted to a maximum of 0.
    fn send(&self, messages: &Messages, f: usize, at: usize, join: Join) -> Vec<f64> {
        let factor = &self.factors[f];
        let scores = self.tilted(messages, f, Some(at));
        let card = self.cards[factor.scope[at]];
        let stride: usize = factor.scope[at + 1..].iter().map(|&v| self.cards[v]).product();
        let of_value = |value: usize| {
            let agree = scores.iter().enumerate().filter(|(i, _)| i / stride % card == value);
            join(&agree.map(|(_, score)| *score).collect::<Vec<_>>())
        };
        let message: Vec<f64> = (0..card).map(of_value).collect();
        let highest = message.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        message.iter().map(|m| m - highest).collect()
    }

    /// The scores of a factor plus the messages to its variables from other factors, except to the variable at one position.
    fn tilted(&self, messages: &Messages, f: usize, except: Option<usize>) -> Vec<f64> {
        let factor = &self.factors[f];
        let mut scores = factor.scores.clone();
        let mut stride = scores.len();
        for (at, &v) in factor.scope.iter().enumerate() {
            stride /= self.cards[v];
            if except != Some(at) {
                let said = self.gathered(messages, v, Some(f));
                scores.iter_mut().enumerate().for_each(|(i, s)| *s += said[i / stride % self.cards[v]]);
            }
        }
        scores
    }

    /// The sum of the messages to a variable from all factors but one.
    fn gathered(&self, messages: &Messages, v: usize, except: Option<usize>) -> Vec<f64> {
        let mut sum = vec![0.0; self.cards[v]];
        for &(f, at) in self.around[v].iter().filter(|(f, _)| except != Some(*f)) {
            sum.iter_mut().zip(&messages[f][at]).for_each(|(s, m)| *s += m);
        }
        sum
    }
}

fn log_sum_exp(scores: &[f64]) -> f64 {
    let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if highest == f64::NEG_INFINITY {
        return highest;
    }
    highest + scores.iter().map(|s| (s - highest).exp()).sum::<f64>().ln()
}

fn probabilities(scores: &[f64]) -> Vec<f64> {
    let total = log_sum_exp(scores);
    scores.iter().map(|s| (s - total).exp()).collect()
}

fn entropy(probabilities: &[f64]) -> f64 {
    -probabilities.iter().filter(|p| **p > 0.0).map(|p| p * p.ln()).sum::<f64>()
}
