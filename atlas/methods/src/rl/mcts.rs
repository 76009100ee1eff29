//! Monte Carlo tree search.

use data::Draws;

use super::Game;

/// The selection rule. Both variants take the highest sum of a move's mean value and a bonus for rarely tried moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Explore {
    /// Upper confidence bounds for trees (Kocsis and Szepesvari 2006): a bonus of `c sqrt(ln(visits) / tries)`; untried moves come first.
    Uct(f64),
    /// Predictor and UCT, as in AlphaZero (Silver et al. 2018): a bonus of `c prior sqrt(visits) / (1 + tries)`.
    Puct(f64),
}

/// A search tree. A simulation descends to a position that is not expanded yet, has it valued by the caller (a random game, or a network),
/// and backs the value up to the root.
///
/// ```
/// use data::Draws;
/// use methods::rl::{Explore, Mcts, TicTacToe, random_game};
/// let mut draws = Draws::new(1, 0, 0);
/// let mut tree = Mcts::new(TicTacToe::parse("XX. OO. ..."), Explore::Uct(1.4));
/// tree.run(200, |game| (vec![], random_game(game, &mut draws)));
/// assert_eq!(tree.best_move(), 2); // three in a row
/// assert!(tree.value() > 0.5);
/// ```
pub struct Mcts<G> {
    nodes: Vec<Node<G>>,
    explore: Explore,
    /// The path to the selected leaf: node indices from the root on.
    path: Vec<usize>,
}

struct Node<G> {
    game: G,
    /// The move that led here.
    action: usize,
    prior: f64,
    visits: f64,
    /// Sum of values for the player to move here.
    sum: f64,
    /// Indices of the child nodes; empty before the position is expanded, and at the end of the game.
    children: std::ops::Range<usize>,
}

impl<G: Game> Mcts<G> {
    /// A tree with only the root position.
    pub fn new(root: G, explore: Explore) -> Mcts<G> {
        Mcts { nodes: vec![Node::new(root, 0, 1.0)], explore, path: vec![] }
    }

    /// Runs `simulations` simulations. `value` returns the priors of a position's [`moves`](Game::moves), in their order (or none, for
    /// uniform ones), and its value for the player to move.
    pub fn run(&mut self, simulations: usize, mut value: impl FnMut(&G) -> (Vec<f64>, f64)) {
        for _ in 0..simulations {
            if let Some(leaf) = self.select() {
                let (priors, value) = value(leaf);
                self.expand(&priors, value);
            }
        }
    }

    /// The first half of a simulation: descends to a leaf and returns it. If the game is over there, backs up its result and returns
    /// `None`: the simulation is finished. Separate halves let many trees share one batched network call.
    pub fn select(&mut self) -> Option<&G> {
        let mut at = 0;
        self.path = vec![0];
        while !self.nodes[at].children.is_empty() {
            at = self.child(at);
            self.path.push(at);
        }
        match self.nodes[at].game.outcome() {
            Some(outcome) => {
                self.back_up(outcome);
                None
            }
            None => Some(&self.nodes[at].game),
        }
    }

    /// The second half: adds the leaf's moves to the tree with their priors, and backs its value up to the root.
    ///
    /// # Panics
    /// When no leaf is selected, or there are priors but not one for each move.
    #[track_caller]
    pub fn expand(&mut self, priors: &[f64], value: f64) {
        let leaf = *self.path.last().expect("Mcts: a leaf was selected");
        let game = self.nodes[leaf].game.clone();
        let moves = game.moves();
        let fits = priors.is_empty() || priors.len() == moves.len();
        assert!(fits, "Mcts: {} priors of {} moves", priors.len(), moves.len());
        let first = self.nodes.len();
        self.nodes[leaf].children = first..first + moves.len();
        for (i, &action) in moves.iter().enumerate() {
            let prior = priors.get(i).copied().unwrap_or(1.0 / moves.len() as f64);
            self.nodes.push(Node::new(game.play(action), action, prior));
        }
        self.back_up(value);
    }

    /// Mixes noise `[moves]` into the priors of the root's moves: `(1 - share) prior + share noise`.
    pub fn add_noise(&mut self, noise: &[f64], share: f64) {
        let children = self.nodes[0].children.clone();
        for (child, noise) in self.nodes[children].iter_mut().zip(noise) {
            child.prior = (1.0 - share) * child.prior + share * noise;
        }
    }

    /// The root's moves with their visit counts.
    pub fn visits(&self) -> Vec<(usize, f64)> {
        self.nodes[self.nodes[0].children.clone()].iter().map(|node| (node.action, node.visits)).collect()
    }

    /// The most visited move, the first among equals.
    ///
    /// # Panics
    /// When the root has no moves in the tree yet.
    #[track_caller]
    pub fn best_move(&self) -> usize {
        let more = |best: (usize, f64), next: (usize, f64)| if next.1 > best.1 { next } else { best };
        self.visits().into_iter().reduce(more).expect("Mcts: simulations come first").0
    }

    /// The mean value of the root over all simulations, for the player to move.
    pub fn value(&self) -> f64 {
        self.nodes[0].mean()
    }

    /// The mean value of the most visited move.
    ///
    /// # Panics
    /// When the root has no moves in the tree yet.
    #[track_caller]
    pub fn best_value(&self) -> f64 {
        let best = self.best_move();
        let child = self.nodes[self.nodes[0].children.clone()].iter().find(|node| node.action == best);
        -child.expect("a move of the root").mean()
    }

    /// The child to visit next: the first with the highest bound.
    fn child(&self, at: usize) -> usize {
        let parent = &self.nodes[at];
        let bound = |child: &Node<G>| match self.explore {
            Explore::Uct(_) if child.visits == 0.0 => f64::INFINITY,
            // A child's value is that for the other player.
            Explore::Uct(c) => -child.mean() + c * (parent.visits.ln() / child.visits).sqrt(),
            Explore::Puct(c) => -child.mean() + c * child.prior * parent.visits.sqrt() / (1.0 + child.visits),
        };
        let mut best = (parent.children.start, f64::NEG_INFINITY);
        for number in parent.children.clone() {
            let found = bound(&self.nodes[number]);
            if found > best.1 {
                best = (number, found);
            }
        }
        best.0
    }

    /// Adds a value along the path: it is for the player to move at the end of the path, and changes sign at every step up.
    fn back_up(&mut self, value: f64) {
        let mut value = value;
        for at in std::mem::take(&mut self.path).into_iter().rev() {
            self.nodes[at].visits += 1.0;
            self.nodes[at].sum += value;
            value = -value;
        }
    }
}

impl<G> Node<G> {
    fn new(game: G, action: usize, prior: f64) -> Node<G> {
        Node { game, action, prior, visits: 0.0, sum: 0.0, children: 0..0 }
    }

    /// 0 before the first visit.
    fn mean(&self) -> f64 {
        self.sum / self.visits.max(1.0)
    }
}

/// Plays random moves to the end: the outcome for the player whose turn it is at `game`.
pub fn random_game<G: Game>(game: &G, draws: &mut Draws) -> f64 {
    let (mut game, mut sign) = (game.clone(), 1.0);
    loop {
        if let Some(outcome) = game.outcome() {
            return sign * outcome;
        }
        let moves = game.moves();
        game = game.play(*draws.pick(&moves));
        sign = -sign;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{TicTacToe, minimax};
    use super::*;

    #[test]
    fn visits_add_up_and_values_come_near_minimax() {
        // X must block, then O must, and so on: a draw.
        let game = TicTacToe::parse("OO. X.. ..X");
        let game = if minimax(&game) == 0.0 { game } else { TicTacToe::parse("OO. X.. X..") };
        let mut draws = Draws::new(2, 0, 0);
        for explore in [Explore::Uct(1.4), Explore::Puct(1.4)] {
            let mut tree = Mcts::new(game, explore);
            tree.run(3000, |game| (vec![], random_game(game, &mut draws)));
            assert_eq!(tree.visits().iter().map(|(_, n)| n).sum::<f64>(), 2999.0, "all but the root's own");
            assert_eq!(tree.best_move(), 2);
            assert!((tree.best_value() - minimax(&game)).abs() < 0.2, "{explore:?}: {}", tree.best_value());
        }
    }

    #[test]
    fn priors_lead_the_first_tries() {
        let mut tree = Mcts::new(TicTacToe::parse("XOX OXO ..."), Explore::Puct(1.0));
        // Three moves; the network gives all of them value 0.
        tree.run(2, |game| {
            let count = game.moves().len();
            let mut priors = vec![0.1 / (count - 1).max(1) as f64; count];
            priors[count - 1] = 0.9;
            (priors, 0.0)
        });
        assert_eq!(tree.visits(), [(6, 0.0), (7, 0.0), (8, 1.0)]);
    }
}
