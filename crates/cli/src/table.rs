//! Tables: predicting a column from the others.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use autograd::{CrossEntropy, Device, Reduction, Tensor};
use data::scaler::StandardScaler;
use data::{
    BatchOptions, Batches, Column, Encoder, Encoding, Kind, Matrix, Part, RowBatch, Rows, Source, Table,
    TableOptions, Targets, split,
};
use models::{Mode, Params};
use train::metrics::{Confusion, Regression};
use train::{StepOutput, Task};

use crate::config::{Config, Network, TableConfig};
use crate::near::did_you_mean;

/// Rows that are predicted at once.
const PREDICTED: usize = 4096;

/// A network that predicts a column of a table.
pub struct Tabular {
    pub device: Device,
    pub net: Network,
    pub train: Batches<Rows>,
    pub test: Batches<Rows>,
    pub source: String,
    pub target: Target,
    columns: Columns,
    label_smoothing: f32,
}

/// What is predicted.
pub enum Target {
    /// The classes' names.
    Classes(Vec<String>),
    /// Numbers, which are scaled as the training rows'.
    Numbers(StandardScaler),
}

/// How a file's columns become features.
struct Columns {
    options: TableOptions,
    target: String,
    encoder: Encoder,
    /// Fitted to the training rows.
    scaler: StandardScaler,
}

/// A prediction for a row.
pub enum Prediction {
    /// Probabilities of the classes.
    Classes(Vec<f32>),
    Number(f32),
}

impl Tabular {
    pub fn new(config: &Config, data: &TableConfig, params: &Params, part: Part) -> Result<Tabular> {
        let (mut options, table) = read(data)?;
        let [train, test] = split::random(table.rows(), [1.0 - data.test, data.test], config.seed)
            .with_context(|| format!("data.test = {} of {} rows", data.test, table.rows()))?;
        let features = features(data, &table)?;
        let encoder = Encoder::fit(&table, &train, &features, Encoding::OneHot)?;
        let all = encoder.transform(&table)?;
        let scaler = StandardScaler::fit(&all.select(&train)?)?;
        let target = match table.column(&data.target)? {
            Column::Categories { names, .. } => Target::Classes(names.clone()),
            Column::Numbers(_) => {
                let numbers = Matrix::new(table.targets(&data.target)?, 1)?;
                Target::Numbers(StandardScaler::fit(&numbers.select(&train)?)?)
            }
        };
        // Other files are read with the kinds found here, whatever their cells.
        options.kinds = kinds(&table, &features)?;
        let columns = Columns { options, target: data.target.clone(), encoder, scaler };
        let (features, targets) = (columns.features(&table)?, target.of(&table, &data.target)?);
        let rows = |part: &[usize]| {
            let places: Vec<u32> = part.iter().map(|&row| row as u32).collect();
            Rows::new(features.select(part)?, targets.pick(&places)).map(Arc::new)
        };
        let (train, test) = (rows(&train)?, rows(&test)?);
        let options = BatchOptions { seed: config.seed, part, ..BatchOptions::train(data.batch) };
        let count = [&train, &test].map(|rows| data::Examples::len(&**rows));
        ensure!(
            data.batch <= count[0],
            "a batch of {} is more than the {} rows to train on; give a smaller data.batch",
            data.batch,
            count[0]
        );
        let source = format!(
            "{}: {} and {} rows to train and test on, {} features, {} {:?}",
            data.path.display(),
            count[0],
            count[1],
            features.columns(),
            if target.classes().is_some() { "classes of" } else { "to predict:" },
            data.target
        );
        Ok(Tabular {
            device: params.device().clone(),
            net: config.model.table(features.columns(), target.outputs(), params)?,
            train: Batches::new(train, options)?,
            test: Batches::new(test, BatchOptions::eval(data.batch))?,
            source,
            target,
            columns,
            label_smoothing: config.train.label_smoothing,
        })
    }

    /// The rows of another file, with their targets, in batches of `batch`.
    pub fn rows_of(&self, path: &Path, batch: usize) -> Result<Batches<Rows>> {
        let mut options = self.columns.options.clone();
        let kind = if self.target.classes().is_some() { Kind::Categories } else { Kind::Numbers };
        options.kinds.push((self.columns.target.clone(), kind));
        let table = Table::read(path, &options)?;
        let targets = self.target.of(&table, &self.columns.target)?;
        let rows = Rows::new(self.columns.features(&table)?, targets)?;
        Ok(Batches::new(Arc::new(rows), BatchOptions::eval(batch))?)
    }

    /// A prediction for each row of a file, which needs no targets.
    pub fn predict(&self, path: &Path) -> Result<Vec<Prediction>> {
        let table = Table::read(path, &self.columns.options)?;
        let features = self.columns.features(&table)?;
        let mut outputs = vec![];
        for rows in features.values().chunks(PREDICTED * features.columns()) {
            let shape = [rows.len() / features.columns(), features.columns()];
            let output = self.net.forward(&Tensor::from_slice(&self.device, rows, &shape)?, Mode::Eval);
            outputs.extend(match self.target {
                Target::Classes(_) => output.softmax(1).to_vec::<f32>()?,
                Target::Numbers(_) => output.to_vec::<f32>()?,
            });
        }
        Ok(match &self.target {
            Target::Classes(classes) => {
                outputs.chunks(classes.len()).map(|row| Prediction::Classes(row.to_vec())).collect()
            }
            Target::Numbers(scaler) => {
                let numbers = scaler.inverse_transform(&Matrix::new(outputs, 1)?)?;
                numbers.values().iter().map(|&number| Prediction::Number(number)).collect()
            }
        })
    }

    /// The names of the network's inputs: columns, or values of one.
    pub fn features(&self) -> Vec<String> {
        self.columns.encoder.names()
    }

    fn loss(&self, outputs: &Tensor, targets: &Tensor, label_smoothing: f32) -> Tensor {
        match &self.target {
            Target::Classes(_) => outputs
                .cross_entropy_with(targets, CrossEntropy { label_smoothing, ..CrossEntropy::default() }),
            Target::Numbers(_) => outputs.mse_loss(targets, Reduction::Mean),
        }
    }

    /// The test rows' loss, labels and answers of a classifier.
    fn classified(&self) -> train::Result<(f64, Vec<u32>, Vec<u32>)> {
        let (mut loss, mut labels, mut answers) = (0.0, vec![], vec![]);
        for batch in self.test.batches(0, 0) {
            let rows = batch.to_device(&self.device)?;
            let outputs = self.net.forward(&rows.features, Mode::Eval);
            let count = batch.indices.len() as f64;
            loss += count * f64::from(self.loss(&outputs, &rows.targets, 0.0).item()?);
            answers.extend(outputs.argmax(1, false).to_vec::<i32>()?.into_iter().map(|answer| answer as u32));
            if let Targets::Classes(classes) = batch.targets {
                labels.extend(classes);
            }
        }
        Ok((loss / labels.len() as f64, labels, answers))
    }

    /// The counts of classes and answers on the test rows; `None` if numbers are predicted.
    pub fn confusion(&self) -> train::Result<Option<Confusion>> {
        let Some(classes) = self.target.classes() else { return Ok(None) };
        let (_, labels, answers) = self.classified()?;
        Ok(Some(Confusion::of(&labels, &answers, classes.len())))
    }
}

impl Columns {
    /// The scaled features `[N, F]` of a table; missing numbers are the training rows' mean.
    fn features(&self, table: &Table) -> Result<Matrix> {
        let mut features = self.scaler.transform(&self.encoder.transform(table)?)?;
        features.fill_missing(0.0);
        Ok(features)
    }
}

impl Target {
    /// The classes' names; `None` for numbers.
    pub fn classes(&self) -> Option<&[String]> {
        match self {
            Target::Classes(classes) => Some(classes),
            Target::Numbers(_) => None,
        }
    }

    fn outputs(&self) -> usize {
        self.classes().map_or(1, <[String]>::len)
    }

    /// The targets of a table's rows.
    fn of(&self, table: &Table, column: &str) -> Result<Targets> {
        Ok(match self {
            Target::Classes(classes) => Targets::Classes(table.labels(column, classes)?),
            Target::Numbers(scaler) => {
                Targets::Numbers(scaler.transform(&Matrix::new(table.targets(column)?, 1)?)?)
            }
        })
    }
}

/// Reads the file and checks the columns that the configuration names.
fn read(data: &TableConfig) -> Result<(TableOptions, Table)> {
    let delimiter = u8::try_from(data.delimiter).ok().filter(u8::is_ascii);
    let delimiter = delimiter.with_context(|| {
        format!("data.delimiter = {:?}; give an ASCII character such as \";\"", data.delimiter)
    })?;
    let mut options = TableOptions { delimiter, ..TableOptions::default() };
    let table = Table::read(&data.path, &options)?;
    let column = |key: &str, name: &String| {
        let (names, file) = (table.names(), data.path.display());
        let similar = did_you_mean(name, names);
        ensure!(names.contains(name), "data.{key}: {file} has no column \"{name}\"{similar}");
        Ok(())
    };
    column("target", &data.target)?;
    data.features.iter().flatten().try_for_each(|name| column("features", name))?;
    data.categories.iter().try_for_each(|name| column("categories", name))?;
    if data.categories.is_empty() {
        return Ok((options, table));
    }
    options.kinds = data.categories.iter().map(|name| (name.clone(), Kind::Categories)).collect();
    let table = Table::read(&data.path, &options)?;
    Ok((options, table))
}

/// The columns to predict from.
fn features<'a>(data: &'a TableConfig, table: &'a Table) -> Result<Vec<&'a str>> {
    let named = data.features.as_ref().map_or(table.names(), Vec::as_slice);
    let given = data.features.is_some();
    let features: Vec<&str> =
        named.iter().map(String::as_str).filter(|name| given || *name != data.target).collect();
    if features.contains(&data.target.as_str()) {
        bail!("data.features contains the target \"{}\"; remove it", data.target);
    }
    let different: BTreeSet<&&str> = features.iter().collect();
    ensure!(different.len() == features.len(), "data.features names a column twice; remove one");
    ensure!(!features.is_empty(), "there is no column to predict \"{}\" from; add some", data.target);
    Ok(features)
}

fn kinds(table: &Table, features: &[&str]) -> Result<Vec<(String, Kind)>> {
    let kind = |name: &&str| {
        let kind = match table.column(name)? {
            Column::Numbers(_) => Kind::Numbers,
            Column::Categories { .. } => Kind::Categories,
        };
        Ok((name.to_string(), kind))
    };
    features.iter().map(kind).collect()
}

impl Task for Tabular {
    type Batch = RowBatch;

    fn inputs(&self, batch: &RowBatch) -> train::Result<Option<Vec<Tensor>>> {
        let rows = batch.to_device(&self.device)?;
        Ok(Some(vec![rows.features, rows.targets]))
    }

    fn forward(&self, inputs: &[Tensor]) -> StepOutput {
        let outputs = self.net.forward(&inputs[0], Mode::Train);
        let output = StepOutput::new(self.loss(&outputs, &inputs[1], self.label_smoothing));
        match &self.target {
            Target::Classes(_) => output.accuracy(&outputs, &inputs[1]),
            Target::Numbers(_) => output,
        }
    }

    fn evaluate(&self) -> train::Result<Vec<(&'static str, f64)>> {
        let Target::Numbers(scaler) = &self.target else {
            let (loss, labels, answers) = self.classified()?;
            let right = labels.iter().zip(&answers).filter(|(label, answer)| label == answer).count();
            return Ok(vec![("test loss", loss), ("test accuracy", right as f64 / labels.len() as f64)]);
        };
        let mut errors = Regression::new(&self.device)?;
        for batch in self.test.batches(0, 0) {
            let rows = batch.to_device(&self.device)?;
            errors.update(&self.net.forward(&rows.features, Mode::Eval), &rows.targets);
        }
        let (found, unit) = (errors.compute()?, scaler.scale[0]);
        Ok(vec![
            ("test loss", found.mse),
            ("test rmse", unit * found.rmse),
            ("test mae", unit * found.mae),
            ("test r2", found.r2),
        ])
    }
}
