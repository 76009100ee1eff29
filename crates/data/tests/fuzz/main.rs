//! Every reader of files, on damaged files: no panic, no memory beyond a bound of the file's size, and no data that the file
//! does not hold.
//!
//! A normal run takes a few hundred cases of each. A campaign: `WGRAD_FUZZ_SECONDS=600 cargo test -p wgrad-data --features
//! parquet,tokenizers --test fuzz -- --nocapture`, of one reader with `WGRAD_FUZZ_READER=npy`, from another case on with
//! `WGRAD_FUZZ_FIRST=1000000`; it prints a line of counts for `docs/fuzzing.md`.

mod allocator;
mod campaign;
#[path = "../common/mod.rs"]
mod common;
mod mutation;
mod readers;

use std::env;
use std::time::Duration;

use campaign::{Counts, run};

#[global_allocator]
static ALLOCATOR: allocator::Counting = allocator::Counting;

/// Cases of each reader in a normal run.
const CASES: u64 = 300;

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number")))
}

/// One test, so that no other's memory is counted.
#[test]
fn damaged_files_are_refused_or_read_for_what_they_are() {
    // A backtrace, where the environment asks for one, reads the symbols of the whole program into the memory that is counted: readers
    // catch panics of the crates that they use.
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
    let seconds = number("WGRAD_FUZZ_SECONDS");
    let first = number("WGRAD_FUZZ_FIRST").unwrap_or(0);
    let only = env::var("WGRAD_FUZZ_READER").ok();
    for reader in readers::all().iter().filter(|reader| only.as_ref().is_none_or(|only| only == reader.name))
    {
        let Counts { cases, accepted, refused, largest, peak, slowest } =
            run(reader, first, CASES, seconds.map(Duration::from_secs));
        let kib = |bytes: usize| bytes.div_ceil(1024);
        println!(
            "| {} | {cases} | {accepted} | {refused} | {} KiB | {} KiB | {} ms |",
            reader.name,
            kib(largest),
            kib(peak),
            slowest.as_millis()
        );
        assert!(accepted > 0 && refused > 0, "{}: the damage reaches one side only", reader.name);
    }
}
