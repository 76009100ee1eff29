//! Building blocks of generative models: networks, losses and samplers.
//!
//! | Model | Here |
//! |---|---|
//! | adversarial networks | [`GanLoss`], [`r1_penalty`], [`feature_matching_loss`], [`DcganGenerator`], [`DcganDiscriminator`], [`PatchDiscriminator`], [`with_classes`], [`cycle_loss`], [`SrResNet`], [`MappingNetwork`], [`StyleGenerator`] |
//! | diffusion | [`NoiseSchedule`] with its DDPM and DDIM steps, [`timestep_embedding`], [`DenoisingUNet`], [`classifier_free_guidance`] |
//! | score matching | [`score_matching_loss`], [`denoising_score_matching_loss`], [`annealed_langevin`] |
//! | flows | [`NormalizingFlow`] of [`AffineCoupling`] or [`MaskedAutoregressive`] layers ([`Made`]), [`Permutation`], [`Whitening`] |
//! | continuous flows | [`ContinuousFlow`], [`odeint`], [`odeint_adaptive`], [`adjoint`], [`divergence`] |
//! | energy-based models | [`contrastive_divergence_loss`], [`langevin`] |
//!
//! The gradient penalty of a Wasserstein critic is [`autograd::gradient_penalty`].

mod adjoint;
mod condition;
mod continuous_flow;
mod coupling;
mod cycle;
mod dcgan;
mod denoising_unet;
mod diffusion;
mod divergence;
mod flow;
mod gan;
mod langevin;
mod made;
mod maf;
mod noise_schedule;
mod ode;
mod patch_gan;
mod permutation;
mod score;
mod smooth_mlp;
mod sr_resnet;
mod style;
mod whitening;

pub use adjoint::adjoint;
pub use condition::with_classes;
pub use continuous_flow::{ContinuousFlow, Trace};
pub use coupling::AffineCoupling;
pub use cycle::{cycle_loss, identity_loss};
pub use dcgan::{DcganDiscriminator, DcganGenerator};
pub use denoising_unet::DenoisingUNet;
pub use diffusion::{classifier_free_guidance, timestep_embedding};
pub use divergence::{divergence, hutchinson_divergence};
pub use flow::{Bijection, NormalizingFlow};
pub use gan::{GanLoss, feature_matching_loss, r1_penalty};
pub use langevin::{annealed_langevin, langevin};
pub use made::Made;
pub use maf::MaskedAutoregressive;
pub use noise_schedule::NoiseSchedule;
pub use ode::{OdeMethod, odeint, odeint_adaptive};
pub use patch_gan::PatchDiscriminator;
pub use permutation::Permutation;
pub use score::{contrastive_divergence_loss, denoising_score_matching_loss, score_matching_loss};
pub use smooth_mlp::SmoothMlp;
pub use sr_resnet::SrResNet;
pub use style::{MappingNetwork, StyleGenerator, adaptive_instance_norm};
pub use whitening::Whitening;
