//! Losses that pull embeddings of one class together: triplets as in FaceNet, and angular margins.

mod arc_face;
mod triplets;

pub use arc_face::ArcFace;
pub use triplets::semi_hard_triplet_loss;
