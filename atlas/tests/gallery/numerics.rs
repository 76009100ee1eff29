studies! {
    krylov,
    tensor_decomposition,
    constrained,
}
