studies! {
    adversarial,
    batch_size,
    biological_rules,
    depth,
    double_descent,
    linearization,
    newton: gpu,
    optimizer_race,
    random_labels,
    regularization_race,
    scaling_law,
    vanishing_gradients: gpu,
}
