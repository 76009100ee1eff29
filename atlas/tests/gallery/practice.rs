studies! {
    ensemble,
    training_checks,
    transfer,
}
