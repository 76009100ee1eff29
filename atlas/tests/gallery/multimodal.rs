studies! {
    clip,
    captioning,
}
