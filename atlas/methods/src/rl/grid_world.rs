//! The grids of Sutton and Barto, "Reinforcement Learning: An Introduction" (2018).

use super::mdp::{Mdp, Successor};

/// Row and column.
pub type Cell = [usize; 2];

/// A grid world. State `row * columns + column`; actions 0 up, 1 right, 2 down, 3 left. A step against the border leaves the cell
/// unchanged.
///
/// ```
/// use methods::rl::GridWorld;
/// let grid = GridWorld::shortest_path();
/// let values = grid.mdp.evaluate(&grid.mdp.uniform_policy());
/// // Figure 4.1 of the book.
/// assert_eq!(values[..4].iter().map(|v| v.round()).collect::<Vec<_>>(), [0.0, -14.0, -20.0, -22.0]);
/// ```
#[derive(Clone, Debug)]
pub struct GridWorld {
    /// Cells from top to bottom.
    pub rows: usize,
    /// Cells from left to right.
    pub columns: usize,
    /// The initial state of episodes.
    pub start: usize,
    /// States, actions and rewards of the grid.
    pub mdp: Mdp,
}

impl GridWorld {
    /// A grid with discount `gamma`. `enter(from, to, inside)` gives the cell in which a step from `from` to `to` ends, and the reward; for
    /// a step against the border `inside` is false. Cells for which `ends` holds are terminal: they have no actions.
    pub fn new(
        [rows, columns]: [usize; 2],
        start: Cell,
        gamma: f64,
        ends: impl Fn(Cell) -> bool,
        enter: impl Fn(Cell, Cell, bool) -> (Cell, f64),
    ) -> GridWorld {
        let moved = |[row, column]: Cell, action: usize| match action {
            0 => row.checked_sub(1).map(|row| [row, column]),
            1 => Some([row, column + 1]).filter(|_| column + 1 < columns),
            2 => Some([row + 1, column]).filter(|_| row + 1 < rows),
            _ => column.checked_sub(1).map(|column| [row, column]),
        };
        let outcomes = |state: usize| {
            let from = [state / columns, state % columns];
            let actions = if ends(from) { 0 } else { 4 };
            let outcome = |action| {
                let to = moved(from, action);
                let ([row, column], reward) = enter(from, to.unwrap_or(from), to.is_some());
                vec![Successor { probability: 1.0, next: row * columns + column, reward }]
            };
            (0..actions).map(outcome).collect()
        };
        let mdp = Mdp::new((0..rows * columns).map(outcomes).collect(), gamma);
        GridWorld { rows, columns, start: start[0] * columns + start[1], mdp }
    }

    /// Example 4.1: 4 x 4, a reward of -1 per step until one of two corners is reached, no discount.
    pub fn shortest_path() -> GridWorld {
        let ends = |cell| cell == [0, 0] || cell == [3, 3];
        GridWorld::new([4, 4], [0, 3], 1.0, ends, |_, to, _| (to, -1.0))
    }

    /// Example 3.5: 5 x 5, discount 0.9. Every action in A `[0, 1]` pays 10 and leads to `[4, 1]`, in B `[0, 3]` it pays 5 and leads to
    /// `[2, 3]`; a step against the border costs 1. Episodes never end.
    pub fn jumps() -> GridWorld {
        GridWorld::new(
            [5, 5],
            [0, 0],
            0.9,
            |_| false,
            |from, to, inside| match from {
                [0, 1] => ([4, 1], 10.0),
                [0, 3] => ([2, 3], 5.0),
                _ => (to, if inside { 0.0 } else { -1.0 }),
            },
        )
    }

    /// Example 6.6: 4 x 12, from the lower left to the lower right corner with a reward of -1 per step. Between them is a cliff: a step
    /// into it costs 100 and leads back to the start. No discount.
    pub fn cliff() -> GridWorld {
        let cliff = |[row, column]: Cell| row == 3 && (1..11).contains(&column);
        GridWorld::new(
            [4, 12],
            [3, 0],
            1.0,
            |cell| cell == [3, 11],
            |_, to, _| {
                if cliff(to) { ([3, 0], -100.0) } else { (to, -1.0) }
            },
        )
    }

    /// Figure 8.2: a maze of 6 x 9 with a reward of 1 at its end, discount 0.95. A step into a wall leaves the cell unchanged.
    pub fn maze() -> GridWorld {
        const WALLS: [Cell; 7] = [[1, 2], [2, 2], [3, 2], [4, 5], [0, 7], [1, 7], [2, 7]];
        let end = [0, 8];
        GridWorld::new(
            [6, 9],
            [2, 0],
            0.95,
            |cell| cell == end,
            |from, to, _| match to {
                _ if WALLS.contains(&to) => (from, 0.0),
                _ => (to, if to == end { 1.0 } else { 0.0 }),
            },
        )
    }

    /// The states that a policy (one action per state) visits from the start, up to a terminal state or the first repetition.
    pub fn path(&self, policy: &[usize]) -> Vec<usize> {
        let mut path = vec![self.start];
        loop {
            let state = path[path.len() - 1];
            if self.mdp.actions(state) == 0 {
                return path;
            }
            let next = self.mdp.outcomes(state, policy[state])[0].next;
            path.push(next);
            if path[..path.len() - 1].contains(&next) {
                return path;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_the_book() {
        let rounded = |values: Vec<f64>| values.iter().map(|v| (v * 10.0).round() / 10.0).collect::<Vec<_>>();
        let grid = GridWorld::jumps();
        let uniform = rounded(grid.mdp.evaluate(&grid.mdp.uniform_policy()));
        assert_eq!(uniform[..10], [3.3, 8.8, 4.4, 5.3, 1.5, 1.5, 3.0, 2.3, 1.9, 0.5]);
        let best = rounded(grid.mdp.value_iteration(1e-9).0);
        assert_eq!(best[..10], [22.0, 24.4, 22.0, 19.4, 17.5, 19.8, 22.0, 19.8, 17.8, 16.0]);
    }

    #[test]
    fn the_shortest_way_goes_along_the_cliff() {
        let grid = GridWorld::cliff();
        let (values, _) = grid.mdp.value_iteration(1e-9);
        assert_eq!(values[grid.start], -13.0);
        let path = grid.path(&grid.mdp.greedy(&values));
        assert_eq!(path.len(), 14);
        assert!(path[1..13].iter().all(|state| state / 12 == 2));
    }

    #[test]
    fn the_maze_takes_fourteen_steps() {
        let grid = GridWorld::maze();
        let (values, _) = grid.mdp.value_iteration(1e-12);
        assert_eq!(grid.path(&grid.mdp.greedy(&values)).len(), 15);
        assert!((values[grid.start] - 0.95f64.powi(13)).abs() < 1e-12);
    }
}
