studies! {
    clip,
    captioning,
    visual_questions,
}
