//! Every op, gradient, optimizer, schedule, initialiser and trained model against numbers that PyTorch computed, on the CPU
//! and on the GPU adapter.
//!
//! The cases are in the directory `WGRAD_FIXTURES` (by default `tests/fixtures`); `conventions` in its `cases.json` describes the
//! format. A case is determined by its op's name and attributes. Features that the library does not have count as unsupported and
//! also make the test fail. `WGRAD_REQUIRE_GPU=1` makes a missing adapter a failure, `WGRAD_PARITY=text` runs only the cases whose
//! family, op or name contains the text.

mod parity;

use std::path::PathBuf;

use parity::fixtures::Fixtures;
use parity::report::Report;
use parity::runner;

#[test]
fn agrees_with_pytorch() {
    let bundled = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let directory = std::env::var_os("WGRAD_FIXTURES").map_or(bundled, PathBuf::from);
    let mut fixtures =
        Fixtures::load(&directory).unwrap_or_else(|e| panic!("{}: {e:#}", directory.display()));
    if let Ok(text) = std::env::var("WGRAD_PARITY") {
        fixtures.cases.retain(|c| [&c.family, &c.op, &c.name].iter().any(|s| s.contains(&text)));
    }
    let devices = gpu_core::testing::devices();
    let report = Report::new(runner::run_all(&fixtures, &devices));
    println!("{report}");
    assert!(report.missed() == 0, "{} of the cases did not pass, see above", report.missed());
}
