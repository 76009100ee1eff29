//! Training on parts of large graphs.

mod neighbor_sampler;

pub use neighbor_sampler::NeighborSampler;
