//! `wgrad predict`

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use autograd::Tensor;
use clap::Args;
use models::{Mode, Sampler};
use serde_json::{Value, json};

use crate::job::{Images, Job, Language};
use crate::run::open;
use crate::say::Say;
use crate::table::{Prediction, Tabular};

/// The most pixels per side of an image file.
const MAX_SIDE: u32 = 8192;

#[derive(Args)]
pub struct Arguments {
    /// The directory of a run
    run: PathBuf,

    /// Images to classify, scaled to the run's size, or tables in CSV with rows to predict
    files: Vec<PathBuf>,

    /// The beginning of the text
    #[arg(long, conflicts_with = "files")]
    prompt: Option<String>,

    /// Number of characters to generate
    #[arg(long, default_value_t = 400)]
    length: usize,

    /// Sampling temperature: below 1 for likelier texts, above 1 for more varied ones
    #[arg(long, default_value_t = 0.8)]
    temperature: f32,

    /// Seed of the sampled characters
    #[arg(long, default_value_t = 0)]
    seed: u64,

    /// How many classes to name for each image or row
    #[arg(long, default_value_t = 3)]
    top: usize,

    /// Another device than the run's
    #[arg(long)]
    device: Option<String>,
}

pub fn run(arguments: &Arguments, say: &Say) -> Result<()> {
    let opened = open(&arguments.run, arguments.device.as_deref(), None)?;
    match &opened.job {
        Job::Images(images) => classify(arguments, images, say),
        Job::Text(language) => write(arguments, language, say),
        Job::Table(table) => predict(arguments, table, say),
    }
}

fn classify(arguments: &Arguments, job: &Images, say: &Say) -> Result<()> {
    ensure!(!arguments.files.is_empty(), "the run classifies images; give some files");
    let (shape, classes) = (job.train.set().shape(), job.train.set().classes().clone());
    let mut results = vec![];
    for path in &arguments.files {
        let pixels = job.normalized(path, shape)?;
        let image = Tensor::from_slice(&job.device, &pixels, &[1, shape[0], shape[1], shape[2]])?;
        let probabilities = job.net.forward(&image, Mode::Eval).softmax(1).to_vec::<f32>()?;
        let ranked = ranked(&probabilities, &classes, arguments.top);
        say.text(format!("{}: {}", path.display(), text(&ranked)));
        results.push(json!({ "image": path, "classes": named(&ranked) }));
    }
    say.result(&results.into());
    Ok(())
}

/// The likeliest classes with their probabilities.
fn ranked<'a>(probabilities: &[f32], classes: &'a [String], top: usize) -> Vec<(f32, &'a String)> {
    let mut ranked: Vec<(f32, &String)> = probabilities.iter().copied().zip(classes).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    ranked.truncate(top.max(1));
    ranked
}

fn text(ranked: &[(f32, &String)]) -> String {
    let named = ranked.iter().map(|(p, name)| format!("{name} {:.1} %", 100.0 * p));
    named.collect::<Vec<_>>().join(", ")
}

fn named(ranked: &[(f32, &String)]) -> Vec<Value> {
    ranked.iter().map(|(p, name)| json!({ "class": name, "probability": p })).collect()
}

/// Predicts the rows of tables, numbered from 1.
fn predict(arguments: &Arguments, job: &Tabular, say: &Say) -> Result<()> {
    ensure!(!arguments.files.is_empty(), "the run predicts rows of tables; give some CSV files");
    let mut results = vec![];
    for path in &arguments.files {
        let mut rows = vec![];
        for (row, prediction) in (1..).zip(job.predict(path)?) {
            let (answer, value) = match &prediction {
                Prediction::Classes(probabilities) => {
                    let classes = job.target.classes().unwrap_or_default();
                    let ranked = ranked(probabilities, classes, arguments.top);
                    (text(&ranked), json!(named(&ranked)))
                }
                Prediction::Number(number) => (number.to_string(), json!(number)),
            };
            say.text(format!("{}, row {row}: {answer}", path.display()));
            rows.push(value);
        }
        results.push(json!({ "table": path, "rows": rows }));
    }
    say.result(&results.into());
    Ok(())
}

impl Images {
    /// The pixels `[C, H, W]` of a file, of the size and with the mean and deviation of the training images.
    fn normalized(&self, path: &Path, [channels, height, width]: [usize; 3]) -> Result<Vec<f32>> {
        let unreadable = || format!("cannot read the image {}", path.display());
        let mut reader = image::ImageReader::open(path).with_context(unreadable)?.with_guessed_format()?;
        let mut limits = image::Limits::default();
        (limits.max_image_width, limits.max_image_height) = (Some(MAX_SIDE), Some(MAX_SIDE));
        reader.limits(limits);
        let found = reader.decode().with_context(unreadable)?;
        let filter = image::imageops::FilterType::Triangle;
        let (width, height) = (width as u32, height as u32);
        let sized = if (found.width(), found.height()) == (width, height) {
            found
        } else {
            found.resize_exact(width, height, filter)
        };
        let bytes = match channels {
            1 => sized.into_luma8().into_raw(),
            3 => sized.into_rgb8().into_raw(),
            other => bail!("images of {other} channels can't be read from files"),
        };
        let normalize = &self.train.options().normalize;
        let of = |c: usize| {
            let (mean, std) = (normalize.mean[c], normalize.std[c]);
            bytes.iter().skip(c).step_by(channels).map(move |b| (f32::from(*b) / 255.0 - mean) / std)
        };
        Ok((0..channels).flat_map(of).collect())
    }
}

fn write(arguments: &Arguments, job: &Language, say: &Say) -> Result<()> {
    ensure!(arguments.files.is_empty(), "the run goes on with texts; give a --prompt instead of files");
    let newline = job.text.chars().contains(&'\n').then(|| "\n".to_owned());
    let first = newline.unwrap_or_else(|| job.text.decode(&job.text.tokens()[..1]));
    let prompt = arguments.prompt.clone().unwrap_or(first);
    ensure!(!prompt.is_empty(), "an empty prompt; give at least one character");
    ensure!(arguments.temperature > 0.0, "a --temperature of 0 or less; give one above 0");
    let tokens = job.text.encode(&prompt)?;
    let mut sampler = Sampler::new(arguments.seed).temperature(arguments.temperature);
    let written = job.text.decode(&job.net.generate(&tokens, arguments.length, &mut sampler)?);
    say.text(format!("{prompt}{written}"));
    say.result(&json!({ "prompt": prompt, "text": written }));
    Ok(())
}
