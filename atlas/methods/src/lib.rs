//! Textbook methods of deep learning, built on the tensors, layers and optimizers of wgrad.
//!
//! | Subject | Module |
//! |---|---|
//! | large matrices, quadratic programmes, decompositions of tensors | [`numerics`] |
//! | adversarial examples | [`adversarial`] |
//! | attribution of outputs to inputs | [`attribution`] |
//! | biologically plausible learning rules | [`biological`] |
//! | boosting | [`boosting`] |
//! | Hessians, Jacobians, gradients of single examples | [`curvature`] |
//! | object detectors | [`detection`] |
//! | Boltzmann machines, Hopfield networks, Ising models | [`energy`] |
//! | GANs, flows, diffusion, score matching | [`generative`] |
//! | sampling of neighbours in large graphs | [`graphs`] |
//! | Markov chains, variational inference, belief propagation, filters | [`inference`] |
//! | the loss around a minimum | [`landscape`] |
//! | losses on distances of embeddings | [`metric_learning`] |
//! | contrastive learning, pretext tasks, few-shot learning | [`representation`] |
//! | reinforcement learning | [`rl`] |
//! | K-FAC, Newton's method, natural gradients | [`second_order`] |
//! | speech | [`speech`] |
//! | clusters, factors, independent components, sparse codes | [`unsupervised`] |

#![warn(missing_docs)]

pub mod adversarial;
pub mod attribution;
pub mod biological;
pub mod boosting;
pub mod curvature;
pub mod detection;
pub mod energy;
pub mod generative;
pub mod graphs;
pub mod inference;
pub mod landscape;
pub mod metric_learning;
pub mod numerics;
pub mod pac_bayes;
pub mod privacy;
pub mod representation;
pub mod rl;
pub mod second_order;
pub mod speech;
pub mod unsupervised;
