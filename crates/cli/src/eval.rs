//! `wgrad eval`

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, bail};
use clap::Args;
use data::{Loader, LoaderOptions};
use serde_json::{Map, json};
use train::Task;
use train::metrics::Confusion;

use crate::job::Job;
use crate::run::{Opened, open};
use crate::say::Say;

#[derive(Args)]
pub struct Arguments {
    /// The directory of a run
    run: PathBuf,

    /// Evaluate the test set of these images instead of the run's
    #[arg(long)]
    data: Option<PathBuf>,

    /// Other weights than the run's best
    #[arg(long)]
    weights: Option<PathBuf>,

    /// Another device than the run's
    #[arg(long)]
    device: Option<String>,
}

pub fn run(arguments: &Arguments, say: &Say) -> Result<()> {
    let mut opened = open(&arguments.run, arguments.device.as_deref(), arguments.weights.as_deref())?;
    if let Some(path) = &arguments.data {
        let Job::Images(images) = &mut opened.job else {
            bail!("--data is for images; a text's validation part belongs to its run")
        };
        let test = data::load(path)?.test;
        let (shape, trained) = (test.shape(), images.train.set().shape());
        if shape != trained {
            bail!("these images have shape {shape:?}, the run's had {trained:?}");
        }
        // Normalised as in training, with the training images' mean and deviation.
        let options =
            LoaderOptions::eval(opened.config.data.batch(), images.train.options().normalize.clone());
        images.test = Loader::new(Arc::new(test), options)?;
    }
    let Opened { params, job, weights, .. } = &opened;
    say.text(format!("device:  {}\nweights: {}", params.device().info(), weights.display()));
    let (figures, classes) = match job {
        Job::Images(images) => (images.evaluate()?, Some(images)),
        Job::Text(language) => (language.evaluate()?, None),
    };
    let mut result = Map::new();
    for (name, value) in figures {
        say.text(format!("{name}: {value:.4}"));
        result.insert(name.into(), json!(value));
    }
    if let Some(images) = classes {
        let set = images.test.set();
        let answers = images.classify(&images.test)?.answers;
        let names = set.classes();
        let confusion = Confusion::of(set.labels(), &answers, names.len());
        for (name, scores) in names.iter().zip(confusion.class_scores()) {
            let [precision, recall] = [scores.precision, scores.recall].map(|share| 100.0 * share);
            say.text(format!("  {name}: recall {recall:.1} %, precision {precision:.1} %"));
        }
        let matrix: Vec<&[u64]> = confusion.counts().chunks(names.len()).collect();
        result.insert("classes".into(), json!(&**names));
        result.insert("confusion".into(), json!(matrix));
    }
    say.result(&result.into());
    Ok(())
}
