//! What of an image an answer depends on.
//!
//! A score is a function from images `[N, C, H, W]` to a number for each, `[N]`, such as a class's logit; the maps are
//! one value a pixel.

mod grad_cam;
mod gradients;
mod occlusion;

pub use grad_cam::grad_cam;
pub use gradients::{input_gradient, integrated_gradients};
pub use occlusion::occlusion;
