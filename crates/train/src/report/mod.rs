//! A page about a run: one file, `report.html`, that needs no network and no other file.
//!
//! [`RunReport`] makes the usual page of a run from plain data; [`Report`] builds custom pages.
//!
//! ```
//! use train::plot::{Panel, Series};
//! use train::report::Report;
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("report.html");
//! let loss = Panel::new("Loss", "step", "cross entropy").with(Series::new("train", [(0.0, 2.3), (1.0, 1.1)]));
//! Report::new("ResNet-20 <1>").curves("Training", &[loss]).write(&path)?;
//! let page = std::fs::read_to_string(&path)?;
//! assert!(page.contains("<h1>ResNet-20 &lt;1&gt;</h1>"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The page follows the reader's light or dark setting and fits a phone. Curves have tooltips, legends that switch lines off,
//! smoothing, and a logarithmic scale; they are drawn by the page's own script.

mod charts;
mod html;
mod of_run;
mod page;
mod run;
mod tables;

pub use charts::{HeatMap, Histogram};
pub use page::{Png, Report};
pub use run::{Checkpoint, ProfileRow, RunReport};
