//! A small AlphaZero (Silver et al. 2018): a network with a policy and a value head guides a tree search, and learns from games of the
//! search against itself. Tic-tac-toe: `cargo run --release -p wgrad-atlas -- self_play`.

use atlas::prelude::*;
use methods::rl::{Explore, Game, Mcts, TicTacToe, minimax};

pub const STUDY: Study = Study {
    name: "self_play",
    about: "A policy and value network learns tic-tac-toe from tree-search games against itself.",
    on_gpu: false,
    data: None,
    run,
};

const GAMES: usize = 64;
const SIMULATIONS: usize = 25;
const BATCH: usize = 256;

/// Logits of the nine moves, and the value for the player to move.
struct Net {
    trunk: models::Mlp,
    policy: Linear,
    value: Linear,
}

impl Net {
    fn new(params: &Params) -> Net {
        Net {
            trunk: models::Mlp::new(&params.path("trunk"), &[18, 64, 64]),
            policy: Linear::new(&params.path("policy"), 64, 9),
            value: Linear::new(&params.path("value"), 64, 1),
        }
    }

    fn forward(&self, boards: &Tensor) -> (Tensor, Tensor) {
        let h = self.trunk.forward(boards).relu();
        (self.policy.forward(&h), self.value.forward(&h).tanh().squeeze(&[1]))
    }
}

fn boards(device: &Device, games: &[TicTacToe]) -> Result<Tensor> {
    let values: Vec<f32> = games.iter().flat_map(TicTacToe::features).collect();
    Ok(Tensor::from_slice(device, &values, &[games.len(), 18])?)
}

/// A search tree for each of `GAMES` positions, with leaves valued in one batch. With `noise`, noise is mixed into the root's priors.
fn search(
    device: &Device,
    net: &Net,
    games: &[TicTacToe],
    mut noise: Option<&mut Draws>,
) -> Result<Vec<Mcts<TicTacToe>>> {
    let mut trees: Vec<_> = games.iter().map(|game| Mcts::new(*game, Explore::Puct(1.5))).collect();
    for simulation in 0..SIMULATIONS {
        let leaves: Vec<Option<TicTacToe>> = trees.iter_mut().map(|tree| tree.select().copied()).collect();
        let all: Vec<TicTacToe> = leaves.iter().map(|leaf| leaf.unwrap_or_default()).collect();
        let (logits, values) = net.forward(&boards(device, &all)?);
        let (odds, values) = (logits.softmax(1).to_vec::<f32>()?, values.to_vec::<f32>()?);
        for (i, leaf) in leaves.iter().enumerate().filter_map(|(i, leaf)| Some((i, leaf.as_ref()?))) {
            let priors: Vec<f64> = leaf.moves().iter().map(|m| f64::from(odds[9 * i + m])).collect();
            let sum: f64 = priors.iter().sum();
            trees[i].expand(&priors.iter().map(|p| p / sum).collect::<Vec<_>>(), values[i].into());
            if let Some(draws) = noise.as_mut().filter(|_| simulation == 0) {
                trees[i].add_noise(&draws.dirichlet(1.0, priors.len()), 0.25);
            }
        }
    }
    Ok(trees)
}

/// A position, the visit shares of its moves, and its value for the player to move, from the search and the result.
type Example = (TicTacToe, [f32; 9], f32);

/// Planes of nine squares each, transformed by one of the eight symmetries.
fn turned(planes: &[f32], way: usize) -> Vec<f32> {
    let square = |i: usize| {
        let (row, column) = (i / 3, i % 3);
        let (row, column) = if way & 1 == 1 { (column, row) } else { (row, column) };
        3 * if way & 2 == 2 { 2 - row } else { row } + if way & 4 == 4 { 2 - column } else { column }
    };
    planes.chunks_exact(9).flat_map(|plane| (0..9).map(move |i| plane[square(i)])).collect()
}

/// `GAMES` games of self-play: a uniformly random first move, then some moves sampled by visits, then the most visited ones.
fn play(device: &Device, net: &Net, draws: &mut Draws) -> Result<Vec<Example>> {
    let mut games = vec![TicTacToe::new(); GAMES];
    let mut on: Vec<Vec<Example>> = vec![vec![]; GAMES];
    while games.iter().any(|game| game.outcome().is_none()) {
        let trees = search(device, net, &games, Some(draws))?;
        for (i, tree) in trees.iter().enumerate().filter(|(_, tree)| !tree.visits().is_empty()) {
            let visits = tree.visits();
            let counts: Vec<f64> = visits.iter().map(|(_, count)| *count).collect();
            let mut shares = [0.0; 9];
            visits
                .iter()
                .for_each(|(action, count)| shares[*action] = (count / counts.iter().sum::<f64>()) as f32);
            on[i].push((games[i], shares, tree.value() as f32));
            let action = match on[i].len() {
                // Uniform: all openings are explored, whatever the network prefers.
                1 => draws.pick(&visits).0,
                2..=4 => visits[draws.weighted(&counts)].0,
                _ => tree.best_move(),
            };
            games[i] = games[i].play(action);
        }
    }
    for (game, examples) in games.iter().zip(&mut on) {
        let mut outcome = game.outcome().unwrap_or(0.0) as f32;
        for example in examples.iter_mut().rev() {
            outcome = -outcome;
            // The average with the search's value, which is less noisy than the result.
            example.2 = 0.5 * (example.2 + outcome);
        }
    }
    Ok(on.concat())
}

/// Shares of games won and lost by a search with the network, without noise; it moves first in half of them.
fn matched(
    device: &Device,
    net: &Net,
    draws: &mut Draws,
    other: impl Fn(&TicTacToe, &mut Draws) -> usize,
) -> Result<[f64; 2]> {
    let mut games = vec![TicTacToe::new(); GAMES];
    for turn in 0..10 {
        let trees = search(device, net, &games, None)?;
        for (i, game) in games.iter_mut().enumerate().filter(|(_, game)| game.outcome().is_none()) {
            let own = (turn + i) % 2 == 0;
            *game = game.play(if own { trees[i].best_move() } else { other(game, draws) });
        }
    }
    // A decided game is lost by the player to move, and the number of stones is the number of turns taken.
    let end = |(i, game): (usize, &TicTacToe)| {
        let stones = game.features().iter().sum::<f32>() as usize;
        let own = (stones + i).is_multiple_of(2);
        game.outcome().map_or(0.0, |outcome| if own { outcome } else { -outcome })
    };
    let ends: Vec<f64> = games.iter().enumerate().map(end).collect();
    Ok([1.0, -1.0].map(|wanted| ends.iter().filter(|&&end| end == wanted).count() as f64 / GAMES as f64))
}

fn perfect(game: &TicTacToe, draws: &mut Draws) -> usize {
    let values: Vec<(usize, f64)> = match game.moves() {
        // All first moves have the same value.
        moves if moves.len() == 9 => moves.into_iter().map(|action| (action, 0.0)).collect(),
        moves => moves.into_iter().map(|action| (action, -minimax(&game.play(action)))).collect(),
    };
    let best = values.iter().map(|(_, value)| *value).fold(f64::NEG_INFINITY, f64::max);
    let moves: Vec<usize> =
        values.iter().filter(|(_, value)| *value == best).map(|(action, _)| *action).collect();
    *draws.pick(&moves)
}

fn anything(game: &TicTacToe, draws: &mut Draws) -> usize {
    let moves = game.moves();
    *draws.pick(&moves)
}

fn run(lab: &mut Lab) -> Result<()> {
    let device = lab.device().clone();
    let params = lab.params();
    let net = Net::new(&params);
    let mut opt = Adam::new(&params).weight_decay(1e-5);
    let mut draws = lab.draws(0);
    let untrained = matched(&device, &net, &mut draws, perfect)?;

    let iterations = lab.pick(60, 36);
    let mut examples: Vec<Example> = Vec::new();
    let mut curve = vec![(0.0, untrained[1])];
    for iteration in lab.steps("self-play", iterations) {
        examples.extend(play(&device, &net, &mut draws)?);
        let old = examples.len().saturating_sub(8000);
        examples.drain(..old);
        let rate = 3e-3 * (1.0 - iteration as f32 / iterations as f32);
        for _ in 0..30 {
            let batch: Vec<&Example> = (0..BATCH).map(|_| draws.pick(&examples)).collect();
            // Each is transformed by a random one of the eight symmetries.
            let ways: Vec<usize> = batch.iter().map(|_| draws.below(8) as usize).collect();
            let seen = |(example, way): (&&Example, &usize)| turned(&example.0.features(), *way);
            let boards: Vec<f32> = batch.iter().zip(&ways).flat_map(seen).collect();
            let shares = |(example, way): (&&Example, &usize)| turned(&example.1, *way);
            let shares: Vec<f32> = batch.iter().zip(&ways).flat_map(shares).collect();
            let outcomes: Vec<f32> = batch.iter().map(|example| example.2).collect();
            let boards = Tensor::from_slice(&device, &boards, &[BATCH, 18])?;
            let shares = Tensor::from_slice(&device, &shares, &[BATCH, 9])?;
            let outcomes = Tensor::from_slice(&device, &outcomes, &[BATCH])?;
            let (logits, values) = net.forward(&boards);
            let surprise = -(logits.log_softmax(1) * shares).sum(&[1], false).mean_all();
            let loss = surprise + values.mse_loss(&outcomes, Reduction::Mean);
            opt.step(loss.backward(), rate)?;
        }
        if iteration % lab.pick(5, 3) == 2 {
            let games = ((iteration + 1) * GAMES) as f64;
            curve.push((games, matched(&device, &net, &mut draws, perfect)?[1]));
        }
    }
    let lost = matched(&device, &net, &mut draws, perfect)?[1];
    let [won, lost_to_random] = matched(&device, &net, &mut draws, anything)?;
    curve.push(((iterations * GAMES) as f64, lost));
    lab.expect("untrained: share lost against a perfect player", untrained[1], 0.1..=1.0);
    lab.expect("share lost against a perfect player", lost, ..=0.1);
    lab.expect("share won against a random player", won, 0.7..=1.0);
    lab.expect("share lost against a random player", lost_to_random, ..=0.08);

    let panel = plot::Panel::new("", "games against itself", "share lost against a perfect player")
        .with(plot::Series::new("25 simulations a move", curve))
        .y_range(-0.02, 1.0);
    lab.picture("self_play", |path| {
        plot::Figure::new("AlphaZero in small: tic-tac-toe").panel(panel).save(path)
    })
}
