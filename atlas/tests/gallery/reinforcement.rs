studies! {
    bandits,
    value_iteration: gpu,
    q_learning,
    reinforce,
    a2c,
    ppo,
    dqn,
    mcts,
    self_play,
}
