//! Errors in a configuration.

use std::path::{Path, PathBuf};

use super::keys::Keys;

/// Why a configuration cannot be used.
#[derive(Debug)]
pub enum ConfigError {
    Read { path: PathBuf, source: std::io::Error },
    Parse { path: PathBuf, line: usize, message: String, nearest: Option<String> },
    Unused { path: PathBuf, line: usize, table: &'static str, key: String, kind: String, keys: Keys },
}

impl ConfigError {
    /// The error of serde with its line and, for an unknown name, the most similar known one.
    pub fn parse(path: &Path, text: &str, fault: &toml::de::Error) -> ConfigError {
        let line = fault.span().map_or(1, |span| line_of(text, span.start));
        let message = fault.message().to_owned();
        ConfigError::Parse { path: path.to_owned(), line, nearest: nearest(&message), message }
    }
}

/// The line, from 1, of the byte `at`.
pub fn line_of(text: &str, at: usize) -> usize {
    1 + text[..at].matches('\n').count()
}

/// The known name most similar to an unknown one, from messages such as "unknown field `epoch`, expected one of `epochs`, `lr`".
fn nearest(message: &str) -> Option<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = quoted.next().filter(|_| message.starts_with("unknown"))?;
    let likeness = |known: &str| strsim::normalized_damerau_levenshtein(&unknown.to_lowercase(), known);
    let best = quoted.map(|known| (likeness(known), known)).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 > 0.4).then(|| best.1.to_owned())
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            ConfigError::Read { path, source } => write!(f, "cannot read {}: {source}", path.display()),
            ConfigError::Parse { path, line, message, nearest } => {
                write!(f, "{}, line {line}: {message}", path.display())?;
                nearest.as_ref().map_or(Ok(()), |name| write!(f, "; did you mean `{name}`?"))
            }
            ConfigError::Unused { path, line, table, key, kind, keys } => {
                let known = if keys.is_empty() { "no key but kind".into() } else { keys.join(", ") };
                let place = format!("{}, line {line}", path.display());
                write!(f, "{place}: [{table}] {key} is not used by {kind}, which takes {known}; remove it")
            }
        }
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ConfigError::Read { source, .. } => Some(source),
            ConfigError::Parse { .. } | ConfigError::Unused { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_nearest_name_is_named() {
        let of =
            |unknown: &str| nearest(&format!("unknown field `{unknown}`, expected one of `epochs`, `steps`"));
        assert_eq!(of("epoch").as_deref(), Some("epochs"));
        assert_eq!(of("Step").as_deref(), Some("steps"));
        assert_eq!(of("qqq"), None);
        assert_eq!(nearest("invalid type: string \"a\", expected `u64`"), None);
    }
}
