//! Learning without labels: clusters, factors, independent components, sparse codes, and likelihood bounds.
//!
//! | What | Here |
//! |---|---|
//! | clusters | [`KMeans`] (Lloyd, k-means++), [`GaussianMixture`] (EM) |
//! | factors | [`FactorAnalysis`]: probabilistic PCA and factor analysis (EM) |
//! | factors with a weight for each entry | [`WeightedFactors`] (alternating least squares) |
//! | independent components | [`fast_ica`], [`infomax_ica`] |
//! | sparse codes | [`ista`], [`fista`], [`lasso_objective`], [`dictionary_step`] |
//! | topics | [`TopicSampler`]: latent Dirichlet allocation by Gibbs sampling |
//! | codes of what is relevant | [`InformationBottleneck`] |
//! | maps | [`tsne_affinities`], [`tsne_loss`]; [`umap_graph`], [`UmapLoss`]; [`trustworthiness`] |
//! | variational autoencoders | [`importance_weighted_bound`], [`free_bits`] |
//!
//! Methods that touch many points run on tensors; EM runs in f64 on the host, which is precise enough for its likelihood to be seen never
//! to fall.

mod bounds;
mod factor_analysis;
mod gaussian_mixture;
mod ica;
mod information_bottleneck;
mod kmeans;
mod sparse_coding;
mod topics;
mod tsne;
mod umap;
mod weighted_factors;

pub use bounds::{free_bits, importance_weighted_bound};
pub use factor_analysis::{FactorAnalysis, FactorNoise, sample_covariance};
pub use gaussian_mixture::GaussianMixture;
pub use ica::{fast_ica, infomax_ica};
pub use information_bottleneck::InformationBottleneck;
pub use kmeans::KMeans;
pub use sparse_coding::{dictionary_step, fista, ista, lasso_objective};
pub use topics::TopicSampler;
pub use tsne::{tsne_affinities, tsne_loss};
pub use umap::{UmapLoss, trustworthiness, umap_curve, umap_graph};
pub use weighted_factors::WeightedFactors;
