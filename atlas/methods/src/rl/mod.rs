//! Reinforcement learning.
//!
//! | What | Here |
//! |---|---|
//! | bandits | [`BernoulliBandit`], [`EpsilonGreedy`], [`Ucb1`], [`Thompson`] |
//! | known Markov decision processes | [`Mdp`]: value iteration, policy iteration, Bellman's equations; [`GridWorld`] |
//! | values in a table | [`QTable`]: Q-learning, SARSA; planning with a [`DynaModel`] |
//! | environments | [`Environment`], [`CartPole`], [`VecEnv`]; [`Pendulum`], of continuous actions |
//! | policies | [`Rollout`] with generalised advantages, [`policy_gradient_loss`], [`ppo_loss`] |
//! | action values | [`ReplayBuffer`], [`update_target`], [`td_targets`], [`td_loss`], [`LinearEpsilon`] |
//! | games at the same time | [`MatrixGame`]: fictitious play, regret matching, multiplicative weights |
//! | games in turns | [`Game`], [`TicTacToe`], [`minimax`], [`Mcts`] |
//!
//! Environments, tables and trees are on the host, computing in f64; networks get observations as batches.

mod bandit;
mod cart_pole;
mod dyna;
mod environment;
mod epsilon;
mod game;
mod grid_world;
mod losses;
mod matrix_game;
mod mcts;
mod mdp;
mod pendulum;
mod q_table;
mod replay_buffer;
mod rollout;
mod target_network;

pub use bandit::{BanditPolicy, BernoulliBandit, EpsilonGreedy, Thompson, Ucb1};
pub use cart_pole::CartPole;
pub use dyna::DynaModel;
pub use environment::{
    Environment, Episode, Moved, VecEnv, VecMoved, epsilon_greedy_actions, sample_actions,
};
pub use epsilon::LinearEpsilon;
pub use game::{Game, TicTacToe, minimax};
pub use grid_world::{Cell, GridWorld};
pub use losses::{policy_gradient_loss, ppo_loss, td_loss, td_targets};
pub use matrix_game::{MatrixGame, Strategies};
pub use mcts::{Explore, Mcts, random_game};
pub use mdp::{Mdp, Successor};
pub use pendulum::Pendulum;
pub use q_table::QTable;
pub use replay_buffer::{ReplayBatch, ReplayBuffer};
pub use rollout::{Rollout, returns, standardized};
pub use target_network::update_target;
