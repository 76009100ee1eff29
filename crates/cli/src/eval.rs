//! `wgrad eval`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, bail};
use clap::Args;
use data::{Loader, LoaderOptions};
use serde_json::{Map, json};
use train::Task;
use train::metrics::Confusion;

use crate::job::{Images, Job};
use crate::run::{Opened, open};
use crate::say::Say;

#[derive(Args)]
pub struct Arguments {
    /// The directory of a run
    run: PathBuf,

    /// Evaluate the test set of these images, or all rows of this table, instead of the run's test data
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
        let batch = opened.config.data.batch();
        match &mut opened.job {
            Job::Images(images) => images.test = other_images(images, path, batch)?,
            Job::Table(table) => table.test = table.rows_of(path, batch)?,
            Job::Text(_) => {
                bail!("--data is for images and tables; a text's validation part belongs to its run")
            }
        }
    }
    let Opened { params, job, weights, .. } = &opened;
    say.text(format!("device:  {}\nweights: {}", params.device().info(), weights.display()));
    let mut result = Map::new();
    let (figures, scored) = match job {
        Job::Images(images) => {
            let (set, answers) = (images.test.set(), images.classify(&images.test)?.answers);
            let confusion = Confusion::of(set.labels(), &answers, set.classes().len());
            (images.evaluate()?, Some((&set.classes()[..], confusion)))
        }
        Job::Text(language) => (language.evaluate()?, None),
        Job::Table(table) => (table.evaluate()?, table.target.classes().zip(table.confusion()?)),
    };
    for (name, value) in figures {
        say.text(format!("{name}: {value:.4}"));
        result.insert(name.into(), json!(value));
    }
    if let Some((names, confusion)) = scored {
        for (name, scores) in names.iter().zip(confusion.class_scores()) {
            let [precision, recall] = [scores.precision, scores.recall].map(|share| 100.0 * share);
            say.text(format!("  {name}: recall {recall:.1} %, precision {precision:.1} %"));
        }
        let matrix: Vec<&[u64]> = confusion.counts().chunks(names.len()).collect();
        result.insert("classes".into(), json!(names));
        result.insert("confusion".into(), json!(matrix));
    }
    say.result(&result.into());
    Ok(())
}

/// The test set of other images, normalised as in training: with the training images' mean and deviation.
fn other_images(images: &Images, path: &Path, batch: usize) -> Result<Loader> {
    let test = data::load(path)?.test;
    let (shape, trained) = (test.shape(), images.train.set().shape());
    if shape != trained {
        bail!("these images have shape {shape:?}, the run's had {trained:?}");
    }
    let options = LoaderOptions::eval(batch, images.train.options().normalize.clone());
    Ok(Loader::new(Arc::new(test), options)?)
}
