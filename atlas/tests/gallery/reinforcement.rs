studies! {
    bandits,
    value_iteration: gpu,
    q_learning,
    dyna_q,
    reinforce,
    a2c,
    ppo,
    dqn,
    ddpg,
    matrix_games,
    mcts,
    self_play,
}
