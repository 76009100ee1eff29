//! Monte Carlo tree search with random games (UCT, Kocsis and Szepesvari 2006) on tic-tac-toe, against perfect play:
//! `cargo run --release -p wgrad-atlas -- mcts`.

use std::collections::HashMap;

use atlas::prelude::*;
use methods::rl::{Explore, Game, Mcts, TicTacToe, random_game};

pub const STUDY: Study = Study {
    name: "mcts",
    about: "Tree search with random games plays tic-tac-toe as perfectly as minimax.",
    on_gpu: false,
    data: None,
    run,
};

/// The value of every position for the player to move; children come after their parents.
fn perfect_values() -> HashMap<TicTacToe, f64> {
    let mut values: HashMap<TicTacToe, f64> = HashMap::new();
    for game in TicTacToe::reachable().into_iter().rev() {
        let after = |action: usize| -values[&game.play(action)];
        let best = game.moves().into_iter().map(after).fold(f64::NEG_INFINITY, f64::max);
        let value = game.outcome().unwrap_or(best);
        values.insert(game, value);
    }
    values
}

fn search(game: &TicTacToe, simulations: usize, draws: &mut Draws) -> Mcts<TicTacToe> {
    let mut tree = Mcts::new(*game, Explore::Uct(1.0));
    tree.run(simulations, |leaf| (vec![], random_game(leaf, draws)));
    tree
}

/// A game of the search against another player; returns the result for the search.
fn play(
    mut search_is_next: bool,
    simulations: usize,
    draws: &mut Draws,
    mut other: impl FnMut(&TicTacToe, &mut Draws) -> usize,
) -> f64 {
    let mut game = TicTacToe::new();
    loop {
        if let Some(outcome) = game.outcome() {
            return if search_is_next { outcome } else { -outcome };
        }
        let action =
            if search_is_next { search(&game, simulations, draws).best_move() } else { other(&game, draws) };
        game = game.play(action);
        search_is_next = !search_is_next;
    }
}

fn run(lab: &mut Lab) -> Result<()> {
    let values = perfect_values();
    let mut draws = lab.draws(0);
    let open: Vec<TicTacToe> =
        TicTacToe::reachable().into_iter().filter(|game| game.outcome().is_none()).collect();
    let (every, most) = lab.pick((4, 3000), (40, 1000));
    let sample: Vec<TicTacToe> = open.into_iter().step_by(every).collect();
    let mut curve = Vec::new();
    let (mut right, mut error) = (0.0, 0.0);
    for simulations in [10, 30, 100, 300, most] {
        let mut kept = 0;
        error = 0.0;
        for game in &sample {
            let tree = search(game, simulations, &mut draws);
            kept += usize::from(-values[&game.play(tree.best_move())] == values[game]);
            error += (tree.best_value() - values[game]).abs() / sample.len() as f64;
        }
        right = kept as f64 / sample.len() as f64;
        curve.push((simulations as f64, right, error));
    }
    lab.expect("share of perfect moves after 10 simulations", curve[0].1, 0.4..0.95);
    lab.expect("share of perfect moves", right, 0.985..=1.0);
    lab.expect("mean distance of values from minimax", error, ..0.1);

    let mut perfect = |game: &TicTacToe, draws: &mut Draws| {
        let best: Vec<usize> =
            game.moves().into_iter().filter(|&action| -values[&game.play(action)] == values[game]).collect();
        *draws.pick(&best)
    };
    let games = lab.pick(100, 6);
    let ends: Vec<f64> = (0..games).map(|i| play(i % 2 == 0, most, &mut draws, &mut perfect)).collect();
    let drawn = ends.iter().filter(|&&end| end == 0.0).count() as f64 / ends.len() as f64;
    lab.expect("games against a perfect player that are drawn, and not lost", drawn, 1.0..=1.0);
    let anything = |game: &TicTacToe, draws: &mut Draws| {
        let moves = game.moves();
        *draws.pick(&moves)
    };
    let ends: Vec<f64> = (0..games).map(|i| play(i % 2 == 0, most, &mut draws, anything)).collect();
    lab.expect(
        "mean outcome against a random player",
        ends.iter().sum::<f64>() / ends.len() as f64,
        0.6..=1.0,
    );

    let line = |name: &str, of: fn(&(f64, f64, f64)) -> f64| {
        plot::Series::new(name, curve.iter().map(|point| (point.0, of(point))))
    };
    let panel = plot::Panel::new(format!("{} positions", sample.len()), "simulations", "")
        .with(line("share of perfect moves", |point| point.1))
        .with(line("mean distance of the value from minimax", |point| point.2))
        .log_x()
        .y_range(0.0, 1.02);
    lab.picture("mcts", |path| plot::Figure::new("Tree search on tic-tac-toe").panel(panel).save(path))
}
