studies! {
    graph_nodes,
    molecules,
    recommender,
    word2vec: gpu,
    glove,
}
