//! Matching names against patterns in which `*` stands for any text, including none.

/// Whether a name matches a pattern.
///
/// ```
/// use models::wildcard::matches;
/// assert!(matches("layer1.*.weight", "layer1.0.conv1.weight"));
/// assert!(!matches("layer1", "layer1.0.conv1.weight"));
/// ```
pub fn matches(pattern: &str, name: &str) -> bool {
    captures(pattern, name).is_some()
}

/// The texts that the stars of a pattern stand for, in order; `None` if the name does not match. Each star but the last stands for as little
/// text as possible.
///
/// ```
/// use models::wildcard::captures;
/// assert_eq!(captures("h.*.attn.*", "h.0.attn.c_proj.bias"), Some(vec!["0", "c_proj.bias"]));
/// assert_eq!(captures("h.*.attn.*", "h.0.mlp.c_proj.bias"), None);
/// ```
pub fn captures<'a>(pattern: &str, name: &'a str) -> Option<Vec<&'a str>> {
    let Some((first, rest)) = pattern.split_once('*') else { return (pattern == name).then(Vec::new) };
    let mut name = name.strip_prefix(first)?;
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    let mut found = vec![];
    // Matching each part as early as possible leaves the most text to the parts after it.
    for part in parts {
        let at = name.find(part)?;
        found.push(&name[..at]);
        name = &name[at + part.len()..];
    }
    found.push(name.strip_suffix(last)?);
    Some(found)
}

/// A pattern with texts in place of its stars: the inverse of [`captures`].
///
/// ```
/// use models::wildcard::filled;
/// assert_eq!(filled("blocks.*.attn.*", &["0", "proj.bias"]), "blocks.0.attn.proj.bias");
/// ```
pub fn filled(pattern: &str, texts: &[&str]) -> String {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.zip(texts).fold(first, |name, (part, text)| name + text + part)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, name) in [
            ("*", ""),
            ("fc.weight", "fc.weight"),
            ("*.weight", "layer1.0.conv1.weight"),
            ("layer1.*.weight", "layer1.0.conv1.weight"),
            ("*bn*", "layer1.0.bn1.bias"),
            ("a*b*b", "axbbyb"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("", "x"), ("fc", "fc.weight"), ("*.bias", "fc.weight"), ("a*b*b", "ab"), ("ab*ba", "aba")]
        {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
