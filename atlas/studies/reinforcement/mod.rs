use atlas::Study;

mod a2c;
mod a3c;
mod bandits;
mod ddpg;
mod dqn;
mod dyna_q;
mod matrix_games;
mod mcts;
mod ppo;
mod q_learning;
mod reinforce;
mod self_play;
mod value_iteration;

pub const STUDIES: &[&Study] = &[
    &bandits::STUDY,
    &value_iteration::STUDY,
    &q_learning::STUDY,
    &dyna_q::STUDY,
    &reinforce::STUDY,
    &a2c::STUDY,
    &ppo::STUDY,
    &dqn::STUDY,
    &ddpg::STUDY,
    &matrix_games::STUDY,
    &mcts::STUDY,
    &self_play::STUDY,
    &a3c::STUDY,
];
