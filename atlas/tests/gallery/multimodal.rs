studies! {
    clip,
    captioning,
    visual_qa,
}
