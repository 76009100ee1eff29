//! Data for training: labelled images, read, cached, augmented and batched; texts, cut into windows; tables as features and
//! targets; NumPy's files; splits, samplers and scalers. Images, texts and sounds (feature `audio`) can be augmented.
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

#![warn(missing_docs)]

#[cfg(feature = "images")]
mod archive;
#[cfg(feature = "audio")]
pub mod audio;
mod augment;
mod batches;
mod boxes;
#[cfg(feature = "images")]
mod cache;
#[cfg(feature = "images")]
pub mod cifar;
#[cfg(feature = "images")]
mod decode;
#[cfg(feature = "download")]
pub mod download;
mod draws;
pub mod eda;
#[cfg(feature = "csv")]
mod encoder;
mod error;
#[cfg(feature = "images")]
pub mod folder;
pub mod folds;
mod from_fn;
#[cfg(feature = "images")]
pub mod idx;
#[cfg(feature = "images")]
mod image_folder;
mod images;
#[cfg(feature = "images")]
mod load;
mod loader;
mod loader_options;
mod mask_tokens;
mod matrix;
pub mod npy;
mod npy_header;
#[cfg(feature = "npz")]
mod npz;
pub mod on_device;
#[cfg(feature = "parquet")]
mod parquet_cells;
#[cfg(feature = "parquet")]
mod parquet_pages;
#[cfg(feature = "parquet")]
mod parquet_table;
mod part;
#[cfg(feature = "images")]
mod picture_cache;
mod pictures;
mod prefetch;
mod resample;
mod rows;
mod sampler;
pub mod scaler;
mod sequences;
mod series;
#[cfg(feature = "images")]
mod shard;
mod smote;
mod source;
pub mod split;
pub mod synthetic;
#[cfg(feature = "csv")]
mod table;
mod targets;
mod tensor_dataset;
mod text;
#[cfg(feature = "tokenizers")]
mod tokenizer;
mod upload;
mod vocabulary;
#[cfg(feature = "tokenizers")]
mod word_piece;

pub use augment::{
    Affine, AugMix, Augment, ColorJitter, Crop, Elastic, Fit, GaussianBlur, Image, Op, PadCropFlip,
    RandAugment, RandomAffine, RandomResizedCrop,
};
pub use batches::{BatchOptions, Batches, Examples};
pub use boxes::{Corners, Detection, Object, box_area, box_iou};
#[cfg(feature = "images")]
pub use cache::Cache;
pub use draws::Draws;
#[cfg(feature = "csv")]
pub use encoder::{Encoder, Encoding};
pub use error::{Error, Result};
pub use folds::Fold;
pub use from_fn::{FnExamples, IterSource};
#[cfg(feature = "images")]
pub use image_folder::ImageFolder;
pub use images::{Dataset, ImageSet, Normalize};
#[cfg(feature = "images")]
pub use load::{load, load_with};
pub use loader::{Batch, Loader};
pub use loader_options::LoaderOptions;
pub use mask_tokens::MaskTokens;
pub use matrix::Matrix;
#[cfg(feature = "parquet")]
pub use parquet_table::ParquetOptions;
pub use part::Part;
pub use pictures::Images;
pub use resample::{class_weights, over_sample, under_sample};
pub use rows::{DeviceRows, RowBatch, Rows};
pub use sampler::Sampler;
pub use sequences::{DevicePadded, Padded, SequenceBatch, Sequences};
pub use series::{DeviceSeries, SeriesBatch, SeriesOptions, SeriesWindows};
pub use smote::smote;
pub use source::{RandomWindows, Source};
#[cfg(feature = "csv")]
pub use table::{Column, Kind, Table, TableOptions};
pub use targets::Targets;
pub use tensor_dataset::TensorDataset;
pub use text::{Text, TextBatch, Windows};
#[cfg(feature = "tokenizers")]
pub use tokenizer::Tokenizer;
pub use upload::DeviceBatch;
pub use vocabulary::Vocabulary;
