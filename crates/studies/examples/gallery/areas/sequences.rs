// The programs are modules here; their `main` is not called.
#![allow(dead_code)]

use studies::Study;

#[path = "../../../../../examples/sequences/beam_search.rs"]
mod beam_search;
#[path = "../../../../../examples/sequences/char_lm.rs"]
mod char_lm;
#[path = "../../../../../examples/sequences/masked_lm.rs"]
mod masked_lm;
#[path = "../../../../../examples/sequences/ner.rs"]
mod ner;
#[path = "../../../../../examples/sequences/sentiment.rs"]
mod sentiment;
#[path = "../../../../../examples/sequences/seq2seq.rs"]
mod seq2seq;
#[path = "../../../../../examples/sequences/sequence_shapes.rs"]
mod sequence_shapes;
#[path = "../../../../../examples/sequences/speech.rs"]
mod speech;
#[path = "../../../../../examples/sequences/time_series.rs"]
mod time_series;
#[path = "../../../../../examples/sequences/translation.rs"]
mod translation;
#[path = "../../../../../examples/sequences/truncated_bptt.rs"]
mod truncated_bptt;
#[path = "../../../../../examples/sequences/wavenet.rs"]
mod wavenet;

pub const STUDIES: &[&Study] = &[
    &seq2seq::STUDY,
    &beam_search::STUDY,
    &speech::STUDY,
    &ner::STUDY,
    &time_series::STUDY,
    &sentiment::STUDY,
    &sequence_shapes::STUDY,
    &truncated_bptt::STUDY,
    &translation::STUDY,
    &masked_lm::STUDY,
    &wavenet::STUDY,
    &char_lm::STUDY,
];
