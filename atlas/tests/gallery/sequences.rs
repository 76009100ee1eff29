studies! {
    seq2seq,
    beam_search,
    speech,
    ner,
    time_series,
    sentiment: gpu,
    sequence_shapes,
    truncated_bptt,
    translation,
    masked_lm,
    wavenet: gpu,
    char_lm,
}
