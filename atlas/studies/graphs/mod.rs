use atlas::Study;

mod graph_nodes;
mod recommender;
mod word2vec;

pub const STUDIES: &[&Study] = &[&graph_nodes::STUDY, &recommender::STUDY, &word2vec::STUDY];
