//! Learning rules that need nothing but what a synapse could know.

mod feedback;
mod hebbian;

pub use feedback::FeedbackLinear;
pub use hebbian::{hebbian_step, oja_step};
