//! Making trained models smaller: fewer bits per weight, fewer weights, fewer layers.
//!
//! | What | Here |
//! |---|---|
//! | rounding to a few bits, with calibrated ranges | [`QuantSpec`], [`Quantizer`], [`Observer`] |
//! | inference in int8 | [`Int8Network`] |
//! | training with rounded weights | [`Quantizer::fake_quantize`] |
//! | removing weights or whole channels | [`Masks`] |
//! | a small model taught by a large one | [`distillation_loss`] |
//! | files of int8 or of sparse weights | [`save_quantized`], [`load_quantized`], [`save_sparse`], [`load_sparse`] |

mod distill;
mod files;
mod int8;
mod observer;
mod prune;
mod quantize;

pub use distill::distillation_loss;
pub use files::{load_quantized, load_sparse, save_quantized, save_sparse};
pub use int8::Int8Network;
pub use observer::Observer;
pub use prune::Masks;
pub use quantize::{QuantScheme, QuantSpec, Quantizer};
