//! `wgrad export`

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};
use onnx::Export;
use serde_json::{Value, json};

use crate::job::Job;
use crate::run::open;
use crate::say::Say;

#[derive(Args)]
pub struct Arguments {
    /// The directory of a run
    run: PathBuf,

    /// The format of the file
    #[arg(long, value_enum, default_value_t = Format::Onnx)]
    format: Format,

    /// The file; otherwise model.onnx in the run's directory
    #[arg(long, short)]
    out: Option<PathBuf>,

    /// Other weights than the run's best
    #[arg(long)]
    weights: Option<PathBuf>,

    /// Multiply batch norms into the convolutions before them
    #[arg(long)]
    fold_batch_norm: bool,

    /// Store the parameters in a file of their own, with `.data` appended to the name
    #[arg(long)]
    external_data: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// Opset 20, for onnxruntime and others
    Onnx,
}

pub fn run(arguments: &Arguments, say: &Say) -> Result<()> {
    let Format::Onnx = arguments.format;
    let opened = open(&arguments.run, Some("cpu"), arguments.weights.as_deref())?;
    let path = arguments.out.clone().unwrap_or_else(|| arguments.run.join("model.onnx"));
    let job = &opened.job;
    // Two examples: with one, the batch could not be told from other dimensions of size 1.
    let example = job.example(2)?;
    let options =
        Export::default().fold_batch_norm(arguments.fold_batch_norm).external_data(arguments.external_data);
    let forward = |x: &[autograd::Tensor]| vec![job.forward(&x[0])];
    let exported = options.function(forward, &[("input", &example)], &["output"], &path)?;
    let mut shape: Vec<Value> = example.shape().iter().map(|n| json!(n)).collect();
    if exported.dynamic_batch {
        shape[0] = json!("batch");
    }
    let (input, meaning) = meaning(job);
    let shown = Value::from(shape.clone()).to_string().replace('"', "");
    say.text(format!("{}: {} nodes, {} parameters", path.display(), exported.nodes, exported.parameters));
    say.text(format!("input:  {shown}, {input}"));
    say.text(format!("output: {meaning}"));
    say.result(&json!({
        "path": path,
        "nodes": exported.nodes,
        "parameters": exported.parameters,
        "shape": shape,
        "input": input,
        "output": meaning,
    }));
    Ok(())
}

/// What another program needs to know about input and output.
fn meaning(job: &Job) -> (String, String) {
    match job {
        Job::Images(images) => {
            let normalize = &images.train.options().normalize;
            let input = format!(
                "pixels / 255, less the mean {:?}, by the deviation {:?}",
                normalize.mean, normalize.std
            );
            (input, format!("logits of {}", images.train.set().classes().join(", ")))
        }
        Job::Text(language) => {
            let characters: String = language.text.chars().iter().collect();
            (format!("numbers of characters in {characters:?}"), "logits of the next character".into())
        }
        Job::Table(table) => {
            let output = match table.target.classes() {
                Some(classes) => format!("logits of {}", classes.join(", ")),
                None => "the target, standardised".into(),
            };
            (format!("columns {}, as encoded in training", table.features().join(", ")), output)
        }
    }
}
