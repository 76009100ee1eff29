// The programs are modules here; their `main` is not called.
#![allow(dead_code)]

use studies::Study;

#[path = "../../../../../examples/graphs/graph_nodes.rs"]
mod graph_nodes;
#[path = "../../../../../examples/graphs/recommender.rs"]
mod recommender;
#[path = "../../../../../examples/graphs/word2vec.rs"]
mod word2vec;

pub const STUDIES: &[&Study] = &[&graph_nodes::STUDY, &recommender::STUDY, &word2vec::STUDY];
