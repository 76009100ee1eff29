use atlas::Study;

mod family_words;
mod glove;
mod graph_nodes;
mod molecules;
mod neighbor_sampling;
mod recommender;
mod word2vec;

pub const STUDIES: &[&Study] = &[
    &graph_nodes::STUDY,
    &neighbor_sampling::STUDY,
    &molecules::STUDY,
    &recommender::STUDY,
    &word2vec::STUDY,
    &glove::STUDY,
];
