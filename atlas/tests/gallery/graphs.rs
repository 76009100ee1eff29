studies! {
    graph_nodes,
    neighbour_sampling,
    molecules,
    recommender,
    word2vec: gpu,
    glove,
}
