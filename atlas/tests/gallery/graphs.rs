studies! {
    graph_nodes,
    neighbor_sampling,
    molecules,
    recommender,
    word2vec: gpu,
    glove,
}
