//! Files that make the next start faster. Losing or damaging them costs time, nothing else.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::write_atomically;

/// The directory that `WGRAD_CACHE` names, else `wgrad` in the user's cache directory: `$XDG_CACHE_HOME`, `~/.cache`, or
/// `%LOCALAPPDATA%` on Windows. `None` if there is none; nothing is cached then.
pub fn cache_directory() -> Option<PathBuf> {
    directory(|name| std::env::var_os(name))
}

fn directory(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("WGRAD_CACHE").or_else(|| {
        let user = if cfg!(windows) {
            set("LOCALAPPDATA")
        } else {
            set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))
        };
        Some(user?.join("wgrad"))
    })
}

/// A file of the cache directory.
#[derive(Clone, Debug)]
pub(crate) struct CacheFile(Option<PathBuf>);

impl CacheFile {
    /// The file `<kind>-<owner>.<extension>`, with all characters of `owner` other than letters and digits replaced by
    /// `-`.
    pub fn new(kind: &str, owner: &str, extension: &str) -> CacheFile {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let owner: String = owner.chars().map(plain).collect();
        CacheFile(cache_directory().map(|dir| dir.join(format!("{kind}-{owner}.{extension}"))))
    }

    pub fn read(&self) -> Option<Vec<u8>> {
        std::fs::read(self.0.as_ref()?).ok()
    }

    /// Replaces the file as a whole. A full or read-only disk costs time at the next start, no more.
    pub fn write(&self, bytes: &[u8]) {
        let Some(path) = &self.0 else { return };
        let written = || {
            std::fs::create_dir_all(path.parent().expect("a file in a directory"))?;
            write_atomically(path, bytes)
        };
        let _ = written();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_directory_follows_the_environment() {
        let with = |set: &[(&str, &str)]| {
            directory(|name| set.iter().find(|(n, _)| *n == name).map(|(_, value)| value.into()))
        };
        assert_eq!(with(&[("WGRAD_CACHE", "/c"), ("HOME", "/h")]), Some("/c".into()));
        assert_eq!(with(&[]), None);
        if cfg!(windows) {
            assert_eq!(with(&[("LOCALAPPDATA", "/l")]), Some(Path::new("/l").join("wgrad")));
        } else {
            assert_eq!(with(&[("XDG_CACHE_HOME", "/x"), ("HOME", "/h")]), Some("/x/wgrad".into()));
            assert_eq!(with(&[("WGRAD_CACHE", ""), ("HOME", "/h")]), Some("/h/.cache/wgrad".into()));
        }
    }

    #[test]
    fn files_are_replaced_and_may_be_missing() {
        let dir = tempfile::tempdir().unwrap();
        let file = CacheFile(Some(dir.path().join("new").join("x.bin")));
        assert_eq!(file.read(), None);
        file.write(b"one");
        file.write(b"two");
        assert_eq!(file.read().unwrap(), b"two");
        assert_eq!(std::fs::read_dir(dir.path().join("new")).unwrap().count(), 1);
        let nowhere = CacheFile(None);
        nowhere.write(b"one");
        assert_eq!(nowhere.read(), None);
    }
}
