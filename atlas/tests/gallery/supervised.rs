studies! {
    approximation: gpu,
    architectures,
    baselines,
    linear_models: gpu,
    mlp,
    perceptron: gpu,
    svm,
    vit,
    adaboost,
    regressors,
    model_selection,
}
