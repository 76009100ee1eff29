//! Everything that can go wrong with data: what happened, where, and what to do about it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

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
    Read {
        /// The file or directory.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },

    /// The operating system refused to write a file or directory.
    #[error("cannot write {}: {source}; choose a directory that can be written", path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },

    /// A path holds none of the known formats.
    #[error(
        "{} holds no data set known here; looked for CIFAR-10 (data_batch_1.bin to data_batch_5.bin, \
         test_batch.bin), CIFAR-100 (train.bin, test.bin), MNIST (a directory with train-images-idx3-ubyte[.gz] and \
         its three companions) and image folders \
         (train/CLASS/*.jpg|jpeg|png with test, val or valid beside train), in a directory, .tar or .tar.gz",
        path.display()
    )]
    UnknownFormat {
        /// The path that was looked at.
        path: PathBuf,
    },

    /// A file that the format needs is not there.
    #[error("{}: {file} is missing; unpack or download the data set again", path.display())]
    MissingFile {
        /// Where the data set was looked for.
        path: PathBuf,
        /// Its name within `path`.
        file: String,
    },

    /// A binary file does not hold a whole number of records.
    #[error(
        "{file} has {bytes} bytes, which is not a positive multiple of the record size {record}: \
         record {} is cut at byte {}; download the file again",
        bytes / record, bytes
    )]
    PartialRecord {
        /// The file, with its archive if it is in one.
        file: String,
        /// Size of the file.
        bytes: usize,
        /// Size of a record in bytes.
        record: usize,
    },

    /// A record's label is outside the classes.
    #[error(
        "{file}, record {record} (byte {offset}): {kind} {label} is not below {classes}; \
         the file is damaged or of another format, download it again"
    )]
    LabelRange {
        /// The file, with its archive if it is in one.
        file: String,
        /// The record, from 0.
        record: usize,
        /// The label's position in the file.
        offset: usize,
        /// Which label of the record.
        kind: &'static str,
        /// The label found.
        label: u32,
        /// Number of classes.
        classes: usize,
    },

    /// An IDX file does not match its header or its name.
    #[error("{file}: {problem}; download the file again")]
    Idx {
        /// The IDX file.
        file: String,
        /// What is wrong with it.
        problem: String,
    },

    /// A file of class names has the wrong number of names.
    #[error("{file} names {found} classes, not {expected}; download the file again")]
    ClassNames {
        /// The file, with its archive if it is in one.
        file: String,
        /// Names in the file.
        found: usize,
        /// Classes of the data set.
        expected: usize,
    },

    /// An archive cannot be read to its end.
    #[error("{}: damaged or cut short after {after}: {source}; download it again", archive.display())]
    Archive {
        /// The archive.
        archive: PathBuf,
        /// What was read last, as in `entry "train/a.png"`.
        after: String,
        /// The reader's error.
        source: io::Error,
    },

    /// An archive's entry is one that this crate refuses.
    #[error("{}: entry {entry:?} {problem}; repack the archive with plain files only", archive.display())]
    UnsafeEntry {
        /// The archive.
        archive: PathBuf,
        /// The entry's path, shortened to 100 characters.
        entry: String,
        /// Why it is refused.
        problem: &'static str,
    },

    /// Something is larger than the limit for reading into memory.
    #[error("{what} is larger than the limit of {limit} bytes; split it or make it smaller")]
    TooLarge {
        /// The file or entry.
        what: String,
        /// The limit in bytes.
        limit: u64,
    },

    /// An image's path does not give its label.
    #[error("{file}: expected {expected}; move or remove it")]
    Layout {
        /// The image, with its archive if it is in one.
        file: String,
        /// The expected path, as in `CLASS/FILE`.
        expected: &'static str,
    },

    /// A directory of classes has no images.
    #[error("{}: no images in CLASS/*.jpg|jpeg|png; add them or name another path", path.display())]
    EmptyFolder {
        /// The directory.
        path: PathBuf,
    },

    /// A split has no images.
    #[error("{}: no images in {split}/CLASS/*.jpg|jpeg|png; add them or name another path", path.display())]
    EmptySplit {
        /// The folder or archive.
        path: PathBuf,
        /// The split without images.
        split: &'static str,
    },

    /// The splits do not have the same classes.
    #[error(
        "{}: class {class:?} has images in {present} but none in {absent}; \
         add some or remove the class",
        path.display()
    )]
    ClassMismatch {
        /// The folder or archive.
        path: PathBuf,
        /// The class that is not in both splits.
        class: String,
        /// The split with images of the class.
        present: &'static str,
        /// The split without images of the class.
        absent: &'static str,
    },

    /// An image file cannot be decoded.
    #[error("{file}: cannot decode the image: {reason}; replace or remove the file")]
    Image {
        /// The image, with its archive if it is in one.
        file: String,
        /// The decoder's message.
        reason: String,
    },

    /// Two images differ in size.
    #[error(
        "{file} is {width}x{height} pixels but {reference} is {reference_width}x{reference_height}; \
         load them by ImageFolder, which brings them to one size, or resize the files"
    )]
    MixedSizes {
        /// The image that differs.
        file: String,
        /// Its width in pixels.
        width: usize,
        /// Its height in pixels.
        height: usize,
        /// The image that it is compared with.
        reference: String,
        /// The width of `reference` in pixels.
        reference_width: usize,
        /// The height of `reference` in pixels.
        reference_height: usize,
    },

    /// A shard of pictures is damaged, or no shard.
    #[error("{file}: {problem}; write the shard again")]
    Shard {
        /// The shard.
        file: String,
        /// What is wrong, and what to do.
        problem: String,
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
    Csv {
        /// The file, or the name given to `Table::parse`.
        file: String,
        /// The line, counted from 1.
        line: u64,
        /// The column's name, if one column is wrong.
        column: Option<String>,
        /// What is wrong there.
        problem: String,
    },

    /// A Parquet file is damaged, or has contents that are not supported.
    #[cfg(feature = "parquet")]
    #[error("{file}{}: {problem}", column.as_ref().map_or(String::new(), |c| format!(", column {c:?}")))]
    Parquet {
        /// The Parquet file.
        file: String,
        /// The column's name, if one column is wrong.
        column: Option<String>,
        /// What is wrong there.
        problem: String,
    },

    /// A table lacks a requested column, or the column lacks the requested values.
    #[error("table: {0}")]
    Table(String),

    /// A NumPy file is damaged or has contents that are not supported. For an archive, `file` also names the array.
    #[error("{file}: {problem}")]
    Npy {
        /// The file, and the array if it is in an archive.
        file: String,
        /// What is wrong with it.
        problem: String,
    },

    /// A WAV file is damaged or has contents that are not supported.
    #[cfg(feature = "audio")]
    #[error("{file}: {problem}")]
    Wav {
        /// The WAV file.
        file: String,
        /// What is wrong with it.
        problem: String,
    },

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
    Tokenizer {
        /// The file, or the tokenizer.
        what: String,
        /// What is wrong with it.
        problem: String,
    },

    /// A download failed.
    #[cfg(feature = "download")]
    #[error("cannot download {url}: {reason}; check the connection or download the file by hand")]
    Download {
        /// The address.
        url: String,
        /// What failed.
        reason: String,
    },

    /// A download arrived whole but is not the published file.
    #[cfg(feature = "download")]
    #[error("{url} is not the published file: {what} is {found}, expected {expected}; nothing was kept")]
    NotPublished {
        /// The address.
        url: String,
        /// What differs, as in `its size in bytes`.
        what: &'static str,
        /// What arrived.
        found: String,
        /// What was published.
        expected: String,
    },

    /// An image of a [batch](crate::Batch) could not be read or decoded.
    #[error(transparent)]
    Batch(Arc<Error>),

    /// The device failed.
    #[error(transparent)]
    Device(#[from] autograd::Error),
}
