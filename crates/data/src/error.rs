//! Everything that can go wrong with data: what happened, where, and what to do about it.

use std::io;
use std::path::PathBuf;

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The start of a text from a file, which may be as long as the file, for a message.
pub(crate) fn short(text: &str) -> String {
    text.chars().take(100).collect()
}

/// What was wrong with a data set, a loader's options or a download.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused to read a file or directory.
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },

    /// The operating system refused to write a file or directory.
    #[error("cannot write {}: {source}; choose a directory that can be written", path.display())]
    Write { path: PathBuf, source: io::Error },

    /// A path holds none of the known formats.
    #[error(
        "{} holds no data set known here; looked for CIFAR-10 (data_batch_1.bin to data_batch_5.bin, \
         test_batch.bin), CIFAR-100 (train.bin, test.bin), MNIST (a directory with train-images-idx3-ubyte[.gz] and \
         its three companions) and image folders \
         (train/CLASS/*.jpg|jpeg|png with test, val or valid beside train), in a directory, .tar or .tar.gz",
        path.display()
    )]
    UnknownFormat { path: PathBuf },

    /// A file that the format needs is not there.
    #[error("{}: {file} is missing; unpack or download the data set again", path.display())]
    MissingFile { path: PathBuf, file: String },

    /// A binary file does not hold a whole number of records.
    #[error(
        "{file} has {bytes} bytes, which is not a positive multiple of the record size {record}: \
         record {} is cut at byte {}; download the file again",
        bytes / record, bytes
    )]
    PartialRecord { file: String, bytes: usize, record: usize },

    /// A record's label is outside the classes.
    #[error(
        "{file}, record {record} (byte {offset}): {kind} {label} is not below {classes}; \
         the file is damaged or of another format, download it again"
    )]
    LabelRange { file: String, record: usize, offset: usize, kind: &'static str, label: u32, classes: usize },

    /// An IDX file does not match its header or its name.
    #[error("{file}: {problem}; download the file again")]
    Idx { file: String, problem: String },

    /// A file of class names has the wrong number of names.
    #[error("{file} names {found} classes, not {expected}; download the file again")]
    ClassNames { file: String, found: usize, expected: usize },

    /// An archive cannot be read to its end.
    #[error("{}: damaged or cut short after {after}: {source}; download it again", archive.display())]
    Archive { archive: PathBuf, after: String, source: io::Error },

    /// An archive's entry is one that this crate refuses.
    #[error("{}: entry {entry:?} {problem}; repack the archive with plain files only", archive.display())]
    UnsafeEntry { archive: PathBuf, entry: String, problem: &'static str },

    /// Something is larger than the limit for reading into memory.
    #[error("{what} is larger than the limit of {limit} bytes; split it or make it smaller")]
    TooLarge { what: String, limit: u64 },

    /// An image's path does not give its label.
    #[error("{file}: expected SPLIT/CLASS/FILE with SPLIT one of train, test, val, valid; move or remove it")]
    Layout { file: String },

    /// A split has no images.
    #[error("{}: no images in {split}/CLASS/*.jpg|jpeg|png; add them or name another path", path.display())]
    EmptySplit { path: PathBuf, split: &'static str },

    /// The splits do not have the same classes.
    #[error(
        "{}: class {class:?} has images in {present} but none in {absent}; \
         add some or remove the class",
        path.display()
    )]
    ClassMismatch { path: PathBuf, class: String, present: &'static str, absent: &'static str },

    /// An image file cannot be decoded.
    #[error("{file}: cannot decode the image: {reason}; replace or remove the file")]
    Image { file: String, reason: String },

    /// Two images differ in size.
    #[error(
        "{file} is {width}x{height} pixels but {reference} is {reference_width}x{reference_height}; \
         resize all images to one size"
    )]
    MixedSizes {
        file: String,
        width: usize,
        height: usize,
        reference: String,
        reference_width: usize,
        reference_height: usize,
    },

    /// The parts of an image set do not fit together.
    #[error("image set: {0}")]
    ImageSet(String),

    /// Invalid options of a loader.
    #[error("loader options: {0}")]
    Options(String),

    /// Rows that cannot be divided as asked.
    #[error("split: {0}")]
    Split(String),

    /// Rows that cannot be drawn as asked.
    #[error("sampler: {0}")]
    Sampler(String),

    /// Examples whose parts do not fit together.
    #[error("examples: {0}")]
    Examples(String),

    /// A matrix whose parts do not fit together, or with unusable numbers.
    #[error("matrix: {0}")]
    Matrix(String),

    /// A CSV file is not the table that it should be.
    #[error("{file}, line {line}{}: {problem}", column.as_ref().map_or(String::new(), |c| format!(", column {c:?}")))]
    Csv { file: String, line: u64, column: Option<String>, problem: String },

    /// A Parquet file is damaged, or has contents that are not supported.
    #[cfg(feature = "parquet")]
    #[error("{file}{}: {problem}", column.as_ref().map_or(String::new(), |c| format!(", column {c:?}")))]
    Parquet { file: String, column: Option<String>, problem: String },

    /// A table lacks a requested column, or the column lacks the requested values.
    #[error("table: {0}")]
    Table(String),

    /// A NumPy file is damaged or has contents that are not supported. For an archive, `file` also names the array.
    #[error("{file}: {problem}")]
    Npy { file: String, problem: String },

    /// A WAV file is damaged or has contents that are not supported.
    #[cfg(feature = "audio")]
    #[error("{file}: {problem}")]
    Wav { file: String, problem: String },

    /// An invalid signal, or invalid settings for processing one.
    #[cfg(feature = "audio")]
    #[error("audio: {0}")]
    Audio(String),

    /// An invalid text or vocabulary.
    #[error("text: {0}")]
    Text(String),

    /// A tokenizer's file is damaged, or a tokenizer can't be learned or used as asked.
    #[cfg(feature = "tokenizers")]
    #[error("{what}: {problem}")]
    Tokenizer { what: String, problem: String },

    /// A download failed.
    #[cfg(feature = "download")]
    #[error("cannot download {url}: {reason}; check the connection or download the file by hand")]
    Download { url: String, reason: String },

    /// A download arrived whole but is not the published file.
    #[cfg(feature = "download")]
    #[error("{url} is not the published file: {what} is {found}, expected {expected}; nothing was kept")]
    NotPublished { url: String, what: &'static str, found: String, expected: String },
}
