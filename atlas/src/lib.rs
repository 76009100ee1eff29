//! The shared parts of the atlas's studies: the training loop with its progress bar, data, and figures that are checked against expected
//! ranges.
//!
//! A study is one [`Study`]: a name, a description, and a function that does the work with a [`Lab`]. A new one needs a file
//! `studies/AREA/NAME.rs`, its two lines in `studies/AREA/mod.rs`, a line in `tests/gallery/AREA.rs`, and its rows in `systems.md`.
//! Reusable code goes into the library, or into `methods`.
//!
//! ```
//! use atlas::prelude::*;
//!
//! const STUDY: Study = Study { name: "line", about: "A line through four points.", on_gpu: true, data: None, run };
//!
//! fn run(lab: &mut Lab) -> Result<()> {
//!     let params = lab.params();
//!     let layer = Linear::new(&params, 1, 1);
//!     let x = Tensor::from_slice(lab.device(), &[0.0f32, 1.0, 2.0, 3.0], &[4, 1])?;
//!     let y = Tensor::from_slice(lab.device(), &[1.0f32, 3.0, 5.0, 7.0], &[4, 1])?;
//!     let losses = lab.fit("line", 200, &mut Sgd::new(&params).momentum(0.9), 0.05, |_| {
//!         Ok(layer.forward(&x).mse_loss(&y, Reduction::Mean))
//!     })?;
//!     lab.expect_same("slope", params.get("weight").unwrap().value().item()?, 1.99..=2.01, 1e-3);
//!     lab.expect("loss", losses[199], ..1e-4);
//!     Ok(())
//! }
//!
//! let report = atlas::Report::of(&STUDY, &atlas::Setup::new("cpu"))?;
//! assert!(report.missed().is_empty());
//! # Ok::<(), anyhow::Error>(())
//! ```

mod detection_tiles;
mod digits;
mod fit;
mod lab;
mod language;
mod maps;
mod minibatch;
mod optimizers;
mod photographs;
mod plane;
mod real_digits;
mod report;
mod separation;
mod steps;
mod study;
pub mod synthetic;
mod tables;
mod targets;
mod tiny_images;

pub use detection_tiles::detection_tiles;
pub use digits::{DIGITS, StandardizedDigits};
pub use lab::{Lab, Setup};
pub use language::{bert_scaled, mean_loss, next_token_loss, operations_per_token};
pub use maps::{class_panel, nearest_of_class};
pub use minibatch::minibatch;
pub use optimizers::stop_training;
pub use photographs::PHOTOGRAPHS;
pub use plane::{Plane, pairs, ring_of_normals};
pub use real_digits::RealDigits;
pub use report::{Figure, Report};
pub use separation::separation;
pub use steps::Steps;
pub use study::Study;
pub use tables::{Measurements, Table};
pub use targets::{shuffle_targets, targets};
pub use tiny_images::{Judged, TINY_IMAGES, TinyImages};

/// The imports of a study.
pub mod prelude {
    pub use anyhow::{Context, Result, bail, ensure};
    pub use methods;
    pub use serde_json::json;
    pub use wgrad::data::{self, Draws};
    pub use wgrad::models;
    pub use wgrad::prelude::*;
    pub use wgrad::train::{metrics, plot};

    pub use wgrad::train::plot::Tiles;

    // Shadow the library's.
    pub use crate::optimizers::{Adagrad, Adam, AdamW, Lion, Muon, NAdam, RmsProp, Sgd};
    pub use crate::{DIGITS, Lab, StandardizedDigits, Study, minibatch, synthetic, targets};
}
