//! Learning representations from few labels or none.
//!
//! | What | Here |
//! |---|---|
//! | two views of an image | [`nt_xent_loss`](autograd::Tensor::nt_xent_loss) (SimCLR), [`info_nce_loss`](autograd::Tensor::info_nce_loss) with a [`NegativeQueue`] (MoCo), [`byol_loss`] |
//! | pictures and captions | [`clip_loss`] |
//! | momentum encoders | [`update_target`] |
//! | pretext tasks | [`rot90`], [`jigsaw`], [`random_mask`] |
//! | evaluation of features | [`linear_probe`], [`spread`] |
//! | few-shot classification | [`prototypical_logits`], [`matching_log_probs`] |
//! | meta-learning | [`adapt`] |
//! | tasks one after the other | [`fisher_diagonal`], [`Consolidated`] |
//! | domain adaptation | [`reverse_gradient`], [`reversal_strength`] |

mod byol;
mod clip;
mod consolidation;
mod few_shot;
mod gradient_reversal;
mod linear_probe;
mod maml;
mod negative_queue;
mod pretext;

pub use crate::rl::update_target;
pub use byol::{byol_loss, spread};
pub use clip::clip_loss;
pub use consolidation::{Consolidated, fisher_diagonal};
pub use few_shot::{matching_log_probs, prototypical_logits};
pub use gradient_reversal::{reversal_strength, reverse_gradient};
pub use linear_probe::{Labelled, linear_probe};
pub use maml::{Order, adapt};
pub use negative_queue::NegativeQueue;
pub use pretext::{jigsaw, permutations, random_mask, rot90};
