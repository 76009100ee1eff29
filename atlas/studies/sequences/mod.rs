use atlas::Study;

mod beam_search;
mod char_lm;
mod masked_lm;
mod ner;
mod sentiment;
mod seq2seq;
mod sequence_shapes;
mod speech;
mod time_series;
mod translation;
mod truncated_bptt;
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
