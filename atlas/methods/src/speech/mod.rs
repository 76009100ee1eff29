//! Parts of networks that hear and speak.
//!
//! | What | Here |
//! |---|---|
//! | attention that knows where it has been (Tacotron 2) | [`LocationSensitiveAttention`] |
//! | contrastive learning of masked frames (wav2vec 2.0) | [`masked_contrastive_loss`] |

mod location_attention;
mod masked_contrast;

pub use location_attention::LocationSensitiveAttention;
pub use masked_contrast::masked_contrastive_loss;
