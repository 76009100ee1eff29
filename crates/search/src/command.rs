//! From a template to the command of a trial.

use std::collections::BTreeSet;
use std::path::Path;

use crate::{Space, Value, Values};

/// Reserved names in templates.
const DIR: &str = "dir";
const TRIAL: &str = "trial";
const CONFIG: &str = "config";

/// What is wrong with a template, if anything. `budget` is the name of the budget's argument.
pub(super) fn fault(
    template: &[String],
    space: &Space,
    budget: Option<&str>,
    has_config: bool,
) -> Option<String> {
    if template.first().is_none_or(String::is_empty) {
        return Some("the command is empty; give a program and its arguments".into());
    }
    let own = [DIR, TRIAL, CONFIG];
    if let Some((name, _)) = space.iter().find(|(name, _)| own.contains(name)) {
        return Some(format!("{name} has a meaning of its own in commands and can't be searched"));
    }
    let used: BTreeSet<&str> = template.iter().flat_map(|part| placeholders(part)).collect();
    let known = |name: &str| own.contains(&name) || space.get(name).is_some() || budget == Some(name);
    if let Some(name) = used.iter().find(|name| !known(name)) {
        return Some(format!(
            "{{{name}}} in the command is neither searched nor one of {{dir}}, {{trial}} and {{config}}"
        ));
    }
    match (has_config, used.contains(CONFIG)) {
        (true, false) => {
            Some("there is a config, but no {config} in the command to say where it goes".into())
        }
        (false, true) => Some("{config} in the command needs a file to start from: config = \"...\"".into()),
        _ => None,
    }
}

/// Program and arguments of a trial, and the values that go into its configuration file instead.
pub(super) struct Filled {
    pub command: Vec<String>,
    pub config: Values,
}

/// Fills a template that has no [`fault`]: values, `{dir}`, `{trial}` and `{config}` where the template names them. Values that
/// it does not name follow as `--name value`, or go into the configuration file if there is one.
pub(super) fn fill(template: &[String], values: &Values, trial: usize, dir: &Path, config: &Path) -> Filled {
    let used: BTreeSet<&str> = template.iter().flat_map(|part| placeholders(part)).collect();
    let value = |name: &str| match name {
        DIR => dir.display().to_string(),
        TRIAL => trial.to_string(),
        CONFIG => config.display().to_string(),
        _ => values[name].to_string(),
    };
    let part = |part: &String| {
        let fill = |text: String, name: &str| text.replace(&format!("{{{name}}}"), &value(name));
        placeholders(part).fold(part.clone(), fill)
    };
    let mut command: Vec<String> = template.iter().map(part).collect();
    let rest = values.iter().filter(|(name, _)| !used.contains(name.as_str()));
    if used.contains(CONFIG) {
        return Filled { command, config: rest.map(|(n, v)| (n.clone(), v.clone())).collect() };
    }
    command.extend(rest.flat_map(|(name, value)| [format!("--{name}"), value.to_string()]));
    Filled { command, config: Values::new() }
}

/// Names in braces; braces around anything else, such as JSON, are plain text.
fn placeholders(part: &str) -> impl Iterator<Item = &str> {
    part.split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(name, _)| name)
        .filter(|n| super::space::is_name(n))
}

/// The configuration file of a trial: `base`, in TOML, with each value set at its name; dots in names lead into tables.
///
/// # Errors
/// What is wrong with the base.
pub(super) fn configuration(base: &str, values: &Values) -> Result<String, String> {
    let mut config: toml::Table = base.parse().map_err(|e: toml::de::Error| e.to_string())?;
    for (name, value) in values {
        let (tables, key) = name.rsplit_once('.').unwrap_or(("", name));
        let mut table = &mut config;
        for part in tables.split('.').filter(|part| !part.is_empty()) {
            let next = table.entry(part).or_insert_with(|| toml::Table::new().into());
            table = next.as_table_mut().ok_or_else(|| format!("{part} of {name} is no table there"))?;
        }
        let value = match value {
            Value::Bool(x) => (*x).into(),
            Value::Integer(x) => (*x).into(),
            Value::Float(x) => (*x).into(),
            Value::Text(x) => x.as_str().into(),
        };
        table.insert(key.to_owned(), value);
    }
    toml::to_string(&config).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::Dimension;
    use super::*;

    fn template(parts: &[&str]) -> Vec<String> {
        parts.iter().map(|part| (*part).to_owned()).collect()
    }

    fn values() -> Values {
        [("lr".to_owned(), Value::Float(1e-7)), ("act".to_owned(), "relu".into())].into()
    }

    fn filled(parts: &[&str]) -> Vec<String> {
        fill(&template(parts), &values(), 7, Path::new("/runs/7"), Path::new("/runs/7/config.toml")).command
    }

    #[test]
    fn values_go_where_they_are_named_or_to_the_end() {
        assert_eq!(filled(&["train"]), ["train", "--act", "relu", "--lr", "1e-7"]);
        let parts = ["sh", "-c", "train-{trial} {lr}{lr} > {dir}/log", "{\"a\": 1}", "{}"];
        let want = ["sh", "-c", "train-7 1e-71e-7 > /runs/7/log", "{\"a\": 1}", "{}", "--act", "relu"];
        assert_eq!(filled(&parts), want);
        assert_eq!(
            filled(&["train", "{config}", "--act={act}"]),
            ["train", "/runs/7/config.toml", "--act=relu"]
        );
    }

    #[test]
    fn what_makes_no_sense_is_found() {
        let space = Space::new([("lr", Dimension::Uniform(0.0, 1.0))]).unwrap();
        let fault = |parts: &[&str], config| fault(&template(parts), &space, Some("epochs"), config);
        assert_eq!(fault(&["train", "{lr}", "{epochs}", "{dir}", "{trial}"], false), None);
        assert!(fault(&[], false).unwrap().contains("empty"));
        assert!(fault(&["train", "{lrr}"], false).unwrap().contains("{lrr}"));
        assert!(fault(&["train"], true).unwrap().contains("no {config}"));
        assert!(fault(&["train", "{config}"], false).unwrap().contains("file to start from"));
    }

    #[test]
    fn dots_lead_into_tables() {
        let values =
            [("optim.lr".to_owned(), Value::Float(0.5)), ("seed".to_owned(), Value::Integer(3))].into();
        let text = configuration("epochs = 2\n[optim]\nname = 'sgd'\nlr = 1", &values).unwrap();
        let read: toml::Table = text.parse().unwrap();
        let want: toml::Table = "epochs = 2\nseed = 3\noptim = { name = 'sgd', lr = 0.5 }".parse().unwrap();
        assert_eq!(read, want);
        assert!(configuration("optim = 1", &values).unwrap_err().contains("no table"));
        assert!(configuration("optim = ", &values).is_err());
    }
}
