studies! {
    ensemble,
    training_checks,
    transfer,
    private_training,
    active_learning,
    forgetting,
    architecture_search,
}
