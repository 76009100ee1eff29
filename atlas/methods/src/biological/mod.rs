//! Biologically plausible learning rules: local updates, and errors without weight transport.

mod feedback;
mod hebbian;

pub use feedback::FeedbackLinear;
pub use hebbian::{hebbian_step, oja_step};
