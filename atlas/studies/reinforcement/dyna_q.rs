//! Fewer steps of the environment for the same policy: Dyna-Q plans with a learned model in the maze of Sutton and Barto (2018, figure
//! 8.2), and a potential shapes the rewards of a room (Ng, Harada and Russell 1999): `cargo run --release -p wgrad-atlas -- dyna_q`.

use atlas::prelude::*;
use methods::rl::{DynaModel, GridWorld, QTable};

pub const STUDY: Study = Study {
    name: "dyna_q",
    about: "Planning with a learned model, and rewards shaped by a potential, find the same policies in fewer steps.",
    on_gpu: false,
    data: None,
    run,
};

/// Steps of planning for each step of the environment, and the first episode in which the way is short.
const PLANNING: [(usize, [f64; 2]); 3] = [(0, [20.0, 45.0]), (5, [4.0, 9.0]), (50, [2.0, 4.0])];
const SIDE: usize = 12;

/// The steps of each episode of epsilon-greedy Q-learning, with steps of planning.
fn steps(grid: &GridWorld, episodes: usize, rate: f64, planning: usize, draws: &mut Draws) -> Vec<f64> {
    let mut q = QTable::new(grid.mdp.states(), 4, grid.mdp.gamma());
    let mut model = DynaModel::default();
    let mut episode = || {
        let (mut state, mut count) = (grid.start, 0.0);
        while grid.mdp.actions(state) > 0 {
            let action = q.epsilon_greedy(state, 0.1, draws);
            let outcome = grid.mdp.step(state, action, draws);
            let next = Some(outcome.next).filter(|&next| grid.mdp.actions(next) > 0);
            q.q_learning(state, action, outcome.reward, next, rate);
            model.record(state, action, outcome.reward, next);
            model.plan(&mut q, planning, rate, draws);
            (state, count) = (outcome.next, count + 1.0);
        }
        count
    };
    (0..episodes).map(|_| episode()).collect()
}

/// The mean of [`steps`] over runs.
fn mean_steps(
    grid: &GridWorld,
    episodes: usize,
    rate: f64,
    planning: usize,
    (runs, draws): (usize, &mut Draws),
) -> Vec<f64> {
    let mut sums = vec![0.0; episodes];
    for _ in 0..runs {
        let found = steps(grid, episodes, rate, planning, draws);
        sums.iter_mut().zip(found).for_each(|(sum, count)| *sum += count / runs as f64);
    }
    sums
}

fn curve(name: String, values: &[f64]) -> plot::Series {
    plot::Series::new(name, values.iter().enumerate().map(|(i, &v)| (i as f64 + 1.0, v))).exact()
}

fn run(lab: &mut Lab) -> Result<()> {
    let mut draws = lab.draws(0);
    let (maze, runs) = (GridWorld::maze(), lab.pick(30, 10));
    let mut panel = plot::Panel::new("Dyna-Q in the maze, of 14 steps at best", "episode", "steps").log_y();
    for (planning, [low, high]) in PLANNING {
        let counts = mean_steps(&maze, 50, 0.1, planning, (runs, &mut draws));
        // Exploring costs a few steps more than the shortest way.
        let late = counts[40..].iter().sum::<f64>() / 10.0;
        lab.expect(format!("{planning} planned: steps an episode, the last ten of 50"), late, 14.0..20.0);
        let soon = counts.iter().position(|&steps| steps < 25.0).map_or(50, |i| i + 1) as f64;
        lab.expect(format!("{planning} planned: first episode below 25 steps"), soon, low..=high);
        panel = panel.with(curve(format!("{planning} planned steps"), &counts));
    }
    let shaping = shaping(lab, runs, &mut draws)?;
    let figure = plot::Figure::new("Fewer steps of the environment").panel(panel).panel(shaping);
    lab.picture("dyna_q", |path| figure.save(path))
}

/// A room in which every step costs 1, with the distance to the corner that ends it as a potential, and with a bonus for coming nearer.
fn shaping(lab: &mut Lab, runs: usize, draws: &mut Draws) -> Result<plot::Panel> {
    let distance = |[row, column]: [usize; 2]| (2 * (SIDE - 1) - row - column) as f64;
    let room = |bonus: f64| {
        let ends = |cell| cell == [SIDE - 1, SIDE - 1];
        GridWorld::new([SIDE; 2], [0, 0], 0.95, ends, |from, to, _| {
            (to, -1.0 + bonus * (distance(from) - distance(to)).max(0.0))
        })
    };
    let plain = room(0.0);
    let potential: Vec<f64> = (0..SIDE * SIDE).map(|i| -distance([i / SIDE, i % SIDE])).collect();
    let shaped = GridWorld { mdp: plain.mdp.shaped(&potential), ..plain.clone() };
    let (values, _) = plain.mdp.value_iteration(1e-12);
    let (found, _) = shaped.mdp.value_iteration(1e-12);
    let apart = (0..values.len()).map(|s| (found[s] - values[s] + potential[s]).abs()).fold(0.0, f64::max);
    lab.expect("shaped values and values less the potential apart", apart, ..1e-9);
    let (before, after) = (plain.mdp.greedy(&values), shaped.mdp.greedy(&found));
    let same = before.iter().zip(&after).filter(|(a, b)| a == b).count() as f64 / before.len() as f64;
    lab.expect("share of states with the same best action", same, 1.0..=1.0);
    // A bonus that is not taken back when the agent turns round is worth more than the end.
    let tempting = room(4.0);
    let circling = tempting.path(&tempting.mdp.greedy(&tempting.mdp.value_iteration(1e-12).0));
    let ended = circling.last().is_some_and(|&state| state == SIDE * SIDE - 1);
    lab.expect(
        "a bonus for coming nearer: the best policy comes to the end",
        f64::from(u8::from(ended)),
        0.0..=0.0,
    );

    let mut panel = plot::Panel::new("Shaping in a room, of 22 steps at best", "episode", "steps").log_y();
    let mut first = Vec::new();
    for (name, grid) in [("plain rewards", &plain), ("shaped by the distance", &shaped)] {
        let counts = mean_steps(grid, 200, 0.5, 0, (runs, draws));
        first.push(counts[..10].iter().sum::<f64>());
        let late = counts[190..].iter().sum::<f64>() / 10.0;
        lab.expect(format!("{name}: steps an episode, the last ten of 200"), late, 22.0..36.0);
        panel = panel.with(curve(name.into(), &counts));
    }
    lab.expect("steps of ten episodes, shaped over plain", first[1] / first[0], ..0.4);
    Ok(panel)
}
