//! The small sets of real data in `fixtures`.

use std::path::Path;

use anyhow::Result;
use wgrad::data;
use wgrad::prelude::*;

use crate::targets::shuffle;

/// Real rows of numbers with their classes.
#[derive(Clone, Debug)]
pub struct Table {
    /// `[N][D]`
    pub rows: Vec<Vec<f64>>,
    /// `[N]`
    pub classes: Vec<u32>,
}

impl Table {
    /// 150 flowers of three kinds, by four lengths.
    pub fn iris() -> Table {
        Table::parsed(include_str!("../fixtures/iris.csv"))
    }

    /// 178 wines of three growers, by 13 measurements.
    pub fn wine() -> Table {
        Table::parsed(include_str!("../fixtures/wine.csv"))
    }

    /// 569 tumours, malign (0) or benign (1), by 30 measurements.
    pub fn breast_cancer() -> Table {
        Table::parsed(include_str!("../fixtures/breast_cancer.csv"))
    }

    /// 1797 digits, by 64 grey levels from 0 to 16; the last 360 are those to test with.
    ///
    /// # Errors
    /// Files that are not there.
    pub fn digits() -> Result<Table> {
        let set = data::load(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/digits"))?;
        let pixels = |p: &u8| f64::from(*p) / 15.0;
        let rows = |set: &data::ImageSet| {
            set.pixels().chunks(64).map(|i| i.iter().map(pixels).collect()).collect::<Vec<_>>()
        };
        Ok(Table {
            rows: [rows(&set.train), rows(&set.test)].concat(),
            classes: [set.train.labels(), set.test.labels()].concat(),
        })
    }

    fn parsed(text: &str) -> Table {
        let (rows, last) = parsed(text);
        Table { rows, classes: last.into_iter().map(|class| class as u32).collect() }
    }

    /// The rows to train with, whose classes are in random order if [targets are shuffled](crate::shuffle_targets), and every fourth row,
    /// to test with.
    pub fn split(&self) -> [Table; 2] {
        let [mut train, test] = in_four(self.rows.len()).map(|rows| self.subset(&rows));
        shuffle(&mut train.classes);
        [train, test]
    }

    /// With every column of mean 0 and variance 1; constant columns become 0.
    pub fn standardized(mut self) -> Table {
        let count = self.rows.len() as f64;
        for column in 0..self.rows[0].len() {
            let mean = self.rows.iter().map(|row| row[column]).sum::<f64>() / count;
            let variance = self.rows.iter().map(|row| (row[column] - mean).powi(2)).sum::<f64>() / count;
            let scale = if variance > 0.0 { variance.sqrt().recip() } else { 0.0 };
            self.rows.iter_mut().for_each(|row| row[column] = (row[column] - mean) * scale);
        }
        self
    }

    /// The rows of these indices.
    pub fn subset(&self, indices: &[usize]) -> Table {
        Table {
            rows: indices.iter().map(|&i| self.rows[i].clone()).collect(),
            classes: indices.iter().map(|&i| self.classes[i]).collect(),
        }
    }

    /// The rows `[N, D]` and the classes `[N]`, i32.
    ///
    /// # Errors
    /// Out of memory.
    pub fn to_device(&self, device: &Device) -> Result<(Tensor, Tensor)> {
        let values: Vec<f32> = self.rows.iter().flatten().map(|&v| v as f32).collect();
        let classes: Vec<i32> = self.classes.iter().map(|&class| class as i32).collect();
        Ok((
            Tensor::from_slice(device, &values, &[self.rows.len(), self.rows[0].len()])?,
            Tensor::from_slice(device, &classes, &[classes.len()])?,
        ))
    }
}

/// The numbers of each line after the first, and the last of them apart.
fn parsed(text: &str) -> (Vec<Vec<f64>>, Vec<f64>) {
    let row = |line: &str| line.split(',').map(|v| v.parse().expect("a number")).collect::<Vec<f64>>();
    let mut rows: Vec<Vec<f64>> = text.lines().skip(1).map(row).collect();
    let last = rows.iter_mut().map(|row| row.pop().expect("a target")).collect();
    (rows, last)
}

/// The rows that are no fourth one, and those that are, from the first on.
fn in_four(count: usize) -> [Vec<usize>; 2] {
    let (test, train) = (0..count).partition(|i| i % 4 == 0);
    [train, test]
}

/// Rows of numbers with a number to predict.
#[derive(Clone, Debug)]
pub struct Measurements {
    /// `[N][D]`
    pub rows: Vec<Vec<f64>>,
    /// `[N]`
    pub values: Vec<f64>,
}

impl Measurements {
    /// 442 patients by ten measurements of mean 0 and variance 1, and how far their diabetes has come a year later; the values are in random
    /// order if [targets are shuffled](crate::shuffle_targets).
    pub fn diabetes() -> Measurements {
        let (mut rows, mut values) = parsed(include_str!("../fixtures/diabetes.csv"));
        let scale = (rows.len() as f64).sqrt();
        rows.iter_mut().flatten().for_each(|v| *v *= scale);
        shuffle(&mut values);
        Measurements { rows, values }
    }

    /// The rows of these indices.
    pub fn subset(&self, indices: &[usize]) -> Measurements {
        Measurements {
            rows: indices.iter().map(|&i| self.rows[i].clone()).collect(),
            values: indices.iter().map(|&i| self.values[i]).collect(),
        }
    }

    /// The rows to train with, and every fourth row, to test with.
    pub fn split(&self) -> [Measurements; 2] {
        in_four(self.rows.len()).map(|rows| self.subset(&rows))
    }

    /// The rows `[N, D]` and the values `[N]`.
    ///
    /// # Errors
    /// Out of memory.
    pub fn to_device(&self, device: &Device) -> Result<(Tensor, Tensor)> {
        let floats = |values: &mut dyn Iterator<Item = &f64>| values.map(|&v| v as f32).collect::<Vec<f32>>();
        let (n, width) = (self.rows.len(), self.rows[0].len());
        Ok((
            Tensor::from_slice(device, &floats(&mut self.rows.iter().flatten()), &[n, width])?,
            Tensor::from_slice(device, &floats(&mut self.values.iter()), &[n])?,
        ))
    }
}
