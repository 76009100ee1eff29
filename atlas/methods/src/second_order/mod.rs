//! Optimizers that use curvature: [`Kfac`], and [`NewtonCg`] with the Hessian, or with the Fisher information for the natural gradient.
//! `models::Lbfgs` estimates it from gradients.

mod kfac;
mod newton_cg;

pub use kfac::{Kfac, KfacLayers, KfacLosses, KfacOptions};
pub use newton_cg::{NewtonCg, NewtonStep, Objective};
