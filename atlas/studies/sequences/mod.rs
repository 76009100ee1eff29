use atlas::Study;

mod back_translation;
mod beam_search;
mod bert_spelling;
mod bert_tuning;
mod char_lm;
mod hidden_topics;
mod listen_attend_spell;
mod made_language;
mod masked_lm;
mod ner;
mod question_answering;
mod sentiment;
mod seq2seq;
mod sequence_shapes;
mod span_corruption;
mod speakers;
mod speech;
mod speech_synthesis;
mod spoken_words;
mod subword_lm;
mod summarization;
mod time_series;
mod transducer;
mod translation;
mod truncated_bptt;
mod wav2vec;
mod wavenet;

pub const STUDIES: &[&Study] = &[
    &seq2seq::STUDY,
    &beam_search::STUDY,
    &speech::STUDY,
    &transducer::STUDY,
    &listen_attend_spell::STUDY,
    &speakers::STUDY,
    &speech_synthesis::STUDY,
    &wav2vec::STUDY,
    &ner::STUDY,
    &time_series::STUDY,
    &sentiment::STUDY,
    &sequence_shapes::STUDY,
    &truncated_bptt::STUDY,
    &translation::STUDY,
    &back_translation::STUDY,
    &masked_lm::STUDY,
    &bert_tuning::STUDY,
    &bert_spelling::STUDY,
    &span_corruption::STUDY,
    &question_answering::STUDY,
    &summarization::STUDY,
    &wavenet::STUDY,
    &char_lm::STUDY,
    &subword_lm::STUDY,
];
