//! Optimizers that use curvature.
//!
//! | What | Here |
//! |---|---|
//! | natural gradients by Kronecker factors (K-FAC) | [`Kfac`], for the layers of a [`TracedMlp`] |

mod kfac;

pub use kfac::{Kfac, Trace, TracedMlp};
