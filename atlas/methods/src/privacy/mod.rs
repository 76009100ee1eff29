//! Differential privacy: training whose result hardly depends on any one example (Abadi et al. 2016).

mod accountant;
mod clipping;

pub use accountant::{RdpAccountant, gaussian_delta, sampled_gaussian_rdp};
pub use clipping::{clipped_sums, privatized};
