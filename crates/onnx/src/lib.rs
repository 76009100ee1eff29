//! Networks as [ONNX](https://onnx.ai) files: [`export`] writes any network from its recorded operations, [`load`] reads a file as a
//! [`Module`](models::Module) that infers and trains.

#![warn(missing_docs)]

mod error;
mod export;
mod import;
#[allow(missing_docs, clippy::all, clippy::pedantic, rustdoc::all)]
mod proto;

pub use error::{Error, Result};
pub use export::{Export, Exported, export};
pub use import::{OnnxModel, load};
