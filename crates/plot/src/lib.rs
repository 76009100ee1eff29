//! Pictures: curves over steps or epochs, fields with contours, scatters, bars, surfaces, parallel coordinates, and grids of
//! images with captions, on white or dark paper.
//!
//! | Picture | Made of |
//! |---|---|
//! | activations, schedules, losses, learning-rate sweeps, gradient norms by depth | [`Panel`] of [`Series`], with [`Band`] |
//! | optimizer paths, loss landscapes | [`Field`] with contours, [`Series::exact`] |
//! | decision boundaries | [`Field`] in [`ColorMap::Classes`], [`Points`] |
//! | confusion matrix, attention | [`Field::matrix`] with names |
//! | ROC, precision and recall | [`Series`] |
//! | reliability, histograms, scores with errors | [`Bars`] |
//! | latent space | [`Points`], [`Figure::images`] for interpolations |
//! | functions of two variables | [`Surface`] |
//! | filters, feature maps, attributions | [`Tiles`], [`colored`] and [`overlay()`] in [`Figure::images`] |
//! | detected boxes | [`outlined`] in [`Figure::images`] |
//! | hyper-parameter search | [`Parallel`] |
//!
//! Everything is drawn in memory with a font that is part of the program, so a picture comes out the same
//! on a bare server as on a desktop. The file appears whole or not at all.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use plot::{Panel, Series, curves};
//!
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("run.png");
//! let loss = Series::new("train", [(0.0, 2.3), (1.0, 1.1), (2.0, 0.6)]);
//! let accuracy = Series::new("test", [(0.0, 0.1), (1.0, 0.6), (2.0, 0.8)]);
//! let panels = [
//!     Panel::new("Loss", "epoch", "cross entropy").with(loss).log_y(),
//!     Panel::new("Accuracy", "epoch", "share of images").with(accuracy),
//! ];
//! curves(&path, "ResNet-20 on CIFAR-10", &panels)?;
//! # Ok(())
//! # }
//! ```

#![warn(missing_docs)]

mod axes;
mod axis;
mod bars;
mod boxes;
mod canvas;
mod color_bar;
mod color_map;
mod contour;
mod curves;
mod encoded;
mod error;
mod field;
mod figure;
mod grid;
mod layer;
mod legend;
mod overlay;
mod panel;
mod parallel;
mod picture;
mod range;
mod scatter;
mod series;
mod surface;
mod text;
mod theme;
mod ticks;
mod tiles;

pub use axes::PANEL_SIZE;
pub use bars::Bars;
pub use boxes::outlined;
pub use color_map::ColorMap;
pub use curves::{Series, curves};
pub use error::{Error, Result};
pub use field::Field;
pub use figure::Figure;
pub use grid::{GridImage, image_grid};
pub use layer::{Band, Layer, Note};
pub use overlay::{colored, overlay};
pub use panel::Panel;
pub use parallel::{Dimension, Parallel};
pub use scatter::Points;
pub use surface::Surface;
pub use theme::Theme;
pub use tiles::Tiles;
