//! Reads `.tar` and `.tar.gz` as a stream into memory. Nothing is ever extracted to disk.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::error::{Error, Result, short};

/// A gzip archive may expand to this many times its size, or to [`EXPANSION_FLOOR`] if that is more. Images and CIFAR's records
/// hardly compress; gzip's highest ratio is about 1000.
const EXPANSION: u64 = 100;
const EXPANSION_FLOOR: u64 = 64 << 20;

/// Whether a file begins like a `.tar` or gzip file.
pub(crate) fn is_archive(path: &Path) -> Result<bool> {
    let mut head = Vec::new();
    let file = File::open(path).map_err(|source| Error::Read { path: path.into(), source })?;
    file.take(262).read_to_end(&mut head).map_err(|source| Error::Read { path: path.into(), source })?;
    Ok(head.starts_with(&[0x1f, 0x8b]) || head.ends_with(b"ustar"))
}

/// The contents of the archive's files by path, for the paths that `limit` gives a maximum size in bytes.
///
/// Hidden files are left out; of several entries with one path the last counts, as when extracting.
///
/// # Errors
/// [`Error::UnsafeEntry`] for a link, a device, or a path that is absolute, contains `..` or is not UTF-8;
/// [`Error::TooLarge`] for a file over its limit or an archive that expands too far;
/// [`Error::Archive`] if it is damaged or does not end as an archive must.
pub(crate) fn read(path: &Path, limit: impl Fn(&str) -> Option<u64>) -> Result<BTreeMap<String, Vec<u8>>> {
    let read_error = |source| Error::Read { path: path.into(), source };
    let mut file = File::open(path).map_err(read_error)?;
    let mut magic = [0; 2];
    let gzip = file.read_exact(&mut magic).is_ok() && magic == [0x1f, 0x8b];
    file.rewind().map_err(read_error)?;
    let size = file.metadata().map_err(read_error)?.len();
    let file = BufReader::with_capacity(1 << 16, file);
    let (input, most): (Box<dyn Read>, u64) = if gzip {
        let most = size.saturating_mul(EXPANSION).max(EXPANSION_FLOOR);
        (Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(file))), most)
    } else {
        (Box::new(file), u64::MAX)
    };

    let mut archive = tar::Archive::new(Guard { input, left: most, exceeded: false, zeros: 0 });
    let mut after = "its start".to_string();
    let files = collect(&mut archive, path, limit, &mut after);
    let mut guard = archive.into_inner();
    // The rest holds the end-of-archive blocks and gzip's checksum of everything.
    let rest = files.and_then(|files| match io::copy(&mut guard, &mut io::sink()) {
        Ok(_) if guard.zeros < 512 => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
        Ok(_) => Ok(files),
        Err(source) => Err(source.into()),
    });
    rest.map_err(|problem| match problem {
        _ if guard.exceeded => {
            Error::TooLarge { what: format!("{}, expanded,", path.display()), limit: most }
        }
        Problem::Stream(source) => Error::Archive { archive: path.into(), after, source },
        Problem::Found(error) => error,
    })
}

/// Why reading stopped: the stream failed, or an entry was refused.
enum Problem {
    Stream(io::Error),
    Found(Error),
}

impl From<io::Error> for Problem {
    fn from(source: io::Error) -> Problem {
        Problem::Stream(source)
    }
}

fn collect(
    archive: &mut tar::Archive<Guard>,
    path: &Path,
    limit: impl Fn(&str) -> Option<u64>,
    after: &mut String,
) -> Result<BTreeMap<String, Vec<u8>>, Problem> {
    let mut files = BTreeMap::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let raw = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let name = check(&entry, &raw).map_err(|problem| {
            Problem::Found(Error::UnsafeEntry { archive: path.into(), entry: short(&raw), problem })
        })?;
        *after = format!("entry {:?}", short(&raw));
        let Some(name) = name else { continue };
        let Some(most) = limit(&name) else { continue };
        let mut bytes = Vec::new(); // grows by what is read: the header's size is only a claim
        (&mut entry).take(most + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > most {
            let what = format!("{}: entry {:?}", path.display(), short(&raw));
            return Err(Problem::Found(Error::TooLarge { what, limit: most }));
        }
        if bytes.len() as u64 != entry.size() {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        files.insert(name, bytes);
    }
    Ok(files)
}

/// The entry's path without empty and `.` parts, `None` for directories, hidden files and pax headers, or what is wrong with it.
fn check(entry: &tar::Entry<'_, Guard>, raw: &str) -> Result<Option<String>, &'static str> {
    let kind = entry.header().entry_type();
    if kind.is_pax_global_extensions() {
        return Ok(None);
    }
    if kind.is_symlink() || kind.is_hard_link() {
        return Err("is a link");
    }
    if !kind.is_dir() && !kind.is_file() && !kind.is_contiguous() {
        return Err("is neither a file nor a directory");
    }
    if raw.contains(char::REPLACEMENT_CHARACTER) {
        return Err("has a name that is not UTF-8");
    }
    if raw.starts_with('/') || raw.contains('\\') || raw.as_bytes().get(1) == Some(&b':') {
        return Err("has an absolute or foreign path");
    }
    let parts: Vec<&str> = raw.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.contains(&"..") {
        return Err("has a path that leads upwards");
    }
    let hidden = parts.iter().any(|part| part.starts_with('.') || *part == "__MACOSX");
    Ok((!hidden && !kind.is_dir()).then(|| parts.join("/")))
}

/// Passes bytes through up to a limit, and counts the zeros at the end.
struct Guard {
    input: Box<dyn Read>,
    left: u64,
    exceeded: bool,
    zeros: usize,
}

impl Read for Guard {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(buffer)?;
        match self.left.checked_sub(n as u64) {
            Some(left) => self.left = left,
            None => {
                self.exceeded = true;
                return Err(io::Error::other("expands beyond the limit"));
            }
        }
        let zeros = buffer[..n].iter().rev().take_while(|&&byte| byte == 0).count();
        self.zeros = if zeros == n { self.zeros.saturating_add(n) } else { zeros };
        Ok(n)
    }
}
