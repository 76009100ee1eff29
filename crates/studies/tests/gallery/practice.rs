studies! {
    adversarial,
    ensemble,
    training_checks,
    transfer,
}
