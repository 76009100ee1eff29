// The programs are modules here; their `main` is not called.
#![allow(dead_code)]

use studies::Study;

#[path = "../../../../../examples/reinforcement/a2c.rs"]
mod a2c;
#[path = "../../../../../examples/reinforcement/bandits.rs"]
mod bandits;
#[path = "../../../../../examples/reinforcement/dqn.rs"]
mod dqn;
#[path = "../../../../../examples/reinforcement/mcts.rs"]
mod mcts;
#[path = "../../../../../examples/reinforcement/ppo.rs"]
mod ppo;
#[path = "../../../../../examples/reinforcement/q_learning.rs"]
mod q_learning;
#[path = "../../../../../examples/reinforcement/reinforce.rs"]
mod reinforce;
#[path = "../../../../../examples/reinforcement/self_play.rs"]
mod self_play;
#[path = "../../../../../examples/reinforcement/value_iteration.rs"]
mod value_iteration;

pub const STUDIES: &[&Study] = &[
    &bandits::STUDY,
    &value_iteration::STUDY,
    &q_learning::STUDY,
    &reinforce::STUDY,
    &a2c::STUDY,
    &ppo::STUDY,
    &dqn::STUDY,
    &mcts::STUDY,
    &self_play::STUDY,
];
