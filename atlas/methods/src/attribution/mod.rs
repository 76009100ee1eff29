//! Attribution: which parts of an image a score depends on.
//!
//! A score is a function from images `[N, C, H, W]` to one number for each, `[N]`, such as the logit of a class; the maps have one value
//! per pixel.

mod grad_cam;
mod gradients;
mod occlusion;

pub use grad_cam::grad_cam;
pub use gradients::{input_gradient, integrated_gradients};
pub use occlusion::occlusion;
