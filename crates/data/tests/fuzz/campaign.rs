//! Runs a reader on damaged files, and counts.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::allocator::{Memory, measure};
use crate::mutation::{Mutation, bomb, mutations};

/// A reader of files and what must hold of it.
pub struct Reader {
    pub name: &'static str,
    /// Whole files, each readable.
    pub samples: fn() -> Vec<Sample>,
    /// Puts a file where the reader finds it, reads it with [`File::read`], and checks the result; an error says what is wrong
    /// with the result.
    pub check: fn(&mut File) -> Result<Verdict, String>,
    /// The most bytes in use for any file, and in addition for each byte of the file.
    pub memory: (usize, usize),
}

/// A whole file, as content and what is wrapped around it.
pub struct Sample {
    pub content: Vec<u8>,
    /// Adds compression and checksums, so that damaged content gets valid ones.
    pub wrap: fn(&[u8]) -> Vec<u8>,
}

impl Sample {
    /// A file without any wrapping.
    pub fn plain(content: impl Into<Vec<u8>>) -> Sample {
        Sample { content: content.into(), wrap: <[u8]>::to_vec }
    }
}

/// What became of a damaged file.
pub enum Verdict {
    /// Read, and the data are what the file says.
    Accepted,
    Refused,
}

/// A damaged file.
pub struct File<'a> {
    /// Which of the samples it was.
    pub sample: usize,
    pub bytes: Vec<u8>,
    /// The content inside of the wrapping, or before the damage.
    pub content: Vec<u8>,
    /// Whether the content was damaged before it was wrapped, so that checksums are right for it.
    pub rewrapped: bool,
    /// A directory to write to.
    pub directory: &'a Path,
    memory: Memory,
}

impl File<'_> {
    /// Reads, while memory is counted.
    pub fn read<T>(&mut self, reader: impl FnOnce(&[u8]) -> T) -> T {
        let (result, memory) = measure(|| reader(&self.bytes));
        self.memory = memory;
        result
    }

    /// [`read`](Self::read) for readers that return a result: accepted data go to `judge`, and error messages must be short.
    pub fn judge<T, E: std::error::Error>(
        &mut self,
        reader: impl FnOnce(&[u8]) -> Result<T, E>,
        judge: impl FnOnce(&File, T) -> Result<(), String>,
    ) -> Result<Verdict, String> {
        match self.read(reader) {
            Ok(found) => judge(self, found).map(|()| Verdict::Accepted),
            Err(error) => match error.to_string().len() {
                0..4096 => Ok(Verdict::Refused),
                length => Err(format!("an error of {length} bytes")),
            },
        }
    }

    /// An error where a condition does not hold.
    pub fn must(holds: bool, what: &str) -> Result<(), String> {
        if holds { Ok(()) } else { Err(what.into()) }
    }
}

#[derive(Clone, Debug)]
struct Case {
    sample: Index,
    content: Vec<Mutation>,
    wrapping: Vec<Mutation>,
}

fn cases() -> impl Strategy<Value = Case> {
    let none = || Just(vec![]);
    let damage = prop_oneof![
        30 => (mutations(), none()),
        30 => (none(), mutations()),
        4 => (mutations(), mutations()),
        1 => (bomb(), none()),
    ];
    (any::<Index>(), damage).prop_map(|(sample, (content, wrapping))| Case { sample, content, wrapping })
}

/// The largest files whose memory is reported: larger ones were blown up by mutation.
pub const SMALL: usize = 64 << 10;

/// The outcomes of the cases, and the memory that they took.
#[derive(Debug, Default)]
pub struct Counts {
    pub cases: u64,
    pub accepted: u64,
    pub refused: u64,
    /// The largest single allocation, in bytes, for a file of at most [`SMALL`].
    pub largest: usize,
    /// The most bytes in use at a time, for a file of at most [`SMALL`].
    pub peak: usize,
    pub slowest: Duration,
}

/// Reads damaged files, as many as `cases`, or for a time.
///
/// Case `n` of a reader is always the same; a failure is reduced to fewer changes by proptest.
pub fn run(reader: &Reader, first: u64, cases_wanted: u64, time: Option<Duration>) -> Counts {
    let directory = tempfile::tempdir().unwrap();
    let samples = (reader.samples)();
    let (contents, files): (Vec<&[u8]>, Vec<Vec<u8>>) =
        samples.iter().map(|sample| (&sample.content[..], (sample.wrap)(&sample.content))).unzip();
    let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
    let mut counts = Counts::default();
    let file = |case: &Case| {
        let sample = case.sample.index(samples.len());
        let mut content = contents[sample].to_vec();
        case.content.iter().for_each(|mutation| mutation.apply(&mut content, &contents));
        let mut bytes = (samples[sample].wrap)(&content);
        case.wrapping.iter().for_each(|mutation| mutation.apply(&mut bytes, &files));
        let (directory, memory) = (directory.path(), Memory::default());
        File { sample, bytes, content, rewrapped: !case.content.is_empty(), directory, memory }
    };
    for sample in 0..samples.len() {
        let (bytes, content) = (files[sample].to_vec(), contents[sample].to_vec());
        let (directory, memory) = (directory.path(), Memory::default());
        let mut whole = File { sample, bytes, content, rewrapped: false, directory, memory };
        let verdict = (reader.check)(&mut whole);
        assert!(
            matches!(verdict, Ok(Verdict::Accepted)),
            "{}: whole sample {sample}: {:?}",
            reader.name,
            verdict.err()
        );
    }
    let start = Instant::now();
    for number in first.. {
        let done = time.map_or(counts.cases >= cases_wanted, |time| start.elapsed() >= time);
        if done {
            break;
        }
        let mut runner = runner(reader.name, number);
        let tree = cases().new_tree(&mut runner).unwrap();
        let begun = Instant::now();
        let shared = RefCell::new(&mut counts);
        let outcome = runner.run_one(tree, |case| {
            let mut file = file(&case);
            let verdict = (reader.check)(&mut file).map_err(TestCaseError::fail)?;
            let (size, memory) = (file.bytes.len(), file.memory);
            let bound = reader.memory.0 + reader.memory.1 * size;
            prop_assert!(memory.peak <= bound, "{memory:?} for a file of {size} bytes; the bound is {bound}");
            let mut counts = shared.borrow_mut();
            match verdict {
                Verdict::Accepted => counts.accepted += 1,
                Verdict::Refused => counts.refused += 1,
            }
            if size <= SMALL {
                counts.largest = counts.largest.max(memory.largest);
                counts.peak = counts.peak.max(memory.peak);
            }
            Ok(())
        });
        counts.cases += 1;
        counts.slowest = counts.slowest.max(begun.elapsed());
        if let Err(TestError::Fail(reason, case)) = outcome {
            let failed = file(&case);
            std::fs::write(std::env::temp_dir().join("wgrad-fuzz-failure"), &failed.bytes).unwrap();
            panic!("{}, case {number}: {reason}\n{case:?}\n{}", reader.name, shown(&failed.bytes));
        }
    }
    counts
}

/// Random numbers of one case.
fn runner(name: &str, number: u64) -> TestRunner {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    seed[8..].iter_mut().zip(name.bytes()).for_each(|(byte, letter)| *byte = letter);
    let config = Config { failure_persistence: None, max_shrink_iters: 2000, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
}

/// The first bytes, as in a byte string.
fn shown(bytes: &[u8]) -> String {
    let mut text = format!("{} bytes: ", bytes.len());
    bytes.iter().take(600).for_each(|byte| _ = write!(text, "{}", byte.escape_ascii()));
    text
}
