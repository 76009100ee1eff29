//! Labelled images for training: reading, caching, augmenting and batching them; texts, cut into windows; tables as features and
//! targets; NumPy's files; and rows divided, drawn and scaled. Images, texts and sounds (feature `audio`) are changed at random
//! for training.
//!
//! ```
//! # fn main() -> data::Result<()> {
//! use std::sync::Arc;
//! use data::{Loader, LoaderOptions};
//!
//! let dataset = data::synthetic::shapes(200, 50, 42); // or data::load("cifar-10-binary.tar.gz")?
//! let normalize = dataset.train.mean_std();
//! let loader = Loader::new(Arc::new(dataset.train), LoaderOptions::train(32, normalize))?;
//! for batch in loader.epoch(0) {
//!     assert_eq!(batch.images.len(), batch.shape.iter().product::<usize>());
//! }
//! # Ok(())
//! # }
//! ```

mod archive;
#[cfg(feature = "audio")]
pub mod audio;
mod augment;
mod cache;
pub mod cifar;
mod decode;
#[cfg(feature = "download")]
pub mod download;
mod draws;
pub mod eda;
mod encoder;
mod error;
pub mod folder;
pub mod folds;
pub mod idx;
mod images;
mod load;
mod loader;
mod mask_tokens;
mod matrix;
pub mod npy;
mod npy_header;
mod npz;
pub mod on_device;
mod prefetch;
mod resample;
mod rng;
mod sampler;
pub mod scaler;
mod smote;
pub mod split;
pub mod synthetic;
mod table;
mod text;
mod upload;

pub use augment::{
    Affine, AugMix, Augment, ColorJitter, Crop, Elastic, GaussianBlur, Image, Op, PadCropFlip, RandAugment,
    RandomAffine, RandomResizedCrop,
};
pub use cache::Cache;
pub use draws::Draws;
pub use encoder::{Encoder, Encoding};
pub use error::{Error, Result};
pub use folds::Fold;
pub use images::{Dataset, ImageSet, Normalize};
pub use load::{load, load_with};
pub use loader::{Batch, Loader, LoaderOptions};
pub use mask_tokens::MaskTokens;
pub use matrix::Matrix;
pub use resample::{class_weights, over_sample, under_sample};
pub use sampler::Sampler;
pub use smote::smote;
pub use table::{Column, Kind, Table, TableOptions};
pub use text::{Text, TextBatch, Windows};
pub use upload::DeviceBatch;
