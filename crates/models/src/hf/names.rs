//! Names and layouts of weights here and in files of Hugging Face.

use crate::params::wildcard;

/// Name here, with stars; names in files, with as many stars, whose tensors are joined along the first dimension; and whether these are
/// transposed, as the weights of GPT-2's `Conv1D`.
pub struct Rule {
    ours: String,
    theirs: Vec<String>,
    turned: bool,
}

/// Where a tensor is in a file.
pub struct Place {
    /// Tensors that are joined.
    pub parts: Vec<String>,
    pub turned: bool,
}

/// The names of a family.
pub struct Names {
    rules: Vec<Rule>,
    /// Files of networks without a head have names without this prefix.
    pub prefix: &'static str,
    /// Patterns of tensors in files that networks here do not have: constants, and copies of shared weights.
    pub ignored: &'static [&'static str],
}

impl Names {
    /// From a table of ours and theirs; `{}` in theirs is the prefix.
    pub fn new(prefix: &'static str, ignored: &'static [&'static str], table: &[(&str, &[&str])]) -> Names {
        let mut names = Names { rules: vec![], prefix, ignored };
        table.iter().for_each(|(ours, theirs)| names.add(ours, theirs, false));
        names
    }

    pub fn add(&mut self, ours: &str, theirs: &[&str], turned: bool) {
        let theirs = theirs.iter().map(|name| name.replace("{}", self.prefix)).collect();
        self.rules.push(Rule { ours: ours.into(), theirs, turned });
    }

    /// Where the tensor called `ours` is in a file. Without rules, names are the same.
    pub fn find(&self, ours: &str) -> Option<Place> {
        if self.rules.is_empty() {
            return Some(Place { parts: vec![ours.into()], turned: false });
        }
        self.rules.iter().find_map(|rule| {
            let texts = wildcard::captures(&rule.ours, ours)?;
            let parts = rule.theirs.iter().map(|theirs| wildcard::filled(theirs, &texts)).collect();
            Some(Place { parts, turned: rule.turned })
        })
    }

    /// The names that a file may have for `name`, the usual one first.
    pub fn spellings(&self, name: &str) -> Vec<String> {
        let mut all = vec![name.to_owned()];
        all.extend(name.strip_prefix(self.prefix).map(str::to_owned));
        // Files that were converted from TensorFlow.
        for (new, old) in [("LayerNorm.weight", "LayerNorm.gamma"), ("LayerNorm.bias", "LayerNorm.beta")] {
            if name.ends_with(new) {
                all.extend(all.clone().iter().map(|name| name.replace(new, old)));
            }
        }
        all
    }

    pub fn ignores(&self, name: &str) -> bool {
        self.ignored.iter().any(|pattern| wildcard::matches(pattern, name))
    }
}
