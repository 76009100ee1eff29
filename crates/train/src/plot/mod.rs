//! Pictures of a training run: curves over steps or epochs, and grids of images with captions.
//!
//! Everything is drawn in memory with a font that is part of the program, so a picture comes out the same
//! on a bare server as on a desktop. The file appears whole or not at all.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use train::plot::{Panel, Series, curves};
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

mod answers;
mod axis;
mod canvas;
mod curves;
mod grid;
mod legend;
mod panel;
mod picture;
mod series;
mod text;
mod ticks;

pub use answers::answers;
pub use curves::{Panel, Series, curves};
pub use grid::{GridImage, image_grid};
pub use panel::PANEL_SIZE;
