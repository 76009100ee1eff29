//! MNIST and its relatives (Fashion-MNIST, KMNIST, EMNIST's digits) in their published IDX form.
//!
//! An IDX file is four bytes (0, 0, the type, the number of dimensions), the dimensions as big-endian 32-bit numbers,
//! and the values in row-major order. Here they are bytes: images `[N, H, W]` and labels `[N]`.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;

use crate::error::{Error, Result};
use crate::images::{Dataset, ImageSet, MAX_PIXEL_BYTES};

/// The type of unsigned bytes.
const BYTES: u8 = 0x08;

/// The prefixes of `-images-idx3-ubyte` and `-labels-idx1-ubyte`, by split.
const SPLITS: [&str; 2] = ["train", "t10k"];

/// Reads a directory of the four published files, gzipped (`.gz`) or not. Images are `[1, H, W]`; classes are named by their
/// numbers, and there are ten or as many as the labels need.
///
/// # Errors
/// [`Error::MissingFile`], [`Error::Idx`] if a file is cut, too long or of another type, [`Error::ImageSet`] if images and labels
/// do not fit together, and errors of reading.
pub fn read(directory: impl AsRef<Path>) -> Result<Dataset> {
    let directory = directory.as_ref();
    let [train, test] = SPLITS.map(|split| -> Result<_> {
        let (images, labels) = (find(directory, split, "images", 3)?, find(directory, split, "labels", 1)?);
        let (shape, pixels) = values(&images, 3)?;
        let (_, labels) = values(&labels, 1)?;
        Ok(([1, shape[1], shape[2]], pixels, labels))
    });
    let (train, test) = (train?, test?);
    let most = train.2.iter().chain(&test.2).max().map_or(0, |&label| usize::from(label));
    let classes: Arc<[String]> = (0..10.max(most + 1)).map(|class| class.to_string()).collect();
    let set = |(shape, pixels, labels): ([usize; 3], Vec<u8>, Vec<u8>)| {
        ImageSet::new(pixels, labels.into_iter().map(u32::from).collect(), classes.clone(), shape)
    };
    let (train, test) = (set(train)?, set(test)?);
    let source = format!("IDX files in {}: {} train, {} test", directory.display(), train.len(), test.len());
    Ok(Dataset { train, test, source })
}

/// Whether a directory holds one of the files.
pub(crate) fn is_idx(directory: &Path) -> bool {
    SPLITS.iter().any(|split| find(directory, split, "images", 3).is_ok())
}

/// The file of a split: with a dash or a dot before `idx`, gzipped or not.
fn find(directory: &Path, split: &str, what: &str, rank: usize) -> Result<PathBuf> {
    let names = ["-", "."].map(|dash| format!("{split}-{what}{dash}idx{rank}-ubyte"));
    let files = names.iter().flat_map(|name| [directory.join(name), directory.join(format!("{name}.gz"))]);
    let missing = || Error::MissingFile { path: directory.into(), file: format!("{}[.gz]", names[0]) };
    files.into_iter().find(|file| file.is_file()).ok_or_else(missing)
}

/// Dimensions and values of a file of bytes with `rank` dimensions.
fn values(path: &Path, rank: usize) -> Result<(Vec<usize>, Vec<u8>)> {
    let read_error = |source| Error::Read { path: path.into(), source };
    let damaged = |problem: String| Error::Idx { file: path.display().to_string(), problem };
    let file = BufReader::new(File::open(path).map_err(read_error)?);
    let mut input: Box<dyn Read> = if path.extension().is_some_and(|e| e == "gz") {
        Box::new(MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    };
    let mut head = vec![0; 4 + 4 * rank];
    input.read_exact(&mut head).map_err(|e| damaged(format!("its header is cut: {e}")))?;
    if head[..2] != [0, 0] || head[2] != BYTES || usize::from(head[3]) != rank {
        return Err(damaged(format!("it begins with {:02x?}, not [00, 00, 08, {rank:02x}]", &head[..4])));
    }
    let dim = |bytes: &[u8]| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
    let dims: Vec<usize> = head[4..].chunks_exact(4).map(dim).collect();
    let count = dims.iter().try_fold(1u64, |n, &d| n.checked_mul(d as u64)).filter(|n| *n <= MAX_PIXEL_BYTES);
    let count = count.ok_or_else(|| Error::TooLarge {
        what: format!("{}, {dims:?},", path.display()),
        limit: MAX_PIXEL_BYTES,
    })?;
    // Grows as bytes arrive: a header may claim more than the file has.
    let mut bytes = vec![];
    let read =
        input.take(count + 1).read_to_end(&mut bytes).map_err(|e| damaged(format!("it is damaged: {e}")))?;
    if read as u64 != count {
        let found = if read as u64 > count { "more".into() } else { read.to_string() };
        return Err(damaged(format!("its dimensions {dims:?} need {count} values, it has {found}")));
    }
    Ok((dims, bytes))
}
