//! Fine-tuning: weights to start from, frozen parameters, and learning rates by layer.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use models::{Error, LoadReport, Optimize, Param, Params, Skipped, wildcard};
use serde_json::{Value, json};

use crate::config::{Config, Rates, StartConfig};
use crate::near::{did_you_mean, list, patterns};
use crate::say::Say;

/// The file with the full report in a run's directory.
pub const REPORT: &str = "start.json";

/// What `[start]` did with a network's tensors.
pub struct Started<'a> {
    config: &'a StartConfig,
    loaded: LoadReport,
}

impl Config {
    /// Freezes what `[start]` says, and makes the optimizer of the other parameters with their rates.
    pub fn optimizer(&self, params: &Params) -> Result<Box<dyn Optimize>> {
        let Some(start) = &self.start else { return Ok(self.optimizer.build(params, &vec![])) };
        for pattern in &start.freeze {
            known_parameters(params, "start.freeze", pattern)?;
            params.freeze(pattern);
        }
        ensure!(
            params.trainable().iter().any(Param::is_parameter),
            "start.freeze leaves no parameter to train; freeze fewer layers"
        );
        Ok(self.optimizer.build(params, &rates(start, params)?))
    }
}

/// Loads the weights of `[start]`.
pub fn load<'a>(config: &'a StartConfig, kind: &str, params: &Params) -> Result<Started<'a>> {
    let (names, file) = (params.names(), config.weights.display());
    for pattern in &config.new {
        let found = names.iter().any(|name| wildcard::matches(pattern, name));
        ensure!(found, "start.new: {}", unmatched(pattern, "tensor of the network", &names));
    }
    let new: Vec<&str> = config.new.iter().map(String::as_str).collect();
    let loaded =
        params.load_partial(&config.weights, &new).map_err(|error| explained(error, &config.weights))?;
    let unknown = unknown(config, kind, &loaded)?;
    ensure!(
        loaded.missing.is_empty(),
        "{file} lacks {} of the {} tensors of {kind}: {}. List those to be drawn anew in start.new, or give other names to the file's \
         tensors by wgrad convert",
        loaded.missing.len(),
        names.len(),
        list(&loaded.missing)
    );
    ensure!(
        unknown.is_empty(),
        "{file} has {} tensors that {kind} lacks: {}. List those to be left out in start.ignore",
        unknown.len(),
        list(&unknown)
    );
    ensure!(
        !loaded.loaded.is_empty(),
        "start.new matches every tensor, so {file} is not used; remove [start]"
    );
    Ok(Started { config, loaded })
}

/// The tensors of the file that neither the network has nor `start.ignore` matches.
fn unknown<'a>(config: &StartConfig, kind: &str, loaded: &'a LoadReport) -> Result<Vec<&'a String>> {
    for pattern in &config.ignore {
        let found = loaded.unexpected.iter().any(|name| wildcard::matches(pattern, name));
        let what = format!("tensor of {} beyond those of {kind}", config.weights.display());
        ensure!(found, "start.ignore: {}", unmatched(pattern, &what, &loaded.unexpected));
    }
    let ignored = |name: &&String| config.ignore.iter().any(|pattern| wildcard::matches(pattern, name));
    Ok(loaded.unexpected.iter().filter(|name| !ignored(name)).collect())
}

/// An error of loading, with what to do in the configuration.
fn explained(error: Error, file: &Path) -> anyhow::Error {
    let hint = match &error {
        Error::Mismatch { name, .. } => {
            let layer = name.rsplit_once('.').map_or(name.clone(), |(layer, _)| format!("{layer}.*"));
            format!(". To draw it anew, as the head for other classes, write start.new = [\"{layer}\"]")
        }
        _ => String::new(),
    };
    anyhow::anyhow!("start.weights = \"{}\": {error}{hint}", file.display())
}

/// The message for a pattern that no name matches.
fn unmatched<S: AsRef<str>>(pattern: &str, what: &str, names: &[S]) -> String {
    format!("no {what} matches \"{pattern}\"{}", did_you_mean(pattern, &patterns(names)))
}

/// The parameters that a pattern matches, of which there must be one.
fn known_parameters(params: &Params, key: &str, pattern: &str) -> Result<Vec<Param>> {
    let found: Vec<Param> = params.matching(pattern).into_iter().filter(Param::is_parameter).collect();
    if found.is_empty() {
        let all = params.all();
        let names: Vec<&str> = all.iter().filter(|p| p.is_parameter()).map(Param::name).collect();
        bail!("{key}: {}", unmatched(pattern, "parameter", &names));
    }
    Ok(found)
}

/// The trainable parameters of each rate.
fn rates(start: &StartConfig, params: &Params) -> Result<Rates> {
    let mut rates: Vec<(&str, f32, Vec<String>)> = vec![];
    for (pattern, &factor) in &start.rates {
        ensure!(
            factor.is_finite() && factor > 0.0,
            "start.rates: a factor of {factor} for \"{pattern}\"; give one above 0, or list the pattern in start.freeze"
        );
        let found = known_parameters(params, "start.rates", pattern)?;
        let names: Vec<String> =
            found.iter().filter(|p| p.is_trainable()).map(|p| p.name().to_owned()).collect();
        ensure!(!names.is_empty(), "start.rates: everything that \"{pattern}\" matches is frozen; remove it");
        for (other, _, taken) in &rates {
            if let Some(name) = names.iter().find(|name| taken.contains(name)) {
                bail!("start.rates: {name} matches both \"{other}\" and \"{pattern}\"; give it one rate");
            }
        }
        rates.push((pattern, factor, names));
    }
    Ok(rates.into_iter().map(|(_, factor, names)| (factor, names)).collect())
}

impl Started<'_> {
    /// Prints the counts and the names, long lists cut.
    pub fn tell(&self, params: &Params, say: &Say) {
        let (config, loaded) = (self.config, &self.loaded);
        let all = loaded.loaded.len() + loaded.skipped.len();
        say.text(format!(
            "start:  {} of {all} tensors from {}",
            loaded.loaded.len(),
            config.weights.display()
        ));
        let line = |what: &str, names: &[String]| {
            if !names.is_empty() {
                say.text(format!("        {what} {}: {}", names.len(), list(names)));
            }
        };
        line("new", &loaded.skipped.iter().map(described).collect::<Vec<_>>());
        line("left out", &loaded.unexpected);
        line("frozen", &frozen(params));
    }

    /// All names, for a run's directory.
    pub fn report(&self, params: &Params) -> Value {
        let new = self.loaded.skipped.iter().map(|skipped| {
            json!({ "name": skipped.name, "shape": skipped.shape, "shape_in_file": skipped.in_file })
        });
        json!({
            "weights": self.config.weights,
            "loaded": self.loaded.loaded,
            "new": new.collect::<Vec<_>>(),
            "left_out": self.loaded.unexpected,
            "frozen": frozen(params),
            "rates": self.config.rates,
        })
    }

    /// Writes the report.
    pub fn write(&self, params: &Params, to: &Path) -> Result<()> {
        let text = format!("{:#}\n", self.report(params));
        gpu_core::write_atomically(to, text.as_bytes())
            .with_context(|| format!("cannot write {}", to.display()))
    }
}

fn frozen(params: &Params) -> Vec<String> {
    let frozen = params.all().into_iter().filter(|param| param.is_parameter() && !param.is_trainable());
    frozen.map(|param| param.name().to_owned()).collect()
}

/// A new tensor with its shape, and the file's if it differs.
fn described(skipped: &Skipped) -> String {
    let in_file = skipped.in_file.as_ref().filter(|shape| **shape != skipped.shape);
    let other = in_file.map_or(String::new(), |shape| format!(" (in the file {shape:?})"));
    format!("{} {:?}{other}", skipped.name, skipped.shape)
}
