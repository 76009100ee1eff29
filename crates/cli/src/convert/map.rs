//! Rules that give tensors other names and layouts.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use models::wildcard;
use serde::Deserialize;

use super::{Tensor, Tensors};
use crate::near::{did_you_mean, list, patterns};

/// A file of rules in TOML.
///
/// ```toml
/// rest = "keep"                                        # tensors that no rule matches: an error unless given, "keep" or "drop"
///
/// [[rule]]
/// from = "h.*.mlp.c_fc.weight"
/// to = "blocks.*.mlp.fc1.weight"
/// transpose = true
///
/// [[rule]]
/// from = ["layer.*.query.weight", "layer.*.key.weight", "layer.*.value.weight"]
/// to = "blocks.*.attn.qkv.weight"                      # joined along the first dimension
///
/// [[rule]]
/// from = "h.*.attn.bias"
/// drop = true
/// ```
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Map {
    rest: Option<Rest>,
    #[serde(default, rename = "rule")]
    rules: Vec<Rule>,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Rest {
    Keep,
    Drop,
}

/// What becomes of the tensors whose names match `from`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    from: From,
    /// The new name, with a `*` for each of `from`; the same name if not given.
    to: Option<String>,
    #[serde(default)]
    transpose: bool,
    #[serde(default)]
    drop: bool,
}

/// A pattern, or several whose tensors are joined.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum From {
    One(String),
    Several(Vec<String>),
}

impl Map {
    pub fn read(path: &Path) -> Result<Map> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let map: Map = toml::from_str(&text).with_context(|| format!("{} is no map", path.display()))?;
        map.rules.iter().try_for_each(Rule::check).with_context(|| format!("{}", path.display()))?;
        Ok(map)
    }

    /// The tensors under their new names. The first rule that matches a name applies.
    pub fn apply(&self, mut tensors: Tensors) -> Result<Tensors> {
        let mut made = Tensors::new();
        for rule in &self.rules {
            for name in rule.matching(&tensors)? {
                let parts = rule.parts(&name, &mut tensors)?;
                if rule.drop {
                    continue;
                }
                let to =
                    rule.to.as_ref().map_or(name.clone(), |to| wildcard::filled(to, &rule.captures(&name)));
                let parts = parts.into_iter().map(|(name, part)| match rule.transpose {
                    true => transposed(&name, &part).map(|part| (name, part)),
                    false => Ok((name, part)),
                });
                let joined = joined(parts.collect::<Result<Vec<_>>>()?)?;
                insert(&mut made, to, joined)?;
            }
        }
        match self.rest {
            _ if tensors.is_empty() => {}
            Some(Rest::Drop) => {}
            Some(Rest::Keep) => {
                tensors.into_iter().try_for_each(|(name, tensor)| insert(&mut made, name, tensor))?;
            }
            None => bail!(
                "{} tensors match no rule: {}. Add rules (one with only \"from\" keeps the name, drop = true drops), or write \
                 rest = \"keep\" or rest = \"drop\"",
                tensors.len(),
                list(&tensors.into_keys().collect::<Vec<_>>())
            ),
        }
        Ok(made)
    }
}

fn insert(made: &mut Tensors, name: String, tensor: Tensor) -> Result<()> {
    ensure!(!made.contains_key(&name), "two tensors would be called \"{name}\"; change the rules");
    made.insert(name, tensor);
    Ok(())
}

impl Rule {
    fn from(&self) -> &[String] {
        match &self.from {
            From::One(pattern) => std::slice::from_ref(pattern),
            From::Several(patterns) => patterns,
        }
    }

    /// The pattern whose matches name the rule's results.
    fn first(&self) -> &str {
        self.from().first().map_or("", String::as_str)
    }

    fn check(&self) -> Result<()> {
        let stars = |pattern: &str| pattern.matches('*').count();
        let (from, first) = (self.from(), self.first());
        ensure!(!from.is_empty(), "a rule with from = []; name at least one tensor");
        for pattern in from.iter().chain(&self.to) {
            ensure!(
                stars(pattern) == stars(first),
                "\"{pattern}\" has {} stars, \"{first}\" {}; give them the same number",
                stars(pattern),
                stars(first)
            );
        }
        let several: BTreeSet<&String> = from.iter().collect();
        ensure!(
            several.len() == from.len(),
            "the rule from \"{first}\" joins a tensor with itself; name others"
        );
        ensure!(
            from.len() == 1 || self.drop || self.to.is_some(),
            "the rule from \"{first}\" joins tensors; add \"to\""
        );
        ensure!(
            !self.drop || (self.to.is_none() && !self.transpose),
            "the rule from \"{first}\" drops tensors; remove \"to\" and \"transpose\", or \"drop\""
        );
        Ok(())
    }

    /// The tensors that the first pattern matches, of which there must be one.
    fn matching(&self, tensors: &Tensors) -> Result<Vec<String>> {
        let first = self.first();
        let found: Vec<String> =
            tensors.keys().filter(|name| wildcard::matches(first, name)).cloned().collect();
        if found.is_empty() {
            let names: Vec<&String> = tensors.keys().collect();
            let similar = did_you_mean(first, &patterns(&names));
            bail!("no tensor is left that \"{first}\" matches{similar}");
        }
        Ok(found)
    }

    fn captures<'a>(&self, name: &'a str) -> Vec<&'a str> {
        wildcard::captures(self.first(), name).unwrap_or_default()
    }

    /// Takes the tensors to join with `name`.
    fn parts(&self, name: &str, tensors: &mut Tensors) -> Result<Vec<(String, Tensor)>> {
        let captures = self.captures(name);
        let take = |pattern: &String| {
            let part = wildcard::filled(pattern, &captures);
            let tensor = tensors.remove(&part);
            let tensor =
                tensor.with_context(|| format!("\"{part}\", to be joined with \"{name}\", is missing"))?;
            Ok((part, tensor))
        };
        self.from().iter().map(take).collect()
    }
}

/// A matrix `[N, M]` as `[M, N]`.
fn transposed(name: &str, (dtype, shape, bytes): &Tensor) -> Result<Tensor> {
    let [rows, columns] = shape[..] else {
        bail!("\"{name}\" of shape {shape:?} cannot be transposed; only matrices can");
    };
    let size = dtype.bitsize() / 8;
    ensure!(size > 0, "\"{name}\" of type {dtype:?} cannot be transposed; convert it to f32 first");
    let element = |at: usize| &bytes[at * size..][..size];
    let order = (0..columns).flat_map(|column| (0..rows).map(move |row| row * columns + column));
    Ok((*dtype, vec![columns, rows], order.flat_map(element).copied().collect()))
}

/// Tensors one after the other along the first dimension.
fn joined(parts: Vec<(String, Tensor)>) -> Result<Tensor> {
    let mut parts = parts.into_iter();
    let Some((first, (dtype, mut shape, mut bytes))) = parts.next() else { bail!("nothing to join") };
    for (name, (other, extents, more)) in parts {
        ensure!(
            other == dtype && !shape.is_empty() && extents.get(1..) == shape.get(1..),
            "\"{name}\" ({other:?} {extents:?}) and \"{first}\" ({dtype:?} {shape:?}) cannot be joined; they must have one type, and \
             one shape but for the first dimension"
        );
        shape[0] += extents[0];
        bytes.extend(more);
    }
    Ok((dtype, shape, bytes))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use safetensors::tensor::Dtype;

    use super::*;

    fn tensor(shape: &[usize], values: &[f32]) -> Tensor {
        (Dtype::F32, shape.to_vec(), values.iter().flat_map(|x| x.to_le_bytes()).collect())
    }

    fn map(text: &str) -> Result<Map> {
        let map: Map = toml::from_str(text)?;
        map.rules.iter().try_for_each(Rule::check)?;
        Ok(map)
    }

    fn tensors() -> Tensors {
        BTreeMap::from([
            ("h.0.q".to_owned(), tensor(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])),
            ("h.0.k".to_owned(), tensor(&[2, 3], &[7.0, 8.0, 9.0, 10.0, 11.0, 12.0])),
            ("h.0.mask".to_owned(), tensor(&[1], &[0.0])),
        ])
    }

    #[test]
    fn tensors_are_transposed_and_joined() {
        let rules =
            "rest = 'drop'\n[[rule]]\nfrom = ['h.*.q', 'h.*.k']\nto = 'blocks.*.qk'\ntranspose = true\n";
        let made = map(rules).unwrap().apply(tensors()).unwrap();
        let want = [1.0, 4.0, 2.0, 5.0, 3.0, 6.0, 7.0, 10.0, 8.0, 11.0, 9.0, 12.0];
        assert_eq!(made, BTreeMap::from([("blocks.0.qk".to_owned(), tensor(&[6, 2], &want))]));
    }

    #[test]
    fn nothing_is_dropped_unless_the_map_says_so() {
        let rules = "[[rule]]\nfrom = 'h.*.q'\nto = 'q.*'\n";
        let error = map(rules).unwrap().apply(tensors()).unwrap_err().to_string();
        assert!(error.starts_with("2 tensors match no rule: h.0.k, h.0.mask."), "{error}");
        let kept = map(&format!("rest = 'keep'\n{rules}")).unwrap().apply(tensors()).unwrap();
        assert_eq!(kept.keys().collect::<Vec<_>>(), ["h.0.k", "h.0.mask", "q.0"]);
        let dropped = "[[rule]]\nfrom = 'h.*.mask'\ndrop = true\n[[rule]]\nfrom = 'h.*'\n";
        let dropped = map(dropped).unwrap().apply(tensors()).unwrap();
        assert_eq!(dropped.keys().collect::<Vec<_>>(), ["h.0.k", "h.0.q"]);
    }

    #[test]
    fn mistaken_rules_are_explained() {
        for (rule, want) in [
            ("from = 'h.*.q'\nto = 'q'", "has 0 stars"),
            ("from = []", "name at least one tensor"),
            ("from = ['a', 'a']\nto = 'b'", "joins a tensor with itself"),
            ("from = ['a', 'b']", "add \"to\""),
            ("from = 'a'\nto = 'b'\ndrop = true", "drops tensors"),
            ("from = 'h.*.p'", "did you mean \"h.*\" or \"h.0.*\" or \"h.0.k\"?"),
            ("from = ['h.*.q', 'h.*.v']\nto = '*'", "\"h.0.v\", to be joined with \"h.0.q\", is missing"),
            ("from = ['h.*.q', 'h.*.mask']\nto = '*'", "cannot be joined"),
            ("from = 'h.*.mask'\ntranspose = true", "only matrices can"),
            (
                "from = ['h.*.q', 'h.*.k']\nto = 'a*'\n[[rule]]\nfrom = 'h.*.mask'\nto = 'a*'",
                "two tensors would be called \"a0\"",
            ),
        ] {
            let error = map(&format!("[[rule]]\n{rule}")).and_then(|map| map.apply(tensors())).unwrap_err();
            assert!(error.to_string().contains(want), "{rule}: {error}");
        }
    }
}
