studies! {
    approximation,
}
