// The programs are modules here; their `main` is not called.
#![allow(dead_code)]

use studies::Study;

#[path = "../../../../../examples/unsupervised/anomaly.rs"]
mod anomaly;
#[path = "../../../../../examples/unsupervised/autoencoders.rs"]
mod autoencoders;
#[path = "../../../../../examples/unsupervised/clustering.rs"]
mod clustering;
#[path = "../../../../../examples/unsupervised/elbo_bounds.rs"]
mod elbo_bounds;
#[path = "../../../../../examples/unsupervised/factor_analysis.rs"]
mod factor_analysis;
#[path = "../../../../../examples/unsupervised/ica.rs"]
mod ica;
#[path = "../../../../../examples/unsupervised/nce.rs"]
mod nce;
#[path = "../../../../../examples/unsupervised/pca.rs"]
mod pca;
#[path = "../../../../../examples/unsupervised/self_training.rs"]
mod self_training;
#[path = "../../../../../examples/unsupervised/sparse_autoencoders.rs"]
mod sparse_autoencoders;
#[path = "../../../../../examples/unsupervised/sparse_coding.rs"]
mod sparse_coding;
#[path = "../../../../../examples/unsupervised/stacked_autoencoder.rs"]
mod stacked_autoencoder;
#[path = "../../../../../examples/unsupervised/vae.rs"]
mod vae;
#[path = "../../../../../examples/unsupervised/vae_codes.rs"]
mod vae_codes;

pub const STUDIES: &[&Study] = &[
    &pca::STUDY,
    &factor_analysis::STUDY,
    &ica::STUDY,
    &sparse_coding::STUDY,
    &clustering::STUDY,
    &sparse_autoencoders::STUDY,
    &autoencoders::STUDY,
    &stacked_autoencoder::STUDY,
    &vae::STUDY,
    &vae_codes::STUDY,
    &elbo_bounds::STUDY,
    &anomaly::STUDY,
    &self_training::STUDY,
    &nce::STUDY,
];
