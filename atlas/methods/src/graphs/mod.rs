//! Learning on graphs.
//!
//! | What | Here |
//! |---|---|
//! | batches of nodes with sampled neighbours (GraphSAGE) | [`NeighbourTrees`] |

mod neighbour_trees;

pub use neighbour_trees::NeighbourTrees;
