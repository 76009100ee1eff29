//! Tabular Q-learning (Watkins 1989) finds the values that value iteration computes, from steps alone. On the cliff of Sutton and Barto
//! (2018, example 6.6) it learns the shortest path along the edge, SARSA a safer one: `cargo run --release -p wgrad-atlas -- q_learning`.

use atlas::prelude::*;
use methods::rl::{GridWorld, QTable};

pub const STUDY: Study = Study {
    name: "q_learning",
    about: "Q-learning converges to value iteration's values; on the cliff SARSA takes the safer path.",
    on_gpu: false,
    data: None,
    run,
};

const EPSILON: f64 = 0.1;

/// Q-learning during a random walk on a grid that never ends.
fn wander(grid: &GridWorld, steps: usize, draws: &mut Draws) -> QTable {
    let mut q = QTable::new(grid.mdp.states(), 4, grid.mdp.gamma());
    let mut state = grid.start;
    for _ in 0..steps {
        let action = draws.below(4) as usize;
        let outcome = grid.mdp.step(state, action, draws);
        q.q_learning(state, action, outcome.reward, Some(outcome.next), 0.5);
        state = outcome.next;
    }
    q
}

/// One episode on the cliff; returns the sum of its rewards.
fn episode(grid: &GridWorld, q: &mut QTable, sarsa: bool, rate: f64, draws: &mut Draws) -> f64 {
    let (mut state, mut sum) = (grid.start, 0.0);
    let mut action = q.epsilon_greedy(state, EPSILON, draws);
    loop {
        let outcome = grid.mdp.step(state, action, draws);
        sum += outcome.reward;
        let on = grid.mdp.actions(outcome.next) > 0;
        let next = on.then_some(outcome.next);
        let follows = q.epsilon_greedy(outcome.next, EPSILON, draws);
        if sarsa {
            q.sarsa(state, action, outcome.reward, next.map(|next| (next, follows)), rate);
        } else {
            q.q_learning(state, action, outcome.reward, next, rate);
        }
        if !on {
            return sum;
        }
        // Q-learning selects the action with the updated values; SARSA must take the action used in its update.
        action = if sarsa { follows } else { q.epsilon_greedy(outcome.next, EPSILON, draws) };
        state = outcome.next;
    }
}

fn run(lab: &mut Lab) -> Result<()> {
    let mut draws = lab.draws(0);
    let grid = GridWorld::jumps();
    let (values, _) = grid.mdp.value_iteration(1e-10);
    let q = wander(&grid, lab.pick(400_000, 100_000), &mut draws);
    let errors = (0..25).flat_map(|state| {
        let exact = grid.mdp.action_values(state, &values);
        q.row(state).iter().zip(exact).map(|(q, exact)| (q - exact).abs()).collect::<Vec<_>>()
    });
    lab.expect("Q-learning: furthest from value iteration", errors.fold(0.0, f64::max), ..1e-3);

    let cliff = GridWorld::cliff();
    let (runs, episodes) = (lab.pick(100, 10), 1000);
    let mut curves = [vec![0.0; episodes], vec![0.0; episodes]];
    let mut worth = [0.0; 2];
    let mut paths = Vec::new();
    for (which, curve) in curves.iter_mut().enumerate() {
        for _ in 0..runs {
            let mut q = QTable::new(cliff.mdp.states(), 4, 1.0);
            for (i, sum) in curve.iter_mut().enumerate() {
                let rate = 0.5 / (1.0 + i as f64 / 50.0);
                *sum += episode(&cliff, &mut q, which == 1, rate, &mut draws) / f64::from(runs);
            }
            let policy: Vec<usize> = (0..cliff.mdp.states()).map(|state| q.greedy(state)).collect();
            // The exact value of exploring with this policy.
            let exploring = cliff.mdp.epsilon_greedy_policy(&policy, EPSILON);
            worth[which] += cliff.mdp.evaluate(&exploring)[cliff.start] / f64::from(runs);
            paths.push((which, cliff.path(&policy)));
        }
    }
    let shortest = |wanted: usize| {
        let of = paths.iter().filter(|(which, path)| *which == wanted && path.len() == 14).count();
        of as f64 / f64::from(runs)
    };
    let (exploring, _) = cliff.mdp.exploring(EPSILON).value_iteration(1e-9);
    let best = exploring[cliff.start];
    let late = |curve: &[f64]| curve[episodes - 100..].iter().sum::<f64>() / 100.0;
    lab.expect("Q-learning: share of shortest paths, along the edge", shortest(0), 0.9..=1.0);
    lab.expect("SARSA: share of shortest paths", shortest(1), ..0.2);
    lab.expect("Q-learning: reward an episode while learning", late(&curves[0]), -70.0..-35.0);
    lab.expect("SARSA: reward an episode while learning", late(&curves[1]), -35.0..-17.0);
    // The optimum among exploring policies is an upper bound; SARSA comes close to it.
    lab.figure("worth of the best exploring policy", best);
    lab.expect("SARSA: worth of its policy while exploring, below the best", best - worth[1], 0.0..8.0);
    lab.expect("Q-learning: the same", best - worth[0], 15.0..60.0);

    let line = |name: &str, curve: &[f64]| {
        let means = curve.windows(10).map(|sums| sums.iter().sum::<f64>() / 10.0);
        plot::Series::new(name, means.enumerate().map(|(i, mean)| (i as f64, mean))).exact()
    };
    let learning = plot::Panel::new("Learning", "episode", "sum of rewards, mean of ten")
        .with(line("Q-learning", &curves[0]))
        .with(line("SARSA", &curves[1]))
        .y_range(-120.0, 0.0);
    let way = |wanted: usize| {
        let ends = |path: &Vec<usize>| path.last() == Some(&47);
        let path =
            paths.iter().find(|(which, path)| *which == wanted && ends(path)).map(|(_, path)| path.clone());
        // Drawn next to each other where both paths coincide.
        let aside = 0.08 * (wanted as f64 - 0.5);
        path.unwrap_or_default()
            .into_iter()
            .map(move |state| ((state % 12) as f64 + aside, (state / 12) as f64 + aside))
    };
    let mut ground = vec![0.0; 48];
    ground[37..47].fill(1.0);
    let paths = plot::Panel::new("Ways from the lower left to the lower right, and the cliff", "", "")
        .layer(plot::Field::matrix(4, 12, ground).range(-2.0, 1.0))
        .with(plot::Series::new("Q-learning", way(0)).exact())
        .with(plot::Series::new("SARSA", way(1)).exact())
        .y_down();
    let figure = plot::Figure::new("Walking by a cliff").panel(learning).panel(paths);
    lab.picture("q_learning", |path| figure.save(path))
}
