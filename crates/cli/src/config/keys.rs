//! Keys that a table's kind does not use.

use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::Config;
use super::error::{ConfigError, line_of};

/// Keys of a table of the configuration.
pub type Keys = &'static [&'static str];

/// Refuses a key that the configuration accepts but the chosen kind would ignore, such as `width` of a ResNet.
pub fn check(path: &Path, text: &str, config: &Config) -> Result<(), ConfigError> {
    let document = DeTable::parse(text).map_err(|fault| ConfigError::parse(path, text, &fault))?;
    // An unknown kind of model is reported when the network is built, with similar names.
    let model = config.model.keys();
    let tables = [
        ("model", Some(config.model.kind.clone()), model),
        ("optimizer", named(&config.optimizer.kind), Some(config.optimizer.keys())),
        ("schedule", named(&config.schedule.kind), Some(config.schedule.keys())),
    ];
    for (table, kind, keys) in tables {
        let (Some(kind), Some(keys)) = (kind, keys) else { continue };
        let Some(DeValue::Table(given)) = document.get_ref().get(table).map(|value| value.get_ref()) else {
            continue;
        };
        let unused =
            given.keys().find(|key| !["kind"].iter().chain(keys).any(|known| *known == &**key.get_ref()));
        if let Some(key) = unused {
            return Err(ConfigError::Unused {
                path: path.to_owned(),
                line: line_of(text, key.span().start),
                table,
                key: key.get_ref().to_string(),
                kind,
                keys,
            });
        }
    }
    Ok(())
}

/// The name of a kind in the file.
fn named(kind: &impl serde::Serialize) -> Option<String> {
    serde_json::to_value(kind).ok()?.as_str().map(String::from)
}

#[cfg(test)]
mod tests {
    use super::super::model::tests::kinds;
    use super::*;

    const MODEL: [(&str, &str); 6] = [
        ("width", "8"),
        ("depth", "1"),
        ("heads", "2"),
        ("patch", "2"),
        ("dropout", "0.1"),
        ("recompute", "true"),
    ];
    const OPTIMIZER: [(&str, &str); 4] =
        [("lr", "0.1"), ("weight_decay", "0.1"), ("momentum", "0.5"), ("betas", "[0.8, 0.9]")];
    const SCHEDULE: [(&str, &str); 5] =
        [("warmup", "1"), ("rise", "0.1"), ("last", "0.2"), ("milestones", "[1]"), ("gamma", "0.5")];

    fn read(text: &str) -> Result<Config, ConfigError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("test.toml");
        std::fs::write(&path, text).unwrap();
        Config::read(&path)
    }

    /// Checks each key of a table with each kind, and that each key is used by some kind.
    fn check(table: &str, kinds: &[&str], known: &[(&str, &str)], keys: impl Fn(&Config) -> Keys) {
        let mut used = std::collections::BTreeSet::new();
        for kind in kinds {
            for (key, value) in known {
                let others = if table == "model" { "" } else { "[model]\nkind = \"linear\"\n" };
                let text = format!(
                    "[data]\nkind = \"digits\"\n{others}[{table}]\nkind = \"{kind}\"\n{key} = {value}\n"
                );
                let plain = read(&text.replace(&format!("{key} = {value}\n"), "")).unwrap();
                let line = text.lines().count();
                match read(&text) {
                    Ok(_) => {
                        assert!(keys(&plain).contains(key), "{kind} accepts {key}");
                        used.insert(*key);
                    }
                    Err(error) => {
                        assert!(!keys(&plain).contains(key), "{kind} refuses {key}: {error}");
                        let error = error.to_string();
                        let want = format!(
                            "test.toml, line {line}: [{table}] {key} is not used by {kind}, which takes"
                        );
                        assert!(error.contains(&want), "{error}");
                    }
                }
            }
        }
        assert_eq!(used.len(), known.len(), "every key of [{table}] is used");
    }

    #[test]
    fn keys_that_a_kind_does_not_use_are_refused() {
        check("model", &kinds(), &MODEL, |config| config.model.keys().unwrap());
        let optimizers = ["sgd", "adam", "adamw", "adagrad", "rmsprop", "lion", "lamb", "muon"];
        check("optimizer", &optimizers, &OPTIMIZER, |config| config.optimizer.keys());
        let schedules = ["constant", "cosine", "one-cycle", "step", "exponential"];
        check("schedule", &schedules, &SCHEDULE, |config| config.schedule.keys());
    }

    /// Without a kind, the default's keys count.
    #[test]
    fn the_default_kind_refuses_keys() {
        let error = read("data.kind = \"digits\"\nmodel.kind = \"linear\"\n\noptimizer.momentum = 0.5\n")
            .unwrap_err();
        let want = "line 4: [optimizer] momentum is not used by adamw, which takes lr, weight_decay, betas; remove it";
        assert!(error.to_string().contains(want), "{error}");
    }

    #[test]
    fn keys_of_other_data_are_refused() {
        let all = [
            ("path", "\"x\""),
            ("train", "1"),
            ("test", "1"),
            ("augment", "{}"),
            ("context", "1"),
            ("validation", "0.1"),
            ("steps", "1"),
            ("features", "[]"),
            ("categories", "[]"),
            ("delimiter", "\";\""),
        ];
        let kinds: [(&str, &str, &[&str]); 5] = [
            ("images", "path = \"x\"", &["path", "augment"]),
            ("shapes", "", &["train", "test", "augment"]),
            ("digits", "", &["train", "test", "augment"]),
            ("text", "", &["path", "context", "validation", "steps"]),
            (
                "table",
                "path = \"x\"\ntarget = \"y\"",
                &["path", "test", "features", "categories", "delimiter"],
            ),
        ];
        for (kind, required, keys) in kinds {
            for (key, value) in all.iter().filter(|(key, _)| !required.starts_with(key)) {
                let text = format!(
                    "[model]\nkind = \"linear\"\n[data]\nkind = \"{kind}\"\n{required}\n{key} = {value}\n"
                );
                match read(&text) {
                    Ok(_) => assert!(keys.contains(key), "{kind} accepts {key}"),
                    Err(error) => {
                        assert!(!keys.contains(key), "{kind} refuses {key}: {error}");
                        assert!(error.to_string().contains(&format!("unknown field `{key}`")), "{error}");
                    }
                }
            }
        }
    }
}
