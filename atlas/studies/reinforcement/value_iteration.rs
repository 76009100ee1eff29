//! Bellman's equations on the 5 x 5 grid of Sutton and Barto (2018, examples 3.5 and 3.8) and the 4 x 4 grid (4.1): value iteration,
//! policy iteration and linear systems agree, with each other and with the book: `cargo run --release -p wgrad-atlas -- value_iteration`.

use atlas::prelude::*;
use methods::rl::{GridWorld, Mdp};

pub const STUDY: Study = Study {
    name: "value_iteration",
    about: "Value iteration, policy iteration and the linear solve of Bellman's equations on grids of the textbook.",
    on_gpu: true,
    data: None,
    run,
};

/// Values from the book, to one decimal.
const RANDOM_4X4: [f64; 16] =
    [0., -14., -20., -22., -14., -18., -20., -20., -20., -20., -18., -14., -22., -20., -14., 0.];
const RANDOM_5X5: [f64; 25] = [
    3.3, 8.8, 4.4, 5.3, 1.5, 1.5, 3.0, 2.3, 1.9, 0.5, 0.1, 0.7, 0.7, 0.4, -0.4, -1.0, -0.4, -0.4, -0.6, -1.2,
    -1.9, -1.3, -1.2, -1.4, -2.0,
];
const BEST_5X5: [f64; 25] = [
    22.0, 24.4, 22.0, 19.4, 17.5, 19.8, 22.0, 19.8, 17.8, 16.0, 17.8, 19.8, 17.8, 16.0, 14.4, 16.0, 17.8,
    16.0, 14.4, 13.0, 14.4, 16.0, 14.4, 13.0, 11.7,
];

fn apart(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// Bellman's equations of a policy, solved on the study's device.
fn solved(lab: &Lab, mdp: &Mdp, policy: &[Vec<f64>]) -> Result<Vec<f64>> {
    let (matrix, rewards) = mdp.bellman_system(policy);
    let n = rewards.len();
    let tensor = |values: Vec<f64>, shape: &[usize]| {
        let values: Vec<f32> = values.iter().map(|&v| v as f32).collect();
        Tensor::from_slice(lab.device(), &values, shape)
    };
    let values = linalg::solve(&tensor(matrix.concat(), &[n, n])?, &tensor(rewards, &[n, 1])?)?;
    Ok(values.to_vec::<f32>()?.into_iter().map(f64::from).collect())
}

fn run(lab: &mut Lab) -> Result<()> {
    let (small, grid) = (GridWorld::shortest_path(), GridWorld::jumps());
    let uniform = grid.mdp.uniform_policy();
    let random = grid.mdp.evaluate(&uniform);
    // The tolerance is half a unit of the book's last decimal.
    let of_small = small.mdp.evaluate(&small.mdp.uniform_policy());
    lab.expect_same(
        "4 x 4, random policy: furthest from the book",
        apart(&of_small, &RANDOM_4X4),
        ..1e-6,
        1e-9,
    );
    lab.expect_same(
        "5 x 5, random policy: furthest from the book",
        apart(&random, &RANDOM_5X5),
        ..0.0501,
        1e-9,
    );
    let (best, changes) = grid.mdp.value_iteration(1e-10);
    lab.expect_same("5 x 5, best policy: furthest from the book", apart(&best, &BEST_5X5), ..0.0501, 1e-9);

    let (by_policies, policies) = grid.mdp.policy_iteration();
    let greedy = grid.mdp.greedy(&best);
    let linear = solved(lab, &grid.mdp, &grid.mdp.epsilon_greedy_policy(&greedy, 0.0))?;
    lab.expect("value iteration and policy iteration apart", apart(&best, &by_policies), ..1e-8);
    lab.expect_same("value iteration and the linear solve apart", apart(&best, &linear), ..1e-4, 1e-4);
    lab.expect_same(
        "linear solve, random policy: furthest from exact",
        apart(&solved(lab, &grid.mdp, &uniform)?, &random),
        ..1e-4,
        1e-4,
    );
    lab.expect("policies that policy iteration went through", policies.len() as f64, 2.0..=10.0);
    // Each sweep shrinks the errors at least by the discount factor: in the long run exactly by it.
    let errors: Vec<f64> =
        sweeps(&grid.mdp, changes.len()).iter().map(|values| apart(values, &best)).collect();
    let ratios: Vec<f64> = errors[..100].windows(2).map(|pair| pair[1] / pair[0]).collect();
    lab.expect(
        "largest ratio of errors from sweep to sweep",
        ratios.iter().copied().fold(0.0, f64::max),
        0.85..=0.9 + 1e-9,
    );

    let field = |values: &[f64]| plot::Field::matrix(5, 5, values.to_vec()).cell_text(1);
    let board = |title: &str| plot::Panel::new(title, "", "").y_down().equal();
    let arrows = (0..25).fold(board("Best actions"), |panel, state| {
        let found = grid.mdp.action_values(state, &best);
        let signs = ["up", "right", "down", "left"];
        let text: Vec<&str> = signs
            .into_iter()
            .zip(&found)
            .filter(|(_, value)| best[state] - **value < 1e-6)
            .map(|(sign, _)| sign)
            .collect();
        let text = if text.len() == 4 { "any".into() } else { text.join("/") };
        panel.layer(plot::Note::new(((state % 5) as f64, (state / 5) as f64), text))
    });
    let arrows = arrows.layer(plot::Points::new("", [(-0.5, -0.5), (4.5, 4.5)]).radius(0.1));
    let line = |name: &str, values: &[f64]| {
        plot::Series::new(name, values.iter().enumerate().map(|(i, &v)| (i as f64, v))).exact()
    };
    let rate: Vec<f64> = (0..100).map(|sweep| errors[0] * 0.9f64.powi(sweep)).collect();
    let figure = plot::Figure::new("Bellman's equations on a grid: A (10) and B (5) lead back down")
        .columns(2)
        .panel(board("Values of random walking").layer(field(&random)))
        .panel(board("Best values").layer(field(&best)))
        .panel(arrows)
        .panel(
            plot::Panel::new("Value iteration", "sweep", "largest error")
                .with(line("error", &errors[..100]))
                .with(line("discount 0.9 a sweep", &rate))
                .log_y(),
        );
    lab.picture("value_iteration", |path| figure.save(path))
}

/// The values before each of some sweeps.
fn sweeps(mdp: &Mdp, count: usize) -> Vec<Vec<f64>> {
    let first = vec![0.0; mdp.states()];
    std::iter::successors(Some(first), |values| Some(mdp.backup(values))).take(count).collect()
}
