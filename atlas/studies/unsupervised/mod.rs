use atlas::Study;

mod anomaly;
mod autoencoders;
mod clustering;
mod elbo_bounds;
mod factor_analysis;
mod hierarchical_clustering;
mod ica;
mod natural_patches;
mod nce;
mod pca;
mod self_training;
mod sparse_autoencoders;
mod sparse_coding;
mod stacked_autoencoder;
mod topic_model;
mod tsne;
mod umap;
mod vae;
mod vae_codes;

pub const STUDIES: &[&Study] = &[
    &pca::STUDY,
    &factor_analysis::STUDY,
    &ica::STUDY,
    &sparse_coding::STUDY,
    &natural_patches::STUDY,
    &clustering::STUDY,
    &hierarchical_clustering::STUDY,
    &topic_model::STUDY,
    &tsne::STUDY,
    &sparse_autoencoders::STUDY,
    &autoencoders::STUDY,
    &stacked_autoencoder::STUDY,
    &vae::STUDY,
    &vae_codes::STUDY,
    &elbo_bounds::STUDY,
    &anomaly::STUDY,
    &self_training::STUDY,
    &nce::STUDY,
    &umap::STUDY,
];
