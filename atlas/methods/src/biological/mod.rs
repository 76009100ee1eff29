//! Biologically plausible learning rules: local updates, errors without weight transport, and spikes.

mod feedback;
mod hebbian;
mod spiking;

pub use feedback::FeedbackLinear;
pub use hebbian::{hebbian_step, oja_step};
pub use spiking::{lif_rate, lif_spikes, spike};
