studies! {
    ensemble,
    training_checks,
    transfer,
    class_transfer,
    private_training,
    active_learning,
    forgetting,
    architecture_search,
}
