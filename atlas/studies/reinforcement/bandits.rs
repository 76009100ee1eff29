//! Multi-armed bandits: epsilon-greedy, upper confidence bounds (Auer, Cesa-Bianchi and Fischer 2002) and Thompson sampling (1933) on ten
//! arms. The regret of a fixed epsilon grows linearly, that of the others logarithmically; Thompson sampling matches the lower bound of Lai
//! and Robbins (1985): `cargo run --release -p wgrad-atlas -- bandits`.

use atlas::prelude::*;
use methods::rl::{BanditPolicy, BernoulliBandit, EpsilonGreedy, Thompson, Ucb1};

pub const STUDY: Study = Study {
    name: "bandits",
    about: "Regret of epsilon-greedy, UCB1 and Thompson sampling on ten levers, against what theory allows.",
    on_gpu: false,
    data: None,
    run,
};

const MEANS: [f64; 10] = [0.6, 0.45, 0.45, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3];

/// The mean regret after each round over `runs` runs.
fn mean_regret(
    bandit: &BernoulliBandit,
    rounds: usize,
    runs: usize,
    seed: u64,
    policy: impl Fn() -> Box<dyn BanditPolicy>,
) -> Vec<f64> {
    let mut mean = vec![0.0; rounds];
    for run in 0..runs {
        let regret = bandit.regret(policy().as_mut(), rounds, &mut Draws::new(seed, 0, run as u32));
        mean.iter_mut().zip(regret).for_each(|(mean, regret)| *mean += regret / runs as f64);
    }
    mean
}

fn run(lab: &mut Lab) -> Result<()> {
    let bandit = BernoulliBandit::new(&MEANS);
    let (arms, rounds) = (bandit.arms(), 10_000);
    let (runs, seed) = (lab.pick(200, 24), lab.seed());
    let greedy = mean_regret(&bandit, rounds, runs, seed, || Box::new(EpsilonGreedy::new(arms, 0.1)));
    let ucb1 = mean_regret(&bandit, rounds, runs, seed, || Box::new(Ucb1::new(arms)));
    let thompson = mean_regret(&bandit, rounds, runs, seed, || Box::new(Thompson::new(arms)));

    let random: f64 = (0..arms).map(|arm| bandit.gap(arm)).sum::<f64>() / arms as f64;
    let last = |regret: &[f64]| regret[rounds - 1];
    // Exploration alone costs epsilon times the regret of random pulls.
    let half = rounds / 2;
    lab.expect(
        "epsilon-greedy: regret a round, against exploring",
        (last(&greedy) - greedy[half]) / (half as f64 * 0.1 * random),
        0.95..1.6,
    );
    lab.expect("UCB1: regret over its bound", last(&ucb1) / bandit.ucb1_bound(rounds), 0.01..1.0);
    lab.expect("UCB1: regret over that of random pulls", last(&ucb1) / (random * rounds as f64), ..0.6);
    // The regret added over the last tenfold of rounds, which leaves out constant terms.
    let added = last(&thompson) - thompson[rounds / 10 - 1];
    lab.expect(
        "Thompson: growth over that of Lai and Robbins",
        added / (bandit.lai_robbins() * 10f64.ln()),
        0.6..1.4,
    );
    lab.expect("Thompson: regret over UCB1's", last(&thompson) / last(&ucb1), ..0.4);

    let line = |name: &str, regret: &[f64]| {
        let points = (0..100).map(|i| 10f64.powf(f64::from(i) / 99.0 * 4.0).round());
        plot::Series::new(name, points.map(|round| (round, regret[round as usize - 1]))).exact()
    };
    let slope: Vec<f64> = (1..=rounds).map(|n| bandit.lai_robbins() * (n as f64).ln()).collect();
    let bound: Vec<f64> = (1..=rounds).map(|n| bandit.ucb1_bound(n)).collect();
    let panel = plot::Panel::new("Ten levers", "round", "regret")
        .with(line("epsilon-greedy, 0.1", &greedy))
        .with(line("UCB1", &ucb1))
        .with(line("Thompson", &thompson))
        .with(line("Lai-Robbins slope", &slope))
        .log_x();
    let far = plot::Panel::new("With UCB1's bound", "round", "regret")
        .with(line("epsilon-greedy, 0.1", &greedy))
        .with(line("UCB1", &ucb1))
        .with(line("Thompson", &thompson))
        .with(line("bound of UCB1", &bound))
        .log_x()
        .log_y()
        .y_range(0.1, 20_000.0);
    let title = format!("Bandits: mean regret of {runs} runs");
    lab.picture("bandits", |path| plot::Figure::new(title).panel(panel).panel(far).save(path))
}
