studies! {
    graph_nodes,
    recommender,
    word2vec: gpu,
}
