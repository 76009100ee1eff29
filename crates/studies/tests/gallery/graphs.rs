studies! {
    graph_nodes: gpu,
    recommender,
    word2vec: gpu,
}
