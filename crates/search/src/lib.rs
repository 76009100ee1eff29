//! Hyper-parameter search: which values make a program's objective best.
//!
//! A [`Study`] runs a program again and again with values of a [`Space`], chosen by a [`Strategy`], optionally several at once,
//! and records what happened in a journal, so that an interrupted study continues where it was. A program takes values as
//! arguments or from a configuration file, and prints its objective in a JSON object on a line of its own. A [`Strategy`] can
//! also be used directly, by programs that run trials in their own way.
//!
//! ```no_run
//! use std::path::Path;
//! use train::Interrupt;
//! use search::Study;
//!
//! let study: Study = toml::from_str(r#"
//!     command = ["target/release/examples/mnist", "--json", "--out", "{dir}"]
//!     objective = "test_loss"
//!     strategy.bayesian.trials = 30
//!     parallel = 2
//!     timeout_s = 600
//!     [search]
//!     lr.log_uniform = [1e-4, 1e-1]
//!     batch.choice = [32, 64, 128]
//! "#)?;
//! let results = study.run(Path::new("runs/mnist-lr"), &Interrupt::by_signal()?, |trial| println!("{trial:?}"))?;
//! print!("{}", results.table());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![warn(missing_docs)]

mod bayesian;
mod cholesky;
mod command;
mod dimension;
mod error;
mod expected_improvement;
mod gaussian_process;
mod grid;
mod halving;
mod journal;
mod output;
mod pictures;
mod process;
mod results;
mod runner;
mod space;
mod strategy;
mod study;
mod trial;
mod value;

pub use dimension::Dimension;
pub use error::{Error, Result};
pub use expected_improvement::log_expected_improvement;
pub use gaussian_process::{GaussianProcess, Matern};
pub use halving::Budget;
pub use results::Results;
pub use space::Space;
pub use strategy::{Next, Strategy};
pub use study::Study;
pub use trial::{Outcome, Trial};
pub use value::{Value, Values};
