//! Archives of NumPy's arrays.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use zip::ZipArchive;

use crate::error::{Error, Result, short};
use crate::images::MAX_PIXEL_BYTES;
use crate::npy::{Array, parse};

/// Deflate's highest ratio: an archive that expands further lists the same bytes several times.
const EXPANSION: u64 = 1032;

/// Reads all arrays of a `.npz` file (`numpy.savez`, `numpy.savez_compressed`) by name. Together they may have 16 GiB. Of
/// several with one name, the last counts.
///
/// ```
/// use data::npy::{Values, read_npz};
/// let arrays = read_npz("tests/fixtures/npy/stored.npz")?;
/// assert_eq!(arrays["x"].shape, [2, 3]);
/// assert_eq!(arrays["labels"].values, Values::I32(vec![1, 0]));
/// # Ok::<(), data::Error>(())
/// ```
///
/// # Errors
/// [`Error::Read`], [`Error::TooLarge`], and [`Error::Npy`] if the archive is damaged, encrypted or compressed by other means than
/// deflate, or an entry is not what [`npy::read`](crate::npy::read) reads.
pub fn read_npz(path: impl AsRef<Path>) -> Result<BTreeMap<String, Array>> {
    let path = path.as_ref();
    let fault = |source| Error::Read { path: path.into(), source };
    let damaged =
        |name: &str, problem: String| Error::Npy { file: format!("{}{name}", path.display()), problem };
    let file = File::open(path).map_err(fault)?;
    let size = file.metadata().map_err(fault)?.len();
    let limit = size.saturating_mul(EXPANSION).min(MAX_PIXEL_BYTES);
    let mut left = limit;
    let mut archive = ZipArchive::new(BufReader::new(file))
        .map_err(|e| damaged("", format!("not a whole archive: {e}")))?;
    let mut arrays = BTreeMap::new();
    for place in 0..archive.len() {
        let unread = |e| damaged("", format!("entry {place} cannot be read: {e}"));
        let mut entry = archive.by_index(place).map_err(unread)?;
        let name = entry.name().map_err(unread)?.into_owned();
        let name = name.strip_suffix(".npy").unwrap_or(&name).to_string();
        let inside = format!(", array {:?}", short(&name));
        let mut bytes = vec![]; // grows by what is read: the sizes in the archive are only a claim
        (&mut entry)
            .take(left + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| damaged(&inside, format!("it is damaged: {e}")))?;
        left = left
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| Error::TooLarge { what: format!("{}, expanded,", path.display()), limit })?;
        arrays.insert(name, parse(&bytes).map_err(|problem| damaged(&inside, problem))?);
    }
    Ok(arrays)
}
