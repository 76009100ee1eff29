//! Matching names against patterns.

/// Whether a name matches a pattern in which `*` stands for any text, including none.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    // Matching each part as early as possible leaves the most text to the parts after it.
    for part in parts {
        match name.find(part) {
            Some(at) => name = &name[at + part.len()..],
            None => return false,
        }
    }
    name.ends_with(last)
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
