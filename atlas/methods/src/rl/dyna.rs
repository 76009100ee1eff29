//! Planning with a learned model.

use super::QTable;
use data::Draws;

/// The model of Dyna-Q (Sutton 1990): the last outcome of every action that was taken, for a process without chance.
///
/// ```
/// use data::Draws;
/// use methods::rl::{DynaModel, QTable};
/// let (mut model, mut q) = (DynaModel::default(), QTable::new(3, 1, 0.5));
/// model.record(0, 0, 0.0, Some(1));
/// model.record(1, 0, 8.0, None);
/// // No step of the process is needed for the reward to reach the first state.
/// model.plan(&mut q, 200, 1.0, &mut Draws::new(1, 0, 0));
/// assert_eq!([q.row(0), q.row(1), q.row(2)], [[4.0], [8.0], [0.0]]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct DynaModel {
    /// State, action, reward and next state, one entry for each pair of state and action.
    known: Vec<(usize, usize, f64, Option<usize>)>,
}

impl DynaModel {
    /// Remembers the outcome of an action, with `next` `None` at the end.
    pub fn record(&mut self, state: usize, action: usize, reward: f64, next: Option<usize>) {
        match self.known.iter_mut().find(|known| (known.0, known.1) == (state, action)) {
            Some(known) => *known = (state, action, reward, next),
            None => self.known.push((state, action, reward, next)),
        }
    }

    /// `steps` steps of Q-learning at `rate` from remembered outcomes, drawn with equal probability.
    ///
    /// # Panics
    /// When there are steps to take and nothing was recorded.
    #[track_caller]
    pub fn plan(&self, q: &mut QTable, steps: usize, rate: f64, draws: &mut Draws) {
        for _ in 0..steps {
            let &(state, action, reward, next) = draws.pick(&self.known);
            q.q_learning(state, action, reward, next, rate);
        }
    }
}
