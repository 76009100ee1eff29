//! Two players who learn in a matrix game: fictitious play (Brown 1951) and regret matching (Hart and Mas-Colell 2000) come to the
//! equilibrium of a zero-sum game, fictitious play cycles in Shapley's (1964), and multiplicative weights move away from the equilibrium
//! unless they look ahead: `cargo run --release -p wgrad-atlas -- matrix_games`.

use atlas::prelude::*;
use methods::rl::{MatrixGame, Strategies};

pub const STUDY: Study = Study {
    name: "matrix_games",
    about: "Two learners in rock, paper, scissors find its equilibrium on average; in Shapley's game they cycle for ever.",
    on_gpu: false,
    data: None,
    run,
};

/// Of rock, paper, scissors where a rock wins 2 from scissors: payoffs from -2 to 2.
const EQUILIBRIUM: [f64; 3] = [0.25, 0.5, 0.25];
const RANGE: f64 = 4.0;

fn rocks() -> MatrixGame {
    MatrixGame::zero_sum(vec![vec![0.0, -1.0, 2.0], vec![1.0, 0.0, -1.0], vec![-2.0, 1.0, 0.0]])
}

/// Each player is paid for one of the three pairs of actions, in turn: equilibrium at a third each.
fn shapley() -> MatrixGame {
    let paid = |offset: usize| {
        let line = |i: usize| (0..3).map(|j| f64::from(u8::from(j == (i + offset) % 3))).collect();
        (0..3).map(line).collect()
    };
    MatrixGame::new(paid(0), paid(1))
}

/// The Kullback-Leibler divergence of both strategies from the equilibrium.
fn divergence([x, y]: &Strategies) -> f64 {
    let of = |own: &[f64]| EQUILIBRIUM.iter().zip(own).map(|(e, p)| e * (e / p).ln()).sum::<f64>();
    of(x) + of(y)
}

fn run(lab: &mut Lab) -> Result<()> {
    let (game, rounds) = (rocks(), lab.pick(100_000, 10_000));
    let gaps = |game: &MatrixGame, means: &[Strategies]| -> Vec<(f64, f64)> {
        means.iter().enumerate().map(|(t, [x, y])| (t as f64 + 1.0, game.gap(x, y))).collect()
    };
    let fictitious = gaps(&game, &game.fictitious_play(rounds));
    let means = game.regret_matching(rounds);
    let matching = gaps(&game, &means);
    lab.expect("fictitious play: gap to the equilibrium", fictitious[rounds - 1].1, ..0.03);
    lab.expect("regret matching: gap to the equilibrium", matching[rounds - 1].1, ..0.03);
    let bound = |t: f64| 2.0 * RANGE * (3.0 / t).sqrt();
    let share = matching.iter().map(|&(t, gap)| gap / bound(t)).fold(0.0, f64::max);
    lab.expect("regret matching: largest share of its bound", share, 0.01..1.0);
    let furthest = means[rounds - 1].iter().flat_map(|own| own.iter().zip(EQUILIBRIUM));
    let furthest = furthest.map(|(p, e)| (p - e).abs()).fold(0.0, f64::max);
    lab.expect("regret matching: probabilities from 1/4, 1/2, 1/4", furthest, ..0.01);

    let cycling = gaps(&shapley(), &shapley().fictitious_play(rounds));
    // The gap of the cycle that Shapley described, whose rounds grow for ever.
    let late: Vec<f64> = cycling[rounds / 10..].iter().map(|&(_, gap)| gap).collect();
    lab.expect(
        "Shapley's game: least gap of the last nine tenths",
        late.iter().copied().fold(f64::MAX, f64::min),
        0.2..,
    );

    let start = || [vec![0.3, 0.4, 0.3], vec![0.25, 0.45, 0.3]];
    let plain = game.multiplicative_weights(start(), 0.1, 2000, false);
    let ahead = game.multiplicative_weights(start(), 0.1, 2000, true);
    let steps: Vec<f64> = plain.windows(2).map(|pair| divergence(&pair[1]) - divergence(&pair[0])).collect();
    lab.expect(
        "multiplicative weights: least rise of the divergence in a round",
        steps.iter().copied().fold(f64::MAX, f64::min),
        0.0..,
    );
    lab.expect(
        "multiplicative weights: divergence in the end over the start",
        divergence(&plain[1999]) / divergence(&plain[0]),
        10.0..,
    );
    lab.expect("looking ahead: divergence in the end", divergence(&ahead[1999]), ..1e-3);

    let thinned = |points: &[(f64, f64)]| {
        let last = points.len() as f64;
        let at = |i: i32| points[(last.powf(f64::from(i) / 400.0) as usize).min(points.len()) - 1];
        (0..=400).map(at).collect::<Vec<_>>()
    };
    let gap = plot::Panel::new("Means of both players", "round", "gap")
        .with(plot::Series::new("fictitious play", thinned(&fictitious)).exact())
        .with(plot::Series::new("regret matching", thinned(&matching)).exact())
        .with(
            plot::Series::new(
                "bound of regret matching",
                thinned(&matching).iter().map(|&(t, _)| (t, bound(t))),
            )
            .exact(),
        )
        .with(plot::Series::new("fictitious play, Shapley's game", thinned(&cycling)).exact())
        .log_x()
        .log_y();
    let way = |path: &[Strategies]| path.iter().map(|[x, _]| (x[0], x[1])).collect::<Vec<_>>();
    let paths = plot::Panel::new("Multiplicative weights of one player", "rock", "paper")
        .with(plot::Series::new("plain", way(&plain[..600])).exact())
        .with(plot::Series::new("looking ahead", way(&ahead)).exact())
        .layer(plot::Points::new("equilibrium", [(EQUILIBRIUM[0], EQUILIBRIUM[1])]).radius(5.0));
    let figure = plot::Figure::new("Two learners of a game").panel(gap).panel(paths);
    lab.picture("matrix_games", |path| figure.save(path))
}
