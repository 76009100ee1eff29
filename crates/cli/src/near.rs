//! Names similar to a mistaken one, for messages.

use std::collections::BTreeSet;

/// Names in a list of a message.
const SHOWN: usize = 8;

/// `; did you mean ..?` with up to three known names, the most similar one first, or the known names if none is similar.
pub fn did_you_mean<S: AsRef<str>>(wrong: &str, known: &[S]) -> String {
    let likeness = |name: &S| strsim::normalized_damerau_levenshtein(wrong, name.as_ref());
    let mut similar: Vec<(f64, &S)> = known.iter().map(|name| (likeness(name), name)).collect();
    similar.retain(|(likeness, _)| *likeness > 0.4);
    similar.sort_by(|a, b| b.0.total_cmp(&a.0));
    let quoted: Vec<String> =
        similar.iter().take(3).map(|(_, name)| format!("\"{}\"", name.as_ref())).collect();
    match (quoted.is_empty(), known.is_empty()) {
        (false, _) => format!("; did you mean {}?", quoted.join(" or ")),
        (true, false) => format!("; there are {}", list(known)),
        (true, true) => "; there is none".into(),
    }
}

/// The patterns that a mistaken one may stand for: names of tensors, and the layers that contain them as in `layer1.*`.
pub fn patterns<S: AsRef<str>>(names: &[S]) -> Vec<String> {
    let of = |name: &str| {
        let layers = name.match_indices('.').map(|(at, _)| format!("{}.*", &name[..at]));
        layers.chain([name.to_owned()]).collect::<Vec<_>>()
    };
    let different: BTreeSet<String> = names.iter().flat_map(|name| of(name.as_ref())).collect();
    different.into_iter().collect()
}

/// Names joined by commas, long lists cut.
pub fn list<S: AsRef<str>>(names: &[S]) -> String {
    let shown: Vec<&str> = names.iter().take(SHOWN).map(AsRef::as_ref).collect();
    let rest = names.len() - shown.len();
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_names_are_suggested() {
        let names = ["layer1.0.conv1.weight", "layer2.0.conv1.weight", "fc.bias"];
        let known = patterns(&names);
        let of = |wrong: &str| did_you_mean(wrong, &known);
        assert_eq!(of("layr1.*"), "; did you mean \"layer1.*\" or \"layer2.*\" or \"layer1.0.*\"?");
        assert!(of("fc.bais").starts_with("; did you mean \"fc.bias\""));
        assert!(of("qqqqqqqqqq").starts_with("; there are fc.*, fc.bias, layer1.*, "));
        assert_eq!(did_you_mean::<&str>("a", &[]), "; there is none");
        assert_eq!(list(&["a", "b"]), "a, b");
        assert_eq!(list(&["a"; 10]), "a, a, a, a, a, a, a, a and 2 more");
    }
}
